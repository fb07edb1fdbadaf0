/** Reads an OpenAPI document: its operations, and for each a request that its schemas accept. */
import * as z from 'zod'

type JsonSchema = Record<string, unknown> & { properties?: Record<string, JsonSchema>; required?: string[] }

interface Media {
  schema: JsonSchema
}

interface OperationObject {
  security: Record<string, string[]>[]
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: JsonSchema }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}

export interface OpenApiDocument {
  paths: Record<string, Record<string, OperationObject>>
  components: { schemas: Record<string, JsonSchema> }
}

/** One operation with everything that a caller needs. */
export interface Operation extends OperationObject {
  /** Such as `POST /v1/avatar.speak`. */
  name: string
  method: string
  path: string
}

export function operationsOf({ paths }: OpenApiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
    })),
  )
}

/** The codes of failures that the operation documents. */
export function failureCodes({ responses }: Operation): string[] {
  return Object.values(responses).flatMap(({ description }) => description.match(/\b[A-Z][A-Z_]+[A-Z]\b/g) ?? [])
}

export interface ExampleRequest {
  method: string
  path: string
  headers: Record<string, string>
  body?: string
}

/** A request that the operation's schemas accept. A session is named wherever one may be. */
export function exampleRequest(document: OpenApiDocument, operation: Operation, sessionId: string): ExampleRequest {
  const path = operation.path.replace('{session_id}', sessionId).replace(/\{\w+\}/g, 'unknown')
  const upgrade: Record<string, string> = '101' in operation.responses ? { upgrade: 'websocket' } : {}
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  if (type === undefined || media === undefined) return { method: operation.method, path, headers: upgrade }
  const schema = resolve(document, media.schema)
  const example = exampleOf(document, schema)
  const body = schema.properties?.session_id === undefined ? example : { ...(example as object), session_id: sessionId }
  const text = type === 'application/json' ? JSON.stringify(body) : String(body)
  return { method: operation.method, path, headers: { 'content-type': type }, body: text }
}

/** Refuses a value that the operation's answer of this status does not document. */
export function answerSchema(document: OpenApiDocument, operation: Operation, status: number): z.ZodType {
  const media = operation.responses[status]?.content?.['application/json']
  if (media === undefined) throw new Error(`${operation.name} documents no JSON for ${status}`)
  const text = JSON.stringify({ ...media.schema, $defs: document.components.schemas }).replaceAll('#/components/schemas/', '#/$defs/')
  return z.fromJSONSchema(JSON.parse(text))
}

/** Values that fit, each with one field more that need not be there and is null; and the same without it. */
export function* withNullFields(
  document: OpenApiDocument,
  given: JsonSchema,
): Generator<{ field: string; value: unknown; without: unknown }> {
  const schema = resolve(document, given)
  for (const choice of (schema.anyOf ?? schema.oneOf ?? []) as JsonSchema[]) yield* withNullFields(document, choice)
  if (schema.type === 'array') {
    for (const { field, value, without } of withNullFields(document, schema.items as JsonSchema)) {
      yield { field: `0.${field}`, value: [value], without: [without] }
    }
  }
  const smallest = schema.properties === undefined ? {} : (exampleOf(document, schema) as object)
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!schema.required?.includes(name)) yield { field: name, value: { ...smallest, [name]: null }, without: smallest }
    for (const { field, value, without } of withNullFields(document, property)) {
      yield { field: `${name}.${field}`, value: { ...smallest, [name]: value }, without: { ...smallest, [name]: without } }
    }
  }
}

function resolve(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  if (typeof schema.$ref !== 'string') return schema
  return resolve(document, document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
}

/** The smallest value that fits. */
function exampleOf(document: OpenApiDocument, given: JsonSchema): unknown {
  const schema = resolve(document, given)
  const choices = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined
  if (schema.const !== undefined) return schema.const
  if (schema.example !== undefined) return schema.example
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if (choices?.[0] !== undefined) return exampleOf(document, choices[0])
  switch (schema.type) {
    case 'object':
      return Object.fromEntries((schema.required ?? []).map((name) => [name, exampleOf(document, schema.properties?.[name] ?? {})]))
    case 'array':
      return schema.minItems === undefined ? [] : [exampleOf(document, schema.items as JsonSchema)]
    case 'string':
      return 'text'
    case 'boolean':
      return false
    case 'null':
      return null
    default:
      return schema.minimum ?? 0
  }
}
