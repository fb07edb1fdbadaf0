/**
 * Writes the wire's types for the Python SDK from the schemas: `types.py` (TypedDicts and aliases) and `_error_table.py` (the one
 * table of failures). `--check` writes nothing and ends with 1 when a file is not what the schemas say. Then the blocking client, which
 * comes from the async one.
 */
import * as z from 'zod'
import * as api from '../shared/api.ts'
import * as chat from '../shared/chat.ts'
import { ERROR_CODES, ERRORS } from '../shared/errors.ts'
import * as events from '../shared/events.ts'
import * as ids from '../shared/ids.ts'
import * as stats from '../shared/stats.ts'
import * as turnDetection from '../shared/turn-detection.ts'
import { writeGenerated } from './generated.ts'
import { generateBlockingClient } from './python-sync.ts'
import { PythonTypes } from './python-types.ts'

const FOLDER = 'sdk/python/src/avatar_sdk'
const HEADER = '# Generated from the schemas by scripts/gen-python-types.ts; changes here are lost.'
/** What a client sends: fields with a default may be left out. All else is received: such fields are always there. */
const SENT = /Request$|^ClientEvent$|^SocketOptions$|^AudioData$/

function typesFile(): string {
  const modules: Record<string, unknown> = { ...ids, ...chat, ...turnDetection, ...api, ...stats, ...events }
  const exported = Object.entries(modules).filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType)
  const types = new PythonTypes()
  types.add('ErrorCode', z.toJSONSchema(z.enum(ERROR_CODES)))
  types.add('ServerEventType', z.toJSONSchema(z.enum(events.ServerEvent.options.map((event) => event.shape.type.value))))
  // named choices come before what uses them, under their names
  for (const [name, schema] of exported) if (schema instanceof z.ZodEnum) types.add(name, z.toJSONSchema(schema))
  // what is sent comes first: a part that both ways share has the form that asks less
  for (const sent of [true, false]) {
    for (const [name, schema] of exported) {
      if (SENT.test(name) !== sent) continue
      types.add(name, z.toJSONSchema(schema, { io: sent ? 'input' : 'output', unrepresentable: 'any' }))
    }
  }
  const imports = ['Any', 'Dict', 'List', 'Literal', 'Optional', 'TypedDict', 'Union'].filter((name) => types.text.includes(name))
  const names = types.names
    .toSorted()
    .map((name) => `    "${name}",\n`)
    .join('')
  return `"""What travels between client and server, as typed dictionaries: fields have the wire's own names."""

${HEADER}

from typing import ${imports.join(', ')}

__all__ = [
${names}]

${types.text}`
}

function errorTableFile(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, close, retryable }]) => `    "${code}": ErrorRow(${status}, ${close}, ${retryable ? 'True' : 'False'}),\n`,
  )
  return `"""Every failure that the server can tell: HTTP status, WebSocket close code, and whether the same call may succeed later."""

${HEADER}

from typing import Dict, NamedTuple

from .types import ErrorCode


class ErrorRow(NamedTuple):
    status: int
    close: int
    retryable: bool


ERRORS: Dict[ErrorCode, ErrorRow] = {
${rows.join('')}}
`
}

writeGenerated(FOLDER, { 'types.py': typesFile(), '_error_table.py': errorTableFile() })
generateBlockingClient()
