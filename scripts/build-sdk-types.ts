/**
 * Writes the SDK's type declarations: one set in `sdk/typescript/dist/types`, and beside each file that code can load one that
 * exports them. Those of the wire are written out from the schemas, so that a customer's compiler needs neither the schemas nor
 * the library that they are made with.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as z from 'zod'
import * as api from '../shared/api.ts'
import * as chat from '../shared/chat.ts'
import * as events from '../shared/events.ts'
import * as stats from '../shared/stats.ts'
import * as turnDetection from '../shared/turn-detection.ts'

const DIST = 'sdk/typescript/dist'
const OUT = `${DIST}/types`
/** Entry by the name of its file in each folder of `dist`. */
const ENTRIES = { index: 'sdk/typescript/src/index.js', react: 'sdk/typescript/src/react/index.js' }
type JsonSchema = Record<string, unknown>

/** The TypeScript of a JSON schema; what is referred to stands in its place. */
function typeOf(schema: JsonSchema, defs: Record<string, JsonSchema>): string {
  if (typeof schema.$ref === 'string') return typeOf(defs[schema.$ref.replace('#/$defs/', '')] ?? {}, defs)
  if ('const' in schema) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (Array.isArray(choices)) return [...new Set(choices.map((choice: JsonSchema) => typeOf(choice, defs)))].join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type }, defs)).join(' | ')
  switch (schema.type) {
    case 'object':
      return objectOf(schema, defs)
    case 'array':
      return `Array<${typeOf((schema.items ?? {}) as JsonSchema, defs)}>`
    case 'integer':
      return 'number'
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type
    default:
      return 'unknown'
  }
}

function objectOf(schema: JsonSchema, defs: Record<string, JsonSchema>): string {
  const {
    properties,
    required = [],
    additionalProperties,
  } = schema as {
    properties?: Record<string, JsonSchema>
    required?: string[]
    additionalProperties?: JsonSchema | boolean
  }
  if (!properties) return `Record<string, ${typeof additionalProperties === 'object' ? typeOf(additionalProperties, defs) : 'unknown'}>`
  const fields = Object.entries(properties).map(([name, field]) => {
    const about = typeof field.description === 'string' ? `  /** ${field.description} */\n` : ''
    const optional = required.includes(name) ? '' : '?'
    return `${about}  ${name}${optional}: ${typeOf(field, defs)}${optional === '' ? '' : ' | undefined'}\n`
  })
  return `{\n${fields.join('')}}`
}

function declarations(module: Record<string, unknown>): string {
  return Object.entries(module)
    .filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType)
    .map(([name, schema]) => {
      const json = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as JsonSchema
      const about = typeof json.description === 'string' ? `/** ${json.description} */\n` : ''
      return `${about}export type ${name} = ${typeOf(json, (json.$defs ?? {}) as Record<string, JsonSchema>)}\n`
    })
    .join('\n')
}

rmSync(OUT, { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'sdk/typescript/tsconfig.build.json'], { stdio: 'inherit' })
const schemas = { api, chat, events, stats, 'turn-detection': turnDetection }
for (const [name, module] of Object.entries(schemas)) writeFileSync(`${OUT}/shared/${name}.d.ts`, declarations(module))
rmSync(`${OUT}/shared/ids.d.ts`, { force: true })
// compilers before TypeScript 5 do not take the names of sources for their declarations
for (const name of readdirSync(OUT, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))) {
  const text = readFileSync(join(OUT, name), 'utf8')
  writeFileSync(join(OUT, name), text.replace(/(from |import\()(['"])(\.[^'"]*)\.tsx?\2/g, '$1$2$3.js$2'))
}
// one set for `import` and `require`: with two, a class with private members would not be assignable to itself
writeFileSync(`${OUT}/package.json`, '{ "type": "commonjs" }\n')
for (const [name, source] of Object.entries(ENTRIES)) {
  mkdirSync(`${DIST}/cjs`, { recursive: true })
  writeFileSync(`${DIST}/${name}.d.ts`, `export * from './types/${source}'\n`)
  writeFileSync(`${DIST}/cjs/${name}.d.ts`, `export * from '../types/${source}'\n`)
}
