/** Writes the reference that comes from the schemas, `docs/reference`. `--check` writes nothing and ends with 1 when a file is stale. */
import { errorReference } from './error-reference.ts'
import { eventReference } from './event-reference.ts'
import { writeGenerated } from './generated.ts'

const HEADER = '<!-- Generated from the schemas by scripts/gen-docs.ts; changes here are lost. -->'

writeGenerated('docs/reference', { 'events.md': eventReference(HEADER), 'errors.md': errorReference(HEADER) })
