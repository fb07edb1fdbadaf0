/** Writes what the documents say of the configuration from its schemas. `--check` writes nothing and ends with 1 when a file is stale. */
import { readFileSync } from 'node:fs'
import { Variables as OriginVariables } from '../origin/env.ts'
import { Variables as EdgeVariables } from '../worker/variables.ts'
import { configTable, exampleFile, variablesOf, withPart } from './config-reference.ts'
import { writeGenerated } from './generated.ts'

const GENERATED = 'Generated from the schemas by scripts/gen-config.ts; changes here are lost.'
/** Set by `npm start`, and so in its example. */
const LOCAL = { AUTH_MODE: 'open', DEPLOYMENT: 'local', TOKEN_SECRET: '', ORIGIN_KEY: '' }

const edge = variablesOf(EdgeVariables.shape)
const origin = variablesOf(OriginVariables.shape)
const readme = readFileSync('README.md', 'utf8')

writeGenerated('.', {
  'README.md': withPart(withPart(readme, 'edge variables', configTable('edge', edge)), 'origin variables', configTable('origin', origin)),
  '.env.example': exampleFile(
    [
      "The origin's configuration; copy to .env. Everything is optional: `npm start` runs without.",
      GENERATED,
      'HTTPS_PROXY, HTTP_PROXY and NO_PROXY may stand here too: vendors and the edge are then reached through the proxy, this machine never.',
    ],
    origin,
  ),
  '.dev.vars.example': exampleFile(
    ["The edge's configuration on this machine; copy to .dev.vars, which git ignores. Deployed: wrangler secret put NAME.", GENERATED],
    edge,
    LOCAL,
  ),
})
