/** Declares routes from the shared schemas: one description serves the router, OpenAPI and the list of methods for 405. */
import { createRoute } from '@hono/zod-openapi'
import type * as z from 'zod'
import { ErrorBody } from '../../shared/api.ts'
import { ERRORS, type ErrorCode } from '../../shared/errors.ts'
import { readBody } from './body.ts'
import type { App, AppContext, Handler } from './context.ts'

export interface RouteDescription {
  path: string
  tag: string
  summary: string
  description?: string
  response?: z.ZodType
  /** Headers of its own that the request may have. */
  headers?: z.ZodObject
  /** Also answers server-sent events. */
  streams?: boolean
  /** What it can answer besides faults of the body, the key and the edge itself. */
  errors?: readonly ErrorCode[]
  /** Media type of its body and of its answer. @default JSON */
  takes?: string
  answers?: string
  /** Status of success. @default 200 */
  status?: 200 | 201 | 204
  /** No key is asked for. */
  open?: boolean
}

const EVERYWHERE: ErrorCode[] = ['HOST_NOT_ALLOWED', 'ORIGIN_NOT_ALLOWED', 'INTERNAL_ERROR']

export function get(app: App, description: RouteDescription, handler: Handler): void {
  register(app, 'get', description, [])
  app.get(pathOf(description.path), handler)
}

/** A POST whose JSON body `schema` has accepted. */
export function post<Schema extends z.ZodType>(
  app: App,
  description: RouteDescription,
  schema: Schema,
  handler: (context: AppContext, body: z.output<Schema>) => Promise<Response>,
): void {
  register(app, 'post', description, ['INVALID_REQUEST', 'INVALID_JSON', 'PAYLOAD_TOO_LARGE'], schema)
  app.post(pathOf(description.path), async (context) => handler(context, await readBody(context.req.raw, schema)))
}

/** OpenAPI writes `{name}` where the router writes `:name`. */
export function pathOf(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1')
}

export function register(
  app: App,
  method: 'get' | 'post' | 'patch' | 'delete',
  route: RouteDescription,
  bodyErrors: ErrorCode[],
  body?: z.ZodType,
): void {
  const errors = [...bodyErrors, ...(route.open === true ? [] : (['UNAUTHORIZED'] as const)), ...(route.errors ?? []), ...EVERYWHERE]
  app.openAPIRegistry.registerPath(
    createRoute({
      method,
      path: route.path,
      tags: [route.tag],
      summary: route.summary,
      ...(route.description === undefined ? {} : { description: route.description }),
      ...(route.open === true ? { security: [] } : {}),
      request: {
        ...(route.headers === undefined ? {} : { headers: route.headers }),
        ...(body === undefined ? {} : { body: { required: true, content: { [route.takes ?? 'application/json']: { schema: body } } } }),
      },
      responses: { ...success(route), ...failures(errors) },
    }),
  )
}

function success({ response, streams, answers = 'application/json', status = 200 }: RouteDescription) {
  if (response === undefined) return { [status]: { description: 'Done.' } }
  const json = { [answers]: { schema: response } }
  return {
    [status]: {
      description: 'Done.',
      content: streams === true ? { ...json, 'text/event-stream': { schema: { type: 'string' as const } } } : json,
    },
  }
}

function failures(codes: ErrorCode[]) {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      { description: [...new Set(list)].join(', '), content: { 'application/json': { schema: ErrorBody } } },
    ]),
  )
}
