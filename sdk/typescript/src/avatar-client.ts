/** The way in: where the server is, who calls, and the sessions. */
import type { AvatarListResponse, HealthResponse, NewSessionResponse, SessionListResponse, VoiceListResponse } from '../../../shared/api.ts'
import { AvatarSession } from './avatar-session.ts'
import { avatarError } from './core/errors.ts'
import { Http } from './core/http.ts'
import type { AvatarClientOptions, Logger, SessionGrant, SessionOptions, WebSocketConstructor } from './core/options.ts'
import type { SessionFacts } from './core/session-connection.ts'

const TIMEOUT_MS = 20_000
const MAX_RETRIES = 2
const RECONNECT_FOR_MS = 120_000

/** Warnings reach the console, so that an error nobody listens for is seen. */
const consoleLogger: Logger = {
  debug: () => undefined,
  // biome-ignore lint/suspicious/noConsole: the default place for what nobody else is told
  warn: (message, fields) => console.warn(`avatar: ${message}`, fields ?? ''),
}

export interface CallControl {
  signal?: AbortSignal
  /** Further attempts of this call. @default the client's */
  maxRetries?: number
}

/**
 * @example
 * const client = new AvatarClient({ apiUrl: 'http://localhost:8000/v1', wsUrl: 'ws://localhost:8001/ws' })
 * const session = await client.createSession({ quality: 'high' })
 * await session.connect()
 */
export class AvatarClient {
  readonly #options: AvatarClientOptions
  readonly #http: Http
  readonly #logger: Logger
  readonly #apiUrl: string

  constructor(options: AvatarClientOptions) {
    const { apiKey, timeoutMs = TIMEOUT_MS, maxRetries = MAX_RETRIES, fetch = globalThis.fetch, logger = consoleLogger } = options
    this.#options = options
    this.#logger = logger
    this.#apiUrl = withoutSlash(options.apiUrl)
    // a wrapper: a fetch kept in a field would be called with that field's object as `this`
    const call: typeof fetch = (input, init) => fetch(input, init)
    this.#http = new Http({ baseUrl: this.#apiUrl, bearer: apiKey, timeoutMs, maxRetries, fetch: call, logger })
  }

  /** Opens a session. @throws AvatarError */
  async createSession(options: SessionOptions = {}, control: CallControl = {}): Promise<AvatarSession> {
    const answer = await this.#http.json<NewSessionResponse>('/streaming.new', { body: options, repeatable: true, ...control })
    const { session_id, access_token, ice_servers, limits, warnings = [] } = answer
    return this.#session({ session_id, access_token, ice_servers, limits, warnings }, answer.ws_url, true)
  }

  /**
   * A session that somebody else opened, by its token, or by the answer of `streaming.new`.
   *
   * @throws AvatarError UNAUTHORIZED when it is no session token
   */
  attachSession(grant: string | SessionGrant): AvatarSession {
    const { access_token, ice_servers = [], ws_url }: SessionGrant = typeof grant === 'string' ? { access_token: grant } : grant
    const session_id = sessionIdOf(access_token)
    return this.#session({ session_id, access_token, ice_servers, limits: undefined, warnings: [] }, ws_url, false)
  }

  /** Open sessions of this API key. @throws AvatarError */
  async sessions(control: CallControl = {}): Promise<SessionListResponse> {
    return await this.#http.json('/streaming.sessions', control)
  }

  /** Who can appear. @throws AvatarError */
  async avatars(control: CallControl = {}): Promise<AvatarListResponse> {
    return await this.#http.json('/avatars', control)
  }

  /** How they can sound. @throws AvatarError */
  async voices(control: CallControl = {}): Promise<VoiceListResponse> {
    return await this.#http.json('/voices', control)
  }

  /** Whether everything is there. @throws AvatarError */
  async health(control: CallControl = {}): Promise<HealthResponse> {
    // /health stands beside /v1, not under it
    return await this.#http.json('/../health', control)
  }

  #session(facts: SessionFacts, wsUrl: string | undefined, owned: boolean): AvatarSession {
    const { reconnectForMs = RECONNECT_FOR_MS, WebSocket = globalThis.WebSocket as WebSocketConstructor | undefined } = this.#options
    if (!WebSocket) {
      const message = 'This platform has no WebSocket; pass one in the options (in Node before 22: the package ws).'
      throw avatarError({ code: 'CONNECTION_FAILED', message })
    }
    const base = this.#options.wsUrl ?? this.#apiUrl.replace(/^http/, 'ws').replace(/\/v1$/, '/ws')
    const url = this.#options.wsUrl === undefined && wsUrl !== undefined ? wsUrl : `${withoutSlash(base)}/${facts.session_id}`
    const http = this.#http.withBearer(facts.access_token)
    return new AvatarSession({ facts, http, owned, socket: { url, WebSocket, reconnectForMs, logger: this.#logger } })
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

/** The subject of a session token (RFC 7519); the server checks its signature, not we. @throws AvatarError UNAUTHORIZED */
function sessionIdOf(token: string): string {
  try {
    const [, payload = ''] = token.split('.')
    const { sub } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { sub?: unknown }
    if (typeof sub === 'string' && sub !== '') return sub
  } catch {
    // not a token at all: said below, as for one without a session
  }
  throw avatarError({ code: 'UNAUTHORIZED', message: 'This is no session token; take the access_token of streaming.new.' })
}
