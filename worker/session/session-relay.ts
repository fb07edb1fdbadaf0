/** The Durable Object of one session: a shell that hands sockets, calls and deadlines to the parts in session/. */
import { DurableObject } from 'cloudflare:workers'
import type { IceServer, SessionSummary } from '../../shared/api.ts'
import { ERRORS } from '../../shared/errors.ts'
import { newId } from '../../shared/ids.ts'
import type { LinkCall, SessionConfig } from '../../shared/link.ts'
import type { Env } from '../env.ts'
import { detached } from '../log.ts'
import { ANSWER_MS, type CallResult, CHAT_MS, PendingCalls } from '../objects/pending-calls.ts'
import { fail, NO_ORIGIN, noOrigin, noSession, type Result, succeed } from '../objects/result.ts'
import { refusal, type SocketRole, socketResponse, socketRole } from '../objects/sockets.ts'
import { poolStub, tenantStub } from '../objects/stubs.ts'
import { Audience } from './client-fanout.ts'
import { ClientMessages } from './client-inbox.ts'
import { closeQuietly } from './client-socket.ts'
import { EventLog } from './event-log.ts'
import { OriginSide } from './origin-connection.ts'
import { OriginMessages, parseUp } from './origin-inbox.ts'
import type { OriginAttachment } from './origin-socket.ts'
import { Ending } from './session-end.ts'
import {
  deadlines,
  durationS,
  expiresInS,
  type OriginNews,
  openSession,
  type Placement,
  placementOf,
  type SessionSettings,
  type SessionState,
  samePlacement,
} from './session-state.ts'
import { SessionStore } from './session-store.ts'

/** Sockets of one session. */
const MAX_CLIENTS = 16

export interface NewSession {
  config: SessionConfig
  tenant: string
  settings: SessionSettings
  /** How long origin and session socket may take, ms. */
  waitMs: number
}

export class SessionRelay extends DurableObject<Env> {
  readonly #store: SessionStore
  readonly #calls: PendingCalls<LinkCall>
  readonly #origin: OriginSide
  readonly #ending: Ending
  readonly #clients: ClientMessages
  readonly #words: OriginMessages
  /** Undefined where there is no session. */
  #audience: Audience | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    // answered by the platform: a ping does not wake a hibernating object
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'))
    this.#store = new SessionStore(ctx.storage)
    this.#calls = new PendingCalls({
      send: (id, call) => this.#origin.send({ type: 'request', id, call }),
      cancel: (id) => this.#origin.send({ type: 'cancel', id }),
      noOrigin: NO_ORIGIN,
    })
    const { state } = this.#store
    if (state !== undefined) this.#openAudience(state)
    this.#origin = new OriginSide(
      {
        store: this.#store,
        audience: () => this.#audience,
        place: (config, waitMs) => poolStub(env).place(config, this.#store.state?.tenant ?? '', waitMs),
        lost: () => this.#calls.failAll(noOrigin(NO_ORIGIN).error),
        finish: (reason) => this.#ending.finish(reason),
      },
      ctx.getWebSockets('origin'),
    )
    const parts = { store: this.#store, origin: this.#origin, calls: this.#calls, audience: () => this.#audience }
    this.#ending = new Ending({ ...parts, forget: () => this.#forget() })
    this.#clients = new ClientMessages(parts)
    this.#words = new OriginMessages({ ...parts, closed: (reason) => detached('end of session', this.#ending.closed(reason)) })
    // after a restart, and not only an eviction, the sockets are gone without a word
    if (this.#audience?.size === 0 && state?.joined === true && state.clientsLeftAt === null) {
      this.#store.change({ clientsLeftAt: Date.now() })
    }
    this.#store.constructed()
  }

  // --- calls of the Worker --------------------------------------------------------------------------------------------

  /** Finds an origin and waits until it has dialled in. On failure nothing is left behind. */
  async create({ config, tenant, settings, waitMs }: NewSession): Promise<Result<{ warnings: string[] }>> {
    if (this.#store.state !== undefined) return fail('INTERNAL_ERROR', 'The session exists already.')
    const deadline = Date.now() + waitMs
    EventLog.create(this.ctx.storage)
    const state = openSession(config, tenant, settings)
    this.#store.enter(state)
    this.#openAudience(state)
    const placed = await this.#origin.place(config, waitMs)
    if (!placed.ok || !(await this.#origin.arrives(deadline - Date.now()))) {
      await this.#forget()
      return placed.ok ? noOrigin('The origin took the session but did not connect in time; try again.') : placed
    }
    detached('count of sessions', poolStub(this.env).countCreated())
    return succeed({ warnings: placed.value.warnings })
  }

  async call(tenant: string, requestId: string, call: LinkCall): Promise<Result<CallResult>> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    this.#store.touch(Date.now())
    const result = await this.#calls.ask(requestId, call, call.method === 'chat' ? CHAT_MS : ANSWER_MS)
    if (!result.ok) return result
    if (typeof result.value.task_id === 'string' && call.method !== 'interrupt') this.#origin.opened(result.value.task_id)
    if (call.method === 'start' || call.method === 'watch') this.#store.change({ joined: true, started: true })
    return result
  }

  /** A chat as server-sent events, ending in `data: [DONE]`. */
  async chatStream(tenant: string, requestId: string, call: LinkCall): Promise<Result<ReadableStream<Uint8Array>>> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    this.#store.touch(Date.now())
    return this.#calls.askStream(requestId, call)
  }

  /** The HTTP client of this request has gone. */
  cancelCall(tenant: string, requestId: string): void {
    if (this.#of(tenant) !== undefined) this.#calls.cancel(requestId)
  }

  async stop(tenant: string): Promise<Result<{ duration: number }>> {
    // also while the last sentence is being spoken: it is cut off
    return this.#store.state?.tenant === tenant ? succeed({ duration: await this.#ending.stop('client_stop') }) : noSession(this.#sessionId)
  }

  /** The same for an operator, whoever's session it is. */
  async adminStop(): Promise<Result<{ duration: number }>> {
    return this.#store.state === undefined ? noSession(this.#sessionId) : succeed({ duration: await this.#ending.stop('admin') })
  }

  /** What clients of this session find their way with. */
  iceServers(tenant: string): IceServer[] {
    return this.#of(tenant)?.config.ice_servers ?? []
  }

  keepAlive(tenant: string): Result<{ expires_in_s: number }> {
    const now = Date.now()
    if (this.#of(tenant) !== undefined) this.#store.touch(now)
    const state = this.#of(tenant)
    return state === undefined ? noSession(this.#sessionId) : succeed({ expires_in_s: expiresInS(state, now) })
  }

  /** `known`: the session stands in storage. `summary` is null while neither a client nor an origin holds it. */
  summary(): { known: boolean; summary: SessionSummary | null } {
    const { state } = this.#store
    if (state === undefined) return { known: false, summary: null }
    const held = this.#origin.connected || (this.#audience?.size ?? 0) > 0
    if (!held || state.phase === 'closing') return { known: true, summary: null }
    const { session_id, created_at, avatar_id, quality } = state.config
    const status = state.phase === 'reconnecting' ? 'reconnecting' : state.joined ? 'active' : 'created'
    const duration = durationS(state, Date.now())
    return { known: true, summary: { session_id, status, created_at: new Date(created_at).toISOString(), duration, avatar_id, quality } }
  }

  // --- calls of the pool ----------------------------------------------------------------------------------------------

  /**
   * What became of the process that carried the session: when it is dead another must take over.
   * Answers whether the session is still here, and its client sockets.
   */
  async originNews(placement: Placement, news: OriginNews): Promise<{ known: boolean; sockets: number }> {
    const { state } = this.#store
    const current = state === undefined ? null : placementOf(state)
    this.#store.arm()
    const concerned = current === null ? state?.phase === 'reconnecting' : samePlacement(current, placement)
    if (news !== 'nothing' && concerned) {
      this.#origin.drop(1012, 'control socket lost')
      const watched = (this.#audience?.size ?? 0) > 0
      // not awaited: the pool waits for this answer, and the new placement waits for the pool
      if (news === 'dead' && watched) detached('new placement', this.#origin.replace())
      else if (news === 'dead') await this.#origin.replace()
    }
    return { known: this.#store.state !== undefined, sockets: this.#audience?.size ?? 0 }
  }

  // --- sockets --------------------------------------------------------------------------------------------------------

  override fetch(request: Request): Response {
    const role = socketRole(request)
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    if (role.role === 'client') return this.#acceptClient(role, ours) ?? socketResponse(theirs, role.protocol)
    this.ctx.acceptWebSocket(ours, ['origin'])
    ours.serializeAttachment({ v: 1, role: 'origin', placement: null } satisfies OriginAttachment)
    return socketResponse(theirs)
  }

  override webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): void {
    if (this.#origin.owns(ws)) {
      this.#words.take(message)
      return
    }
    const client = this.#audience?.find(ws)
    if (client !== undefined) {
      this.#clients.take(client, message)
      return
    }
    const hello = parseUp(message)
    if (hello?.type === 'hello') this.#origin.hello(ws, hello)
    else closeQuietly(ws, ERRORS.INVALID_REQUEST.close, 'hello expected')
  }

  override webSocketClose(ws: WebSocket, code: number): void {
    // 1005 and 1006 stand for "no code": they cannot be sent back
    closeQuietly(ws, code === 1005 || code === 1006 ? 1000 : code, '')
    const leaves = this.#origin.owns(ws) && (code === 1000 || code === 1001)
    this.#gone(ws)
    // an origin that shuts down closes its sockets in good order; the session itself goes on
    if (leaves) detached('new placement', this.#origin.move())
  }

  override webSocketError(ws: WebSocket): void {
    this.#gone(ws)
  }

  override async alarm(): Promise<void> {
    this.#store.rang()
    const now = Date.now()
    for (const deadline of this.#store.state === undefined ? [] : deadlines(this.#store.state)) {
      if (deadline.at > now || this.#store.state === undefined) break
      await this.#ending.meet(deadline, now)
    }
    this.#store.arm()
  }

  #acceptClient(role: Extract<SocketRole, { role: 'client' }>, ws: WebSocket): Response | undefined {
    const audience = this.#audience
    if (this.#of(role.tenant) === undefined || audience === undefined) return refusal(noSession(this.#sessionId).error)
    if (audience.size >= MAX_CLIENTS) {
      return refusal(fail('CONCURRENCY_LIMIT', `A session has at most ${MAX_CLIENTS} sockets; close one.`, { limit: MAX_CLIENTS }).error)
    }
    const { token: _token, resume_from: resumeFrom, ...options } = role.options
    this.ctx.acceptWebSocket(ws, ['client'])
    this.#store.change({ joined: true, clientsLeftAt: null })
    this.#store.touch(Date.now())
    const attachment = { v: 1, role: 'client', client_id: newId('cli'), options, acks: false } as const
    audience.join(ws, attachment, this.#origin.connected ? 'live' : 'reconnecting', resumeFrom)
    this.#audienceChanged()
    return undefined
  }

  #gone(ws: WebSocket): void {
    if (this.#origin.closed(ws) || this.#audience?.leave(ws) !== true) return
    if (this.#audience.size === 0) this.#store.change({ clientsLeftAt: Date.now() })
    this.#audienceChanged()
  }

  #audienceChanged(): void {
    this.#origin.sendWants()
    const report = { sockets: this.#audience?.size ?? 0, store_bytes: this.ctx.storage.sql.databaseSize }
    detached('report of sockets', poolStub(this.env).reportSession(this.#sessionId, report))
  }

  /** Everything is closed and nothing is kept. */
  async #forget(): Promise<void> {
    const { state } = this.#store
    if (state === undefined) return
    const { session_id } = state.config
    this.#calls.failAll(noSession(session_id).error)
    this.#audience?.closeAll(1000, 'session ended')
    this.#audience = undefined
    this.#origin.close()
    await this.#store.clear()
    detached('release of session', poolStub(this.env).release(session_id))
    detached('removal from list', tenantStub(this.env, state.tenant).remove(session_id))
  }

  get #sessionId(): string {
    return this.#store.state?.config.session_id ?? this.ctx.id.name ?? ''
  }

  /** The session, if it is this tenant's and not ending. */
  #of(tenant: string): SessionState | undefined {
    const { state } = this.#store
    return state?.tenant === tenant && state.phase !== 'closing' ? state : undefined
  }

  #openAudience({ config: { session_id: sessionId }, settings: { messagesPerSecond } }: SessionState): void {
    const events = new EventLog(this.ctx.storage)
    this.#audience = new Audience({ sessionId, messagesPerSecond, events, sockets: this.ctx.getWebSockets('client') })
  }
}
