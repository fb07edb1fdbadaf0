/** Who calls, and whether they may. Everything is decided here, before an object wakes. */
import { AvatarError } from '../../shared/errors.ts'
import type { Config } from '../env.ts'
import type { ApiKey } from '../variables.ts'
import type { AppContext, Caller } from './context.ts'
import { readToken } from './session-token.ts'

/** The tenant of everyone in open mode. */
const LOCAL_TENANT = 'local'
const TOKEN_PROTOCOL = 'avatar.token.'
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/**
 * The caller by API key or session token. In open mode without either: tenant `local`.
 *
 * @throws AvatarError UNAUTHORIZED
 */
export async function callerOf(context: AppContext): Promise<Caller> {
  const config = context.get('config')
  const header = context.req.header('authorization')
  const bearer = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
  if (header !== undefined && bearer === undefined && config.AUTH_MODE === 'keys') throw unauthorized('Send `Authorization: Bearer KEY`.')
  return identify(config, bearer)
}

/**
 * The same where the address is all that a caller can set: a browser's socket, a player. The session's token may stand in the query, or in
 * a socket's subprotocol. API keys may not: addresses are kept and shown.
 *
 * @throws AvatarError UNAUTHORIZED
 */
export async function callerByAddress(context: AppContext, queryToken: string | undefined): Promise<Caller> {
  const offered = offeredProtocols(context).find((protocol) => protocol.startsWith(TOKEN_PROTOCOL))
  // where the address has it already, players add their query to it once more
  const token = queryToken?.split('?')[0] ?? offered?.slice(TOKEN_PROTOCOL.length)
  if (token === undefined) return callerOf(context)
  const session = await readToken(token, context.get('config').TOKEN_SECRET)
  if (session === undefined) throw unauthorized('The session token is not valid, or no longer.')
  return { kind: 'session', ...session }
}

/** The subprotocol to agree to: `avatar` where it is offered, else the one that carried the token; browsers insist on an answer. */
export function agreedProtocol(context: AppContext): string | null {
  const offered = offeredProtocols(context)
  return offered.find((protocol) => protocol === 'avatar') ?? offered.find((protocol) => protocol.startsWith(TOKEN_PROTOCOL)) ?? null
}

/** @throws AvatarError UNAUTHORIZED for a session token: what concerns no one session needs the API key */
export async function tenantByKey(context: AppContext): Promise<string> {
  const caller = await callerOf(context)
  if (caller.kind === 'session') throw unauthorized('A session token drives its own session only; this call needs an API key.')
  return caller.tenant
}

/** @throws AvatarError UNAUTHORIZED, or SESSION_NOT_FOUND for a token of another session */
export function tenantForSession(caller: Caller, sessionId: string): string {
  if (caller.kind === 'session' && caller.sessionId !== sessionId) {
    throw new AvatarError('SESSION_NOT_FOUND', 'The specified session does not exist', { session_id: sessionId })
  }
  return caller.tenant
}

/**
 * The operator, by a key of ADMIN_KEYS; `local` in open mode without such keys.
 *
 * @throws AvatarError UNAUTHORIZED
 */
export async function adminOf(context: AppContext): Promise<string> {
  const { ADMIN_KEYS, AUTH_MODE } = context.get('config')
  if (ADMIN_KEYS.length === 0 && AUTH_MODE === 'open') return LOCAL_TENANT
  if (ADMIN_KEYS.length === 0) throw unauthorized('There is no admin key; set ADMIN_KEYS.')
  const given = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1]
  const operator = given === undefined ? undefined : tenantOf(ADMIN_KEYS, await digest(given))
  if (operator === undefined)
    throw unauthorized(given === undefined ? 'Send `Authorization: Bearer ADMIN_KEY`.' : 'The admin key is not valid.')
  return operator
}

/** @throws AvatarError UNAUTHORIZED */
export async function requireOriginKey(context: AppContext): Promise<void> {
  const given = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
  const [one, other] = await Promise.all([digest(given), digest(context.get('config').ORIGIN_KEY)])
  if (!crypto.subtle.timingSafeEqual(one, other)) throw unauthorized('The origin key does not fit.')
}

async function identify(config: Config, bearer: string | undefined): Promise<Caller> {
  if (bearer !== undefined && JWT.test(bearer)) {
    const session = await readToken(bearer, config.TOKEN_SECRET)
    if (session !== undefined) return { kind: 'session', ...session }
    throw unauthorized('The session token is not valid, or no longer.')
  }
  if (config.AUTH_MODE === 'open') return { kind: 'key', tenant: LOCAL_TENANT }
  const tenant = bearer === undefined ? undefined : tenantOf(config.API_KEYS, await digest(bearer))
  if (tenant === undefined) throw unauthorized(bearer === undefined ? 'Send `Authorization: Bearer KEY`.' : 'The API key is not valid.')
  return { kind: 'key', tenant }
}

/** Compares with every key, whichever fits, so that the time tells nothing. */
function tenantOf(keys: ApiKey[], given: ArrayBuffer): string | undefined {
  let tenant: string | undefined
  for (const key of keys) if (crypto.subtle.timingSafeEqual(key.digest, given)) tenant = key.tenant
  return tenant
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
}

function offeredProtocols(context: AppContext): string[] {
  const header = context.req.header('sec-websocket-protocol') ?? ''
  return header.split(',').map((protocol) => protocol.trim())
}

function unauthorized(message: string): AvatarError {
  return new AvatarError('UNAUTHORIZED', message)
}
