/**
 * What happens before a route's handler, by its declaration: authentication, then query and body, then the rate limit. A caller
 * without a valid key is refused before any of the body is read.
 */
import type * as z from 'zod'
import { MAX_BODY_BYTES } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import { SessionId } from '../../shared/ids.ts'
import { unwrap } from '../objects/result.ts'
import { sessionStub } from '../objects/stubs.ts'
import { adminOf, callerByAddress, callerOf, requireOriginKey, tenantByKey, tenantForSession } from './auth.ts'
import { check, readJson, readText, requireMediaType } from './body.ts'
import type { AppContext, Caller } from './context.ts'
import { takeRate } from './rate-limit.ts'
import type { DeclaredRoute, NamedSession } from './route-declaration.ts'

/** Names the session of a call, for clients that cannot put a field of ours into the body. */
export const SESSION_HEADER = 'x-session-id'

/** Everything that a handler may get; which fields there are follows from its declaration. */
export interface Admitted {
  context: AppContext
  query: unknown
  body: unknown
  caller?: Caller
  tenant?: string
  operator?: string
  session?: NamedSession | undefined
}

/** @throws AvatarError UPGRADE_REQUIRED, UNAUTHORIZED, SESSION_NOT_FOUND, RATE_LIMITED, or what is wrong with query or body */
export async function admit(context: AppContext, route: DeclaredRoute): Promise<Admitted> {
  if (route.upgrade) requireUpgrade(context)
  switch (route.auth) {
    case 'session':
      return await admitToSession(context, route)
    case 'key': {
      const tenant = await tenantByKey(context)
      const input = await inputOf(context, route)
      if (route.rate !== 'none') await takeRate(context, tenant, route.rate)
      return { context, ...input, tenant }
    }
    case 'admin': {
      const operator = await adminOf(context)
      const input = await inputOf(context, route)
      // no tenant's name contains a colon
      if (route.rate !== 'none') await takeRate(context, `admin:${operator}`, route.rate)
      return { context, ...input, operator }
    }
    case 'origin':
      await requireOriginKey(context)
      return { context, ...(await inputOf(context, route)) }
    case 'open':
      return { context, ...(await inputOf(context, route)) }
  }
}

async function admitToSession(context: AppContext, route: DeclaredRoute): Promise<Admitted> {
  const byAddress = route.upgrade || (route.query !== undefined && 'token' in route.query.shape)
  const caller = byAddress ? await callerByAddress(context, context.req.query('token')) : await callerOf(context)
  const named = route.path.includes('{session_id}') ? sessionIdOf(context) : undefined
  // a token of another session is refused before the body is read
  if (named !== undefined) tenantForSession(caller, named)
  const input = await inputOf(context, route)
  const sessionId = named ?? fieldOf(input.body, 'session_id') ?? fieldOf(input.headers, SESSION_HEADER)
  const tenant = sessionId === undefined ? caller.tenant : tenantForSession(caller, sessionId)
  if (route.rate !== 'none') await takeRate(context, tenant, route.rate)
  const session = sessionId === undefined ? undefined : namedSession(context, tenant, sessionId)
  return { context, ...input, caller, tenant, session }
}

function namedSession(context: AppContext, tenant: string, id: string): NamedSession {
  const object = sessionStub(context.env, id)
  return { id, object, call: async (call) => unwrap(await object.call(tenant, context.get('requestId'), call)) }
}

/** @throws AvatarError SESSION_NOT_FOUND */
export function sessionIdOf(context: AppContext): string {
  const given = context.req.param('session_id') ?? ''
  const id = SessionId.safeParse(given)
  if (id.success) return id.data
  throw new AvatarError('SESSION_NOT_FOUND', 'The specified session does not exist', { session_id: given.slice(0, 64) })
}

interface Input {
  headers: unknown
  query: unknown
  body: unknown
}

async function inputOf(context: AppContext, route: DeclaredRoute): Promise<Input> {
  return {
    headers: route.headers && check(route.headers, context.req.header()),
    query: route.query && check(route.query, context.req.query()),
    body: route.body && (await readBody(context, route, route.body)),
  }
}

async function readBody(context: AppContext, { takes, maxBytes = MAX_BODY_BYTES }: DeclaredRoute, schema: z.ZodType): Promise<unknown> {
  if (takes === undefined) return await readJson(context.req.raw, schema, maxBytes)
  const text = await readText(context.req.raw, maxBytes)
  // what is wrong with an empty body is that it is empty
  if (text.trim() === '') return check(schema, '')
  requireMediaType(context.req.raw, takes)
  return check(schema, text)
}

function fieldOf(input: unknown, name: string): string | undefined {
  const value: unknown = typeof input === 'object' && input !== null ? Reflect.get(input, name) : undefined
  return typeof value === 'string' ? value : undefined
}

function requireUpgrade(context: AppContext): void {
  if (context.req.header('upgrade')?.toLowerCase() === 'websocket') return
  throw new AvatarError('UPGRADE_REQUIRED', 'This address is a WebSocket; open it with an upgrade request.')
}
