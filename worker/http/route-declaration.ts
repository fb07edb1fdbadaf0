/** What a route declares, and what its handler gets for it. */
import type * as z from 'zod'
import type { ErrorCode } from '../../shared/errors.ts'
import type { LinkCall } from '../../shared/link.ts'
import type { CallResult, RateBucket, SessionObject } from '../objects/contracts.ts'
import type { AppContext, Caller } from './context.ts'

/**
 * Who may call.
 *
 * - `session`: an API key, or a session's token; where the request names a session, it must be the token's own and the tenant's.
 * - `key`: an API key.
 * - `admin`: an operator's key.
 * - `origin`: the key that origins dial in with.
 * - `open`: everybody.
 */
export type Auth = 'session' | 'key' | 'admin' | 'origin' | 'open'

/** A call is counted for its caller, so only routes that authenticate one can have a limit. */
type Access = { auth: 'session' | 'key' | 'admin'; rate: RateBucket | 'none' } | { auth: 'origin' | 'open'; rate: 'none' }

/** The route's entry in the OpenAPI document; `internal` routes have none. */
type Documentation = { internal: true; tag?: never } | { internal?: never; tag: string; summary: string; description?: string }

interface Exchange {
  /** OpenAPI's form: `/v1/whep/{session_id}`. A `{session_id}` names the session of the call. */
  path: `/${string}`
  /** The parameter of the path may contain slashes. */
  slashes?: true
  /** Schema of the body. A field `session_id` names the session of the call. */
  body?: z.ZodType
  /** Media type of a body that is not JSON; another one is answered with 415. */
  takes?: string
  /** Largest body, bytes. @default MAX_BODY_BYTES */
  maxBytes?: number
  /** A field `token` takes the session's token, for callers that can set nothing but the address. */
  query?: z.ZodObject
  /** Headers that the route reads. `x-session-id` names the session of the call if the body does not. */
  headers?: z.ZodObject
  /** A WebSocket: other requests are answered with 426. */
  upgrade?: true
  response?: z.ZodType
  /** Media type of the answer. @default JSON */
  answers?: string
  /** Further media types of the answer. */
  alsoAnswers?: readonly string[]
  /** Status of success. @default 200 */
  status?: 200 | 201 | 204 | 302
  /** Other statuses that have the same body, and what they mean. */
  alsoStatus?: Readonly<Record<number, string>>
  /** Failures of the handler itself; those of authentication, body and limit follow from the declaration. */
  errors?: readonly ErrorCode[]
}

export type RouteDeclaration = Exchange & Access & Documentation
export type Method = 'get' | 'post' | 'patch' | 'delete'
export type DeclaredRoute = RouteDeclaration & { method: Method }

/** The session that a request names and may use. */
export interface NamedSession {
  /** In lower case. */
  id: string
  object: SessionObject
  /** Hands a call to the session's origin. @throws AvatarError as the origin or the session answered */
  call(call: LinkCall): Promise<CallResult>
}

/** What the handler of a declaration gets. */
export type RouteRequest<D extends RouteDeclaration> = { context: AppContext } & Found<D> & BodyOf<D> & QueryOf<D>

type Found<D extends RouteDeclaration> = D['auth'] extends 'session'
  ? { caller: Caller; tenant: string; session: NamesSession<D> extends true ? NamedSession : NamedSession | undefined }
  : D['auth'] extends 'key'
    ? { tenant: string }
    : D['auth'] extends 'admin'
      ? { operator: string }
      : { [none in never]: never }
type NamesSession<D extends RouteDeclaration> = D['path'] extends `${string}{session_id}${string}`
  ? true
  : D extends { body: infer Body extends z.ZodType }
    ? z.output<Body> extends { session_id: string }
      ? true
      : false
    : false
type BodyOf<D> = D extends { body: infer Body extends z.ZodType } ? { body: z.output<Body> } : { [none in never]: never }
type QueryOf<D> = D extends { query: infer Query extends z.ZodType } ? { query: z.output<Query> } : { [none in never]: never }

export type RouteHandler<D extends RouteDeclaration> = (request: RouteRequest<D>) => Promise<Response> | Response
