/** The Durable Object of one session: dispatches sockets, calls and deadlines to the parts in session/. */
import { DurableObject } from 'cloudflare:workers'
import type { IceServer, SessionSummary } from '../../shared/api.ts'
import { ERRORS } from '../../shared/errors.ts'
import { newId } from '../../shared/ids.ts'
import type { LinkCall } from '../../shared/link.ts'
import type { Env } from '../env.ts'
import { detached } from '../log.ts'
import {
  type CallResult,
  type NewSession,
  type OriginNews,
  type Placement,
  type SessionObject,
  samePlacement,
} from '../objects/contracts.ts'
import { ANSWER_MS, CHAT_MS, PendingCalls } from '../objects/pending-calls.ts'
import { fail, NO_ORIGIN, noOrigin, noSession, type Result, succeed } from '../objects/result.ts'
import { answerClose, closeQuietly, refusal, type SocketRole, socketResponse, socketRole } from '../objects/sockets.ts'
import { poolStub, tenantStub } from '../objects/stubs.ts'
import { ClientFanout } from './client-fanout.ts'
import { ClientInbox } from './client-inbox.ts'
import { EventLog } from './event-log.ts'
import { OpenTasks } from './open-tasks.ts'
import { OriginConnection } from './origin-connection.ts'
import { OriginInbox, parseUp } from './origin-inbox.ts'
import { SessionEnd } from './session-end.ts'
import { deadlines, durationS, expiresInS, openSession, placementOf, type SessionState } from './session-state.ts'
import { SessionStore } from './session-store.ts'

/** Sockets of one session. */
const MAX_CLIENTS = 16

export class SessionRelay extends DurableObject<Env> implements SessionObject {
  readonly #store: SessionStore
  readonly #pendingCalls: PendingCalls
  readonly #originConnection: OriginConnection
  readonly #sessionEnd: SessionEnd
  readonly #clientInbox: ClientInbox
  readonly #originInbox: OriginInbox
  /** Undefined while the session does not exist. */
  #clientFanout: ClientFanout | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    // answered by the platform: a ping does not wake a hibernating object
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'))
    this.#store = new SessionStore(ctx.storage)
    this.#pendingCalls = new PendingCalls({
      cancel: (id) => this.#originConnection.send({ type: 'cancel', id }),
      noOrigin: NO_ORIGIN,
    })
    const { state } = this.#store
    if (state !== undefined) this.#openClientFanout(state)
    const clientFanout = () => this.#clientFanout
    const openTasks = new OpenTasks({ store: this.#store, clientFanout })
    this.#originConnection = new OriginConnection(
      {
        store: this.#store,
        openTasks,
        clientFanout,
        place: (config, waitMs) => poolStub(env).place(config, this.#store.state?.tenant ?? '', waitMs),
        lost: () => this.#pendingCalls.failAll(noOrigin(NO_ORIGIN).error),
        finish: (reason) => this.#sessionEnd.finish(reason),
      },
      ctx.getWebSockets('origin'),
    )
    const parts = {
      store: this.#store,
      originConnection: this.#originConnection,
      pendingCalls: this.#pendingCalls,
      openTasks,
      clientFanout,
    }
    this.#sessionEnd = new SessionEnd({ ...parts, forget: () => this.#forget(), probe: (now) => this.#probe(now) })
    this.#clientInbox = new ClientInbox(parts)
    this.#originInbox = new OriginInbox({ ...parts, closed: (reason) => detached('end of session', this.#sessionEnd.closed(reason)) })
    // a restart, unlike an eviction, closes the sockets without an event
    if (this.#clientFanout?.size === 0 && state?.joined === true && state.clientsLeftAt === null) {
      this.#store.change({ clientsLeftAt: Date.now() })
    }
    this.#store.constructed()
  }

  // --- calls of the Worker --------------------------------------------------------------------------------------------

  async create({ config, tenant, settings, waitMs }: NewSession): Promise<Result<{ warnings: string[] }>> {
    if (this.#store.state !== undefined) return fail('INTERNAL_ERROR', 'The session exists already.')
    const deadline = Date.now() + waitMs
    EventLog.create(this.ctx.storage)
    const state = openSession(config, tenant, settings)
    this.#store.enter(state)
    this.#openClientFanout(state)
    const placed = await this.#originConnection.place(config, waitMs)
    if (!placed.ok || !(await this.#originConnection.arrives(deadline - Date.now()))) {
      await this.#forget()
      return placed.ok ? noOrigin('The origin took the session but did not connect in time; try again.') : placed
    }
    detached('count of sessions', poolStub(this.env).countCreated())
    return succeed({ warnings: placed.value.warnings })
  }

  async call(tenant: string, requestId: string, call: LinkCall): Promise<Result<CallResult>> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    this.#store.touch(Date.now())
    const result = await this.#pendingCalls.ask(requestId, undefined, this.#sending(call), call.method === 'chat' ? CHAT_MS : ANSWER_MS)
    if (!result.ok) return result
    if (call.method === 'start' || call.method === 'watch') this.#store.change({ joined: true })
    return result
  }

  async chatStream(tenant: string, requestId: string, call: LinkCall): Promise<Result<ReadableStream<Uint8Array>>> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    this.#store.touch(Date.now())
    return this.#pendingCalls.askStream(requestId, undefined, this.#sending(call))
  }

  async cancelCall(tenant: string, requestId: string): Promise<void> {
    if (this.#of(tenant) !== undefined) this.#pendingCalls.cancel(requestId)
  }

  async stop(tenant: string): Promise<Result<{ duration: number }>> {
    // also while the session is closing after its last sentence, which is then cut off
    return this.#store.state?.tenant === tenant
      ? succeed({ duration: await this.#sessionEnd.stop('client_stop') })
      : noSession(this.#sessionId)
  }

  async adminStop(): Promise<Result<{ duration: number }>> {
    return this.#store.state === undefined ? noSession(this.#sessionId) : succeed({ duration: await this.#sessionEnd.stop('admin') })
  }

  async iceServers(tenant: string): Promise<IceServer[]> {
    return this.#of(tenant)?.config.ice_servers ?? []
  }

  async keepAlive(tenant: string): Promise<Result<{ expires_in_s: number }>> {
    const now = Date.now()
    if (this.#of(tenant) !== undefined) this.#store.touch(now)
    const state = this.#of(tenant)
    return state === undefined ? noSession(this.#sessionId) : succeed({ expires_in_s: expiresInS(state, now) })
  }

  async summary(): Promise<{ known: boolean; summary: SessionSummary | null }> {
    const { state } = this.#store
    if (state === undefined) return { known: false, summary: null }
    const held = this.#originConnection.connected || (this.#clientFanout?.size ?? 0) > 0
    if (!held || state.phase === 'closing') return { known: true, summary: null }
    const { session_id, created_at, avatar_id, quality } = state.config
    const status = state.phase === 'reconnecting' ? 'reconnecting' : state.joined ? 'active' : 'created'
    const duration = durationS(state, Date.now())
    return { known: true, summary: { session_id, status, created_at: new Date(created_at).toISOString(), duration, avatar_id, quality } }
  }

  // --- calls of the pool ----------------------------------------------------------------------------------------------

  async originNews(placement: Placement, news: OriginNews): Promise<{ known: boolean; sockets: number }> {
    const { state } = this.#store
    const current = state === undefined ? null : placementOf(state)
    this.#store.arm()
    const concerned = current === null ? state?.phase === 'reconnecting' : samePlacement(current, placement)
    if (news !== 'nothing' && concerned) {
      this.#originConnection.drop(1012, 'control socket lost')
      const watched = (this.#clientFanout?.size ?? 0) > 0
      // not awaited: the pool waits for this answer, and the new placement waits for the pool
      if (news === 'dead' && watched) detached('new placement', this.#originConnection.replace())
      else if (news === 'dead') await this.#originConnection.replace()
    }
    return { known: this.#store.state !== undefined, sockets: this.#clientFanout?.size ?? 0 }
  }

  // --- sockets --------------------------------------------------------------------------------------------------------

  override async fetch(request: Request): Promise<Response> {
    const role = socketRole(request)
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    if (role.role === 'client') return this.#acceptClient(role, ours) ?? socketResponse(theirs, role.protocol)
    this.ctx.acceptWebSocket(ours, ['origin'])
    this.#originConnection.accepted(ours)
    return socketResponse(theirs)
  }

  override webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): void {
    if (this.#originConnection.owns(ws)) {
      this.#originInbox.take(message)
      return
    }
    const client = this.#clientFanout?.find(ws)
    if (client !== undefined) {
      this.#clientInbox.take(client, message)
      return
    }
    const hello = parseUp(message)
    if (hello?.type === 'hello') this.#originConnection.hello(ws, hello)
    else closeQuietly(ws, ERRORS.INVALID_REQUEST.close, 'hello expected')
  }

  override webSocketClose(ws: WebSocket, code: number): void {
    answerClose(ws, code)
    const leaves = this.#originConnection.carries(ws) && (code === 1000 || code === 1001)
    this.#gone(ws)
    // an origin that shuts down closes its sockets with these codes; the session itself goes on
    if (leaves) detached('new placement', this.#originConnection.move())
  }

  override webSocketError(ws: WebSocket): void {
    this.#gone(ws)
  }

  override async alarm(): Promise<void> {
    this.#store.rang()
    const now = Date.now()
    for (const deadline of this.#store.state === undefined ? [] : deadlines(this.#store.state)) {
      if (deadline.at > now || this.#store.state === undefined) break
      await this.#sessionEnd.meet(deadline, now)
    }
    this.#store.arm()
  }

  #acceptClient(role: Extract<SocketRole, { role: 'client' }>, ws: WebSocket): Response | undefined {
    const clientFanout = this.#clientFanout
    if (this.#of(role.tenant) === undefined || clientFanout === undefined) return refusal(noSession(this.#sessionId).error)
    if (clientFanout.size >= MAX_CLIENTS) {
      return refusal(fail('CONCURRENCY_LIMIT', `A session has at most ${MAX_CLIENTS} sockets; close one.`, { limit: MAX_CLIENTS }).error)
    }
    const { token: _token, resume_from: resumeFrom, ...options } = role.options
    this.ctx.acceptWebSocket(ws, ['client'])
    this.#store.change({ joined: true, clientsLeftAt: null })
    this.#store.touch(Date.now())
    const attachment = { v: 1, role: 'client', client_id: newId('cli'), options, acks: false, pings: false } as const
    clientFanout.join(ws, attachment, this.#originConnection.connected ? 'live' : 'reconnecting', resumeFrom)
    this.#clientsChanged()
    return undefined
  }

  #sending(call: LinkCall): (id: string) => boolean {
    return (id) => this.#originConnection.send({ type: 'request', id, call })
  }

  #gone(ws: WebSocket): void {
    if (this.#originConnection.closed(ws) || this.#clientFanout?.leave(ws) !== true) return
    if (this.#clientFanout.size === 0) this.#store.change({ clientsLeftAt: Date.now() })
    this.#clientsChanged()
  }

  /** Closes sockets whose client has gone without closing them. */
  #probe(now: number): void {
    this.#store.change({ probedAt: now })
    const gone = this.#clientFanout?.silent(now, (ws) => this.ctx.getWebSocketAutoResponseTimestamp(ws)?.getTime()) ?? []
    for (const client of gone) {
      client.close(ERRORS.SLOW_CLIENT.close, 'silent')
      // the other side may never answer the close
      this.#gone(client.ws)
    }
  }

  #clientsChanged(): void {
    this.#originConnection.sendWants()
    const report = { sockets: this.#clientFanout?.size ?? 0, store_bytes: this.ctx.storage.sql.databaseSize }
    detached('report of sockets', poolStub(this.env).reportSession(this.#sessionId, report))
  }

  /** Closes every socket and deletes the session. */
  async #forget(): Promise<void> {
    const { state } = this.#store
    if (state === undefined) return
    const { session_id } = state.config
    this.#pendingCalls.failAll(noSession(session_id).error)
    this.#clientFanout?.closeAll(1000, 'session ended')
    this.#clientFanout = undefined
    this.#originConnection.close()
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

  #openClientFanout({ config: { session_id: sessionId }, settings: { messagesPerSecond } }: SessionState): void {
    const events = new EventLog(this.ctx.storage)
    this.#clientFanout = new ClientFanout({ sessionId, messagesPerSecond, events, sockets: this.ctx.getWebSockets('client') })
  }
}
