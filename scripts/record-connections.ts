/**
 * Runs a command and prints whom it contacted, with everything that it started: each address and each name that was looked up.
 * Ends with 1 when one of them is neither this machine nor allowed, else as the command did.
 *
 *     node scripts/record-connections.ts [--allow NAME_OR_ADDRESS]... [--json FILE] -- COMMAND [ARGUMENT]...
 */
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { contactsOf, contactTable } from './connections/contacts.ts'
import { recordConnections } from './connections/recorder.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { allow: { type: 'string', multiple: true, default: [] }, json: { type: 'string' } },
})

try {
  if (positionals.length === 0) throw new Error('which command? node scripts/record-connections.ts [--allow NAME]... -- COMMAND')
  const { code, calls } = await recordConnections(positionals)
  const contacts = await contactsOf(calls, values.allow)
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(contacts))
  const outside = contacts.filter(({ reach }) => reach === 'outside').length
  const summary = outside > 0 ? `${outside} outside of this machine` : 'none outside of this machine'
  console.error(`\n${contactTable(contacts)}\n\nconnections: ${summary}${values.allow.length > 0 ? ' but what is allowed' : ''}`)
  if (code !== 0) console.error(`connections: the command itself ended with ${code}`)
  process.exitCode = outside > 0 ? 1 : code
} catch (error) {
  console.error(`connections: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
