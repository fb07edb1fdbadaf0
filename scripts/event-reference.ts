/** `docs/reference/events.md`, from the schemas of the events. */
import * as z from 'zod'
import { ClientEvent, ServerEvent, SocketOptions } from '../shared/events.ts'
import { exampleOf, type JsonSchema, resolve } from './schema-example.ts'

type EventSchema = z.ZodObject<{ type: z.ZodLiteral<string> }>
type Defs = Record<string, JsonSchema>

/** Fields of every server event: told once. */
const COMMON = ['seq', 'session_id', 'task_id', 'generation']
/** Unit by the end of a field's name. */
const UNITS: readonly [RegExp, string][] = [
  [/_ms$/, 'ms'],
  [/_s$/, 's'],
  [/_bps$/, 'bit/s'],
  [/_db$/, 'dB'],
  [/_rate$/, 'Hz'],
]

const INTRO = `A session's socket carries JSON messages both ways: \`wss://…/ws/SESSION_ID\`, locally \`ws://localhost:8001/ws/SESSION_ID\`. A client
ignores types and fields that it does not know; the server refuses unknown types with an \`error\` event. The same is in
\`/openapi.json\` (\`ClientEvent\`, \`ServerEvent\`) and, with a socket to try, at \`/docs\`. What can go wrong: [errors](errors.md).`

const BINARY = `## Binary media

With \`media=binary\` each \`frame\` and \`audio\` event is one binary message instead: a header of 40 bytes, little endian, then the JPEG,
the WAV (\`audio=clauses\`) or the samples (\`audio=chunks\`).

| bytes | type | what |
|---|---|---|
| 0 | uint8 | version: 1 |
| 1 | uint8 | 1: frame, 2: WAV of a clause, 3: piece of PCM, 16 bit |
| 2–3 | | 0 |
| 4–7 | uint32 | \`seq\` |
| 8–11 | uint32 | \`frame_id\`; 0 for sound |
| 12–15 | uint32 | \`generation\` |
| 16–23 | float64 | \`timestamp\`, Unix seconds |
| 24–31 | float64 | \`pts_ms\`; 0 for frames |
| 32–35 | uint32 | \`sample_rate\`, Hz; 0 for frames |
| 36–39 | uint32 | samples; 0 for frames |
`

export function eventReference(header: string): string {
  const common = jsonOf(ServerEvent.options[0], 'output')
  const shared = Object.fromEntries(Object.entries(common.schema.properties ?? {}).filter(([name]) => COMMON.includes(name)))
  const options = jsonOf(SocketOptions, 'input')
  return `# Events

${header}

${INTRO}

## Socket options

Query parameters of the address, such as \`?media=binary&audio=chunks&events=words,stats\`.

${table(options.schema, options.defs, [])}
## Client → server

${index(ClientEvent.options)}

${sections(ClientEvent.options, 'input', [])}
## Server → client

${index(ServerEvent.options)}

Every server event but \`pong\` has these fields too:

${table({ properties: shared, required: ['seq', 'session_id'] }, common.defs, [])}
${sections(ServerEvent.options, 'output', COMMON)}
${BINARY}`
}

function typeNameOf(event: EventSchema): string {
  return String(event.shape.type.value)
}

function index(events: readonly unknown[]): string {
  return (events as EventSchema[]).map((event) => `[\`${typeNameOf(event)}\`](#${typeNameOf(event)})`).join(' · ')
}

function sections(events: readonly unknown[], io: 'input' | 'output', leftOut: readonly string[]): string {
  return (events as EventSchema[]).map((event) => section(event, io, leftOut)).join('\n')
}

function section(event: EventSchema, io: 'input' | 'output', leftOut: readonly string[]): string {
  const type = typeNameOf(event)
  const { schema, defs } = jsonOf(event, io)
  const example = exampleOf(schema, defs, [type])
  const checked = event.safeParse(example)
  if (!checked.success) throw new Error(`the example of ${type} does not fit its schema: ${checked.error.message}`)
  const fields = table(schema, defs, ['type', ...leftOut])
  const fence = `\`\`\`json ${io === 'input' ? 'ClientEvent' : 'ServerEvent'}\n${JSON.stringify(example, null, 2)}\n\`\`\``
  return [
    `### \`${type}\``,
    '',
    ...(schema.description ? [String(schema.description), ''] : []),
    ...(fields ? [fields] : []),
    fence,
    '',
  ].join('\n')
}

function jsonOf(event: z.ZodType, io: 'input' | 'output'): { schema: JsonSchema; defs: Defs } {
  const { $defs, ...whole } = z.toJSONSchema(event, { io, unrepresentable: 'any' }) as JsonSchema & { $defs?: Defs }
  const defs = $defs ?? {}
  return { schema: resolve(whole as JsonSchema, defs), defs }
}

/** '' where there are no fields. */
function table(schema: JsonSchema, defs: Defs, leftOut: readonly string[]): string {
  const lines = rows(schema, defs, '', leftOut)
  return lines.length === 0 ? '' : `| field | type | |\n|---|---|---|\n${lines.join('\n')}\n`
}

function rows(schema: JsonSchema, defs: Defs, prefix: string, leftOut: readonly string[]): string[] {
  const { properties = {}, required = [] } = schema
  return Object.entries(properties)
    .filter(([name]) => !leftOut.includes(name))
    .flatMap(([name, given]) => {
      const field = resolve(given, defs)
      const needed = required.includes(name) && field.default === undefined
      const said = [
        field.description,
        needed ? '' : 'optional',
        field.default === undefined || field.default === '' ? '' : `default \`${JSON.stringify(field.default)}\``,
        rangeOf(field),
      ]
      const about = said.filter(Boolean).join('; ').replaceAll('.; ', '; ').replaceAll('|', '\\|')
      const row = `| \`${prefix}${name}\` | ${typeOf(field, defs)}${unitOf(name)} | ${about} |`
      const inner = field.type === 'array' ? resolve((field.items ?? {}) as JsonSchema, defs) : field
      return [row, ...(inner.properties ? rows(inner, defs, `${prefix}${name}${field.type === 'array' ? '[]' : ''}.`, []) : [])]
    })
}

function typeOf(schema: JsonSchema, defs: Defs): string {
  if ('const' in schema) return `\`${JSON.stringify(schema.const)}\``
  if (Array.isArray(schema.enum)) {
    return schema.enum.length > 12 ? '[error code](errors.md)' : schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' \\| ')
  }
  const choices = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined
  if (choices) return [...new Set(choices.map((choice) => typeOf(resolve(choice, defs), defs)))].join(' \\| ')
  if (schema.type === 'array') return `list of ${typeOf(resolve((schema.items ?? {}) as JsonSchema, defs), defs)}`
  return [schema.type ?? 'any'].flat().join(' \\| ')
}

function unitOf(name: string): string {
  const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1]
  return unit === undefined ? '' : `, ${unit}`
}

/** The limits that a reader can use: not those of a number's representation. */
function rangeOf({ minimum, maximum, maxLength }: JsonSchema): string {
  const high = typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined
  if (typeof minimum === 'number' && high !== undefined) return `${minimum} to ${high}`
  return typeof maxLength === 'number' ? `at most ${maxLength} characters` : ''
}
