/** The OpenAPI 3.1 document, made from the declarations of routes; its schemas are zod's own JSON Schema. */
import * as z from 'zod'
import { ErrorBody } from '../../shared/api.ts'
import { ERRORS, type ErrorCode } from '../../shared/errors.ts'
import { SessionId } from '../../shared/ids.ts'
import type { Config } from '../env.ts'
import { SESSION_HEADER } from './admit.ts'
import { UNSUPPORTED_MEDIA_TYPE } from './body.ts'
import type { Auth, DeclaredRoute } from './route-declaration.ts'

type Json = Record<string, unknown>

/** Failures that any route can answer. */
const EVERYWHERE: ErrorCode[] = ['HOST_NOT_ALLOWED', 'ORIGIN_NOT_ALLOWED', 'INTERNAL_ERROR']

const SECURITY_SCHEMES = {
  key: { type: 'http', scheme: 'bearer', description: 'An API key.' },
  token: { type: 'http', scheme: 'bearer', description: 'The access_token of one session.' },
  admin: { type: 'http', scheme: 'bearer', description: "An operator's key." },
}

export interface DocumentOptions {
  routes: readonly DeclaredRoute[]
  /** Schemas that no route names, by the names that they get. */
  schemas: Readonly<Record<string, z.ZodType>>
  config: Pick<Config, 'AUTH_MODE' | 'ADMIN_KEYS'>
  info: Json
  server: string
}

export function openApiDocument({ routes, schemas, config, info, server }: DocumentOptions): Json {
  const components = new SchemaComponents()
  for (const [name, schema] of Object.entries(schemas)) components.named[name] = components.inline(schema)
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    if (route.internal) continue
    const security = securityOf(route.auth, config)
    paths[route.path] = { ...paths[route.path], [route.method]: { ...operationOf(route, components), security } }
  }
  return {
    openapi: '3.1.0',
    info,
    servers: [{ url: server }],
    paths,
    components: { schemas: components.named, securitySchemes: SECURITY_SCHEMES },
  }
}

/** Any one of the listed schemes is enough; an empty list asks for none. */
function securityOf(auth: Auth, { AUTH_MODE, ADMIN_KEYS }: DocumentOptions['config']): Record<string, string[]>[] {
  if (auth === 'admin') return AUTH_MODE === 'open' && ADMIN_KEYS.length === 0 ? [] : [{ admin: [] }]
  if (auth === 'open' || AUTH_MODE === 'open') return []
  return auth === 'session' ? [{ key: [] }, { token: [] }] : [{ key: [] }]
}

function operationOf(route: DeclaredRoute, components: SchemaComponents): Json {
  const parameters = [
    ...pathParameters(route.path, components),
    ...parametersOf('query', route.query, components),
    ...parametersOf('header', route.headers, components),
  ]
  const body = route.body && { required: true, content: { [route.takes ?? JSON_TYPE]: { schema: components.add(route.body) } } }
  return {
    tags: [route.tag],
    ...('summary' in route ? { summary: route.summary, description: route.description } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...successOf(route, components), ...failuresOf(route, components) },
  }
}

const JSON_TYPE = 'application/json'

function pathParameters(path: string, components: SchemaComponents): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    const schema = name === 'session_id' ? components.add(SessionId) : { type: 'string' }
    return { name, in: 'path', required: true, schema }
  })
}

function parametersOf(place: 'query' | 'header', object: z.ZodObject | undefined, components: SchemaComponents): Json[] {
  if (object === undefined) return []
  const { properties = {}, required = [] } = components.inline(object) as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: place, required: required.includes(name), schema }))
}

function successOf(
  { response, answers = JSON_TYPE, alsoAnswers = [], alsoStatus = {}, ...route }: DeclaredRoute,
  components: SchemaComponents,
): Json {
  if (route.upgrade) return { 101: { description: 'The socket is open.' } }
  const content = response && {
    [answers]: { schema: components.add(response) },
    ...Object.fromEntries(alsoAnswers.map((type) => [type, { schema: { type: 'string' } }])),
  }
  const statuses: [string | number, string][] = [[route.status ?? 200, 'Done.'], ...Object.entries(alsoStatus)]
  return Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, ...(content === undefined ? {} : { content }) }]),
  )
}

function failuresOf(route: DeclaredRoute, components: SchemaComponents): Json {
  const byStatus = new Map<number, Set<ErrorCode>>()
  const add = (code: ErrorCode, status: number = ERRORS[code].status): unknown =>
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code))
  for (const code of errorsOf(route)) add(code)
  if (route.body !== undefined) add('INVALID_REQUEST', UNSUPPORTED_MEDIA_TYPE)
  const content = { [JSON_TYPE]: { schema: components.add(ErrorBody) } }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, { description: [...codes].join(', '), content }]))
}

/** What follows from the declaration, then what the handler adds. */
function errorsOf({ auth, rate, path, body, takes, query, headers, upgrade, errors = [] }: DeclaredRoute): ErrorCode[] {
  const namesSession = path.includes('{session_id}') || hasField(body, 'session_id') || hasField(headers, SESSION_HEADER)
  return [
    ...(body === undefined && query === undefined && headers === undefined ? [] : (['INVALID_REQUEST'] as const)),
    ...(body === undefined ? [] : (['PAYLOAD_TOO_LARGE'] as const)),
    ...(body === undefined || takes !== undefined ? [] : (['INVALID_JSON'] as const)),
    ...(auth === 'open' ? [] : (['UNAUTHORIZED'] as const)),
    ...(auth === 'session' && namesSession ? (['SESSION_NOT_FOUND'] as const) : []),
    ...(upgrade ? (['UPGRADE_REQUIRED'] as const) : []),
    ...(rate === 'none' ? [] : (['RATE_LIMITED'] as const)),
    ...errors,
    ...EVERYWHERE,
  ]
}

function hasField(schema: z.ZodType | undefined, name: string): boolean {
  return schema instanceof z.ZodObject && name in schema.shape
}

/** Schemas that have an id are defined once, in `named`. */
class SchemaComponents {
  readonly named: Record<string, Json> = {}

  /** JSON Schema: a reference where the schema has an id, else the schema itself. */
  add(schema: z.ZodType): Json {
    // as clients write it: fields with a default may be left out
    const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input' })).replaceAll('"#/$defs/', `"${COMPONENTS}`)
    const { $defs = {}, $schema: _schema, ...json } = JSON.parse(text) as Json & { $defs?: Record<string, Json> }
    for (const [id, { id: _id, ...definition }] of Object.entries($defs)) this.named[id] = definition
    return json
  }

  /** The same without a reference. */
  inline(schema: z.ZodType): Json {
    const json = this.add(schema)
    return this.named[String(json.$ref).slice(COMPONENTS.length)] ?? json
  }
}

const COMPONENTS = '#/components/schemas/'
