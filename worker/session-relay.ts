/** The Durable Object of one session: its sockets, its deadlines, its calls. It relays; the rules stand in session-state.ts. */
import { DurableObject } from 'cloudflare:workers'
import type { SessionSummary } from '../shared/api.ts'
import { AvatarError, ERRORS, toAvatarError } from '../shared/errors.ts'
import type { ClientEvent, SessionEndReason } from '../shared/events.ts'
import { newId } from '../shared/ids.ts'
import { decodeRelay, type LinkCall, type SessionConfig, type SessionDown, SessionUp } from '../shared/link.ts'
import { PROTOCOL_VERSION } from '../shared/version.ts'
import type { Env } from './env.ts'
import { detached, log, reasonOf } from './log.ts'
import { fail, fromOrigin, noOrigin, noSession, type Result, succeed } from './result.ts'
import { Audience } from './session/audience.ts'
import { readClientMessage } from './session/client-message.ts'
import { type ClientSocket, closeQuietly } from './session/client-socket.ts'
import { EventLog } from './session/event-log.ts'
import { type OriginAttachment, placementOfSocket } from './session/origin-socket.ts'
import { type CallResult, PendingCalls } from './session/pending-calls.ts'
import { SpokenTasks } from './session/spoken-tasks.ts'
import {
  deadlines,
  durationS,
  enter,
  expiresInS,
  LAST_WORDS_MS,
  openSession,
  type Placement,
  placementOf,
  type SessionSettings,
  type SessionState,
  STOP_MS,
  samePlacement,
} from './session-state.ts'
import { refusal, type SocketRole, socketResponse, socketRole } from './socket.ts'
import { poolStub, tenantStub } from './stubs.ts'

/** Sockets of one session. */
const MAX_CLIENTS = 16
/** Activity is written down at most this often, ms: what an eviction can lose of it. */
const ACTIVITY_EVERY_MS = 1_000
const NO_ORIGIN = 'The session has lost its origin and waits for it; try again.'

export interface NewSession {
  config: SessionConfig
  tenant: string
  settings: SessionSettings
  /** How long origin and session socket may take, ms. */
  waitMs: number
}

export class SessionRelay extends DurableObject<Env> {
  #state: SessionState | undefined
  #audience: Audience | undefined
  #tasks = new SpokenTasks([])
  readonly #calls: PendingCalls
  /** The origin's socket, after its hello. */
  #origin: WebSocket | undefined
  /** An origin that dialled before the pool's answer was here. */
  #early: { ws: WebSocket; placement: Placement } | undefined
  #placing = false
  #sentWants = ''
  #alarmAt: number | undefined
  #activityWrittenAt = 0
  #originWaiters: (() => void)[] = []
  #endWaiters: ((duration: number) => void)[] = []

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    // answered by the platform: a ping does not wake a hibernating object
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('{"type":"ping"}', '{"type":"pong"}'))
    this.#calls = new PendingCalls({
      send: (id, call) => this.#toOrigin({ type: 'request', id, call }),
      cancel: (id) => this.#toOrigin({ type: 'cancel', id }),
    })
    this.#state = ctx.storage.kv.get<SessionState>('state')
    if (this.#state !== undefined) this.#wake(this.#state)
  }

  // --- calls of the Worker --------------------------------------------------------------------------------------------

  /** Finds an origin and waits until it has dialled in. On failure nothing is left behind. */
  async create({ config, tenant, settings, waitMs }: NewSession): Promise<Result<{ config: SessionConfig; warnings: string[] }>> {
    if (this.#state !== undefined) return fail('INTERNAL_ERROR', 'The session exists already.')
    const deadline = Date.now() + waitMs
    EventLog.create(this.ctx.storage)
    this.#enter(openSession(config, tenant, settings))
    this.#openAudience(config.session_id, settings)
    const placed = await this.#place(config, waitMs)
    if (placed.ok && (await this.#originArrives(deadline - Date.now()))) {
      detached('count of sessions', poolStub(this.env).countCreated())
      return placed
    }
    await this.#forget()
    return placed.ok ? noOrigin('The origin took the session but did not connect in time; try again.') : placed
  }

  async call(tenant: string, requestId: string, call: LinkCall): Promise<Result<CallResult>> {
    const state = this.#of(tenant)
    if (state === undefined) return noSession(this.#sessionId)
    this.#touch()
    const result = await this.#calls.ask(requestId, call)
    if (result.ok) {
      if (typeof result.value.task_id === 'string' && call.method !== 'interrupt') this.#observeTask(result.value.task_id, 'open')
      if (call.method === 'start') this.#change({ joined: true, started: true })
    }
    return result
  }

  /** A chat as server-sent events, ending in `data: [DONE]`. */
  async chatStream(tenant: string, requestId: string, call: LinkCall): Promise<Result<ReadableStream<Uint8Array>>> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    this.#touch()
    return this.#calls.askStream(requestId, call)
  }

  /** The HTTP client of this request has gone. */
  cancelCall(tenant: string, requestId: string): void {
    if (this.#of(tenant) !== undefined) this.#calls.cancel(requestId)
  }

  async stop(tenant: string): Promise<Result<{ duration: number }>> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#endWaiters.push(resolve)
    await this.#close('client_stop', false)
    return succeed({ duration: await promise })
  }

  keepAlive(tenant: string): Result<{ expires_in_s: number }> {
    if (this.#of(tenant) === undefined) return noSession(this.#sessionId)
    const state = this.#touch()
    return state === undefined ? noSession(this.#sessionId) : succeed({ expires_in_s: expiresInS(state, Date.now()) })
  }

  /** `known`: the session stands in storage. `summary` is null while neither a client nor an origin holds it. */
  summary(): { known: boolean; summary: SessionSummary | null } {
    const state = this.#state
    if (state === undefined) return { known: false, summary: null }
    const held = this.#origin !== undefined || (this.#audience?.size ?? 0) > 0
    if (!held || state.phase === 'closing') return { known: true, summary: null }
    const status = state.phase === 'reconnecting' ? 'reconnecting' : state.joined ? 'active' : 'created'
    const { session_id, created_at, avatar_id, quality } = state.config
    return {
      known: true,
      summary: {
        session_id,
        status,
        created_at: new Date(created_at).toISOString(),
        duration: durationS(state, Date.now()),
        avatar_id,
        quality,
      },
    }
  }

  // --- calls of the pool ----------------------------------------------------------------------------------------------

  /**
   * The origin's control socket is gone. `final`: the process too, so that another must take over.
   * Answers whether the session is still here, and its client sockets.
   */
  async originGone(placement: Placement, final: boolean): Promise<{ known: boolean; sockets: number }> {
    const state = this.#state
    const current = state === undefined ? null : placementOf(state)
    if (state !== undefined && current !== null && samePlacement(current, placement)) {
      this.#dropOrigin(1012, 'control socket lost')
      if (final) await this.#replaceOrigin()
    }
    return { known: this.#state !== undefined, sockets: this.#audience?.size ?? 0 }
  }

  // --- sockets --------------------------------------------------------------------------------------------------------

  override fetch(request: Request): Response {
    const role = socketRole(request)
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    if (role.role === 'origin') {
      this.ctx.acceptWebSocket(ours, ['origin'])
      ours.serializeAttachment({ v: 1, role: 'origin', placement: null } satisfies OriginAttachment)
      return socketResponse(theirs)
    }
    const refused = this.#acceptClient(role, ours)
    return refused ?? socketResponse(theirs, role.protocol)
  }

  override webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): void {
    if (ws === this.#origin) return this.#fromOrigin(message)
    const client = this.#audience?.find(ws)
    if (client !== undefined) return this.#fromClient(client, message)
    this.#helloOf(ws, message)
  }

  override webSocketClose(ws: WebSocket, code: number): void {
    // 1005 and 1006 stand for "no code": they cannot be sent back
    closeQuietly(ws, code === 1005 || code === 1006 ? 1000 : code, '')
    this.#gone(ws)
  }

  override webSocketError(ws: WebSocket): void {
    this.#gone(ws)
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = undefined
    const now = Date.now()
    for (const deadline of this.#state === undefined ? [] : deadlines(this.#state)) {
      if (deadline.at > now || this.#state === undefined) break
      if (deadline.kind === 'warn') this.#warn(deadline.reason, deadline.warnS, now)
      else if (deadline.kind === 'closed') await this.#finish(deadline.reason)
      else if (deadline.kind === 'origin_lost') await this.#replaceOrigin()
      else await this.#close(deadline.reason, deadline.afterSpeech)
    }
    this.#arm()
  }

  #acceptClient(role: Extract<SocketRole, { role: 'client' }>, ws: WebSocket): Response | undefined {
    const state = this.#of(role.tenant)
    const audience = this.#audience
    if (state === undefined || audience === undefined) return refusal(noSession(this.#sessionId).error)
    if (audience.size >= MAX_CLIENTS) {
      return refusal(fail('CONCURRENCY_LIMIT', `A session has at most ${MAX_CLIENTS} sockets; close one.`, { limit: MAX_CLIENTS }).error)
    }
    const { token: _token, resume_from: resumeFrom, ...options } = role.options
    this.ctx.acceptWebSocket(ws, ['client'])
    this.#change({ joined: true, clientsLeftAt: null })
    this.#touch()
    audience.join(
      ws,
      { v: 1, role: 'client', client_id: newId('cli'), options, acks: false },
      this.#origin === undefined ? 'reconnecting' : 'live',
      resumeFrom,
    )
    this.#audienceChanged()
    return undefined
  }

  #gone(ws: WebSocket): void {
    if (ws === this.#origin) return this.#dropOrigin(1000, '')
    if (this.#early?.ws === ws) this.#early = undefined
    if (this.#audience?.leave(ws) !== true) return
    if (this.#audience.size === 0) this.#change({ clientsLeftAt: Date.now() })
    this.#audienceChanged()
  }

  #audienceChanged(): void {
    const wants = this.#audience?.wants()
    if (wants !== undefined && JSON.stringify(wants) !== this.#sentWants && this.#toOrigin({ type: 'wants', wants })) {
      this.#sentWants = JSON.stringify(wants)
    }
    const report = { sockets: this.#audience?.size ?? 0, store_bytes: this.ctx.storage.sql.databaseSize }
    detached('report of sockets', poolStub(this.env).reportSession(this.#sessionId, report))
  }

  #fromClient(client: ClientSocket, message: string | ArrayBuffer): void {
    const now = Date.now()
    const limit = this.#state?.settings.messagesPerSecond
    if (!client.limit.take(now)) {
      if (!client.limit.mayReport(now)) return
      const error = new AvatarError('RATE_LIMITED', `At most ${limit} messages a second; this one was not acted on.`, {
        limit,
        window_s: 1,
      })
      return this.#audience?.tellError(client, error)
    }
    try {
      this.#act(client, readClientMessage(message), now)
    } catch (thrown) {
      if (!(thrown instanceof AvatarError)) log.error('client message failed', { session_id: this.#sessionId, reason: reasonOf(thrown) })
      this.#audience?.tellError(client, toAvatarError(thrown))
    }
  }

  #act(client: ClientSocket, event: ClientEvent, now: number): void {
    switch (event.type) {
      case 'frame_ack':
        return client.ack(event.frame_id, now)
      case 'ping':
        client.send('{"type":"pong"}')
        return
      case 'keep_alive':
        this.#touch()
        return
      default:
        this.#touch()
        if (!this.#toOrigin({ type: 'client_event', client_id: client.id, event })) {
          this.#audience?.tellError(client, noOrigin(NO_ORIGIN).error)
        }
    }
  }

  #fromOrigin(message: string | ArrayBuffer): void {
    if (typeof message !== 'string') return this.#audience?.relayBinary(message)
    const relayed = decodeRelay(message)
    if (relayed !== undefined) {
      if (relayed.header.class === 'control') this.#observe(relayed.eventJson)
      return this.#audience?.relay(relayed.header, relayed.eventJson)
    }
    const parsed = parseUp(message)
    if (parsed === undefined) return log.warn('origin message not understood', { session_id: this.#sessionId, length: message.length })
    switch (parsed.type) {
      case 'response':
        return this.#calls.settle(parsed.id, succeed(parsed.result))
      case 'failure':
        return this.#calls.settle(parsed.id, fromOrigin(parsed))
      case 'chunk':
        return this.#calls.chunk(parsed.id, parsed.data)
      case 'activity':
        return this.#change({ busy: parsed.busy, lastActivityAt: Date.now(), warnedIdleS: 0 })
      case 'closed':
        return detached('end of session', this.#finish(this.#state?.phase === 'closing' ? this.#state.reason : parsed.reason))
      case 'hello':
        return
    }
  }

  /** Remembers which tasks are open, so that each gets its end even when the origin dies. */
  #observe(eventJson: string): void {
    const fact = SpokenTasks.read(eventJson)
    if (fact !== undefined) this.#observeTask(fact.taskId, fact.open ? 'open' : 'finished')
  }

  #observeTask(taskId: string, as: 'open' | 'finished'): void {
    const changed = as === 'open' ? this.#tasks.open(taskId) : this.#tasks.finish(taskId)
    if (changed) this.#change({ openTasks: this.#tasks.list() })
  }

  // --- the origin -----------------------------------------------------------------------------------------------------

  #helloOf(ws: WebSocket, message: string | ArrayBuffer): void {
    const hello = typeof message === 'string' ? parseUp(message) : undefined
    const state = this.#state
    if (hello?.type !== 'hello') return closeQuietly(ws, ERRORS.INVALID_REQUEST.close, 'hello expected')
    if (hello.protocol_version !== PROTOCOL_VERSION) {
      return closeQuietly(ws, ERRORS.INVALID_REQUEST.close, `this edge speaks protocol ${PROTOCOL_VERSION}`)
    }
    const placement = { origin_id: hello.origin_id, boot_id: hello.boot_id }
    if (state === undefined || state.phase === 'closing') return closeQuietly(ws, ERRORS.SESSION_NOT_FOUND.close, 'no such session')
    if (this.#placing) {
      this.#early = { ws, placement }
      return
    }
    const expected = placementOf(state)
    if (expected !== null && !samePlacement(expected, placement)) {
      return closeQuietly(ws, ERRORS.SESSION_NOT_FOUND.close, 'the session is placed elsewhere')
    }
    this.#attach(ws, placement, state)
  }

  #attach(ws: WebSocket, placement: Placement, state: SessionState): void {
    const before = this.#origin
    this.#origin = ws
    if (before !== undefined && before !== ws) closeQuietly(before, 1012, 'replaced')
    ws.serializeAttachment({ v: 1, role: 'origin', placement } satisfies OriginAttachment)
    const resumed = state.phase === 'reconnecting' && state.placement !== null && this.#tasks.carriedBy(placement)
    this.#tasks.carrier = placement
    this.#enter(enter({ ...state, busy: false, lastActivityAt: Date.now() }, { phase: 'live', placement }))
    const wants = this.#audience?.wants()
    if (wants !== undefined) {
      this.#toOrigin({ type: 'welcome', config: state.config, wants })
      this.#sentWants = JSON.stringify(wants)
    }
    if (state.phase === 'reconnecting') this.#audience?.announce({ type: 'session_state', state: 'live', resumed, missed: 0 })
    for (const waiter of this.#originWaiters.splice(0)) waiter()
  }

  /** The session waits for its origin; the same process may come back. */
  #dropOrigin(code: number, reason: string): void {
    const state = this.#state
    if (this.#origin !== undefined) closeQuietly(this.#origin, code, reason)
    this.#origin = undefined
    this.#calls.failAll(noOrigin(NO_ORIGIN).error)
    if (state?.phase === 'closing') return detached('end of session', this.#finish(state.reason))
    if (state?.phase !== 'live') return
    const now = Date.now()
    this.#enter(enter({ ...state, busy: false, lastActivityAt: now }, { phase: 'reconnecting', placement: state.placement, lostAt: now }))
    this.#audience?.announce({ type: 'session_state', state: 'reconnecting', resumed: true, missed: 0 })
  }

  /** The process that carried the session is gone for good: with a client watching another takes over, else it ends. */
  async #replaceOrigin(): Promise<void> {
    const state = this.#state
    if (state === undefined || state.phase === 'closing' || this.#placing) return
    this.#failOpenTasks()
    if ((this.#audience?.size ?? 0) === 0) return this.#finish('origin_lost')
    this.#enter(enter({ ...state, openTasks: [] }, { phase: 'reconnecting', placement: null, lostAt: Date.now() }))
    detached(
      'new placement',
      this.#place(state.config).then((placed) =>
        placed.ok ? undefined : this.#finish(placed.error.code === 'CAPACITY_EXCEEDED' ? 'capacity' : 'origin_lost'),
      ),
    )
  }

  async #place(config: SessionConfig, waitMs = 5_000): Promise<Result<{ config: SessionConfig; warnings: string[] }>> {
    this.#placing = true
    const placed = await poolStub(this.env)
      .place(config, waitMs)
      .finally(() => {
        this.#placing = false
      })
    const early = this.#early
    this.#early = undefined
    const state = this.#state
    if (!placed.ok || state === undefined || state.phase === 'closing') {
      if (early !== undefined) closeQuietly(early.ws, ERRORS.SESSION_NOT_FOUND.close, 'no such session')
      return placed
    }
    const { placement } = placed.value
    this.#enter(enter({ ...state, config: placed.value.config }, { phase: 'reconnecting', placement, lostAt: Date.now() }))
    if (early !== undefined && this.#state !== undefined) {
      if (samePlacement(early.placement, placement)) this.#attach(early.ws, placement, this.#state)
      else closeQuietly(early.ws, ERRORS.SESSION_NOT_FOUND.close, 'the session is placed elsewhere')
    }
    return placed
  }

  async #originArrives(waitMs: number): Promise<boolean> {
    if (this.#origin !== undefined) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), Math.max(0, waitMs))
    this.#originWaiters.push(() => resolve(true))
    return promise.finally(() => clearTimeout(timer))
  }

  #toOrigin(message: SessionDown): boolean {
    if (this.#origin === undefined) return false
    try {
      this.#origin.send(JSON.stringify(message))
      return true
    } catch {
      // the socket is closing; its close handler does the rest
      return false
    }
  }

  // --- the end --------------------------------------------------------------------------------------------------------

  #warn(reason: 'idle_timeout' | 'max_duration', warnS: number, now: number): void {
    const state = this.#state
    if (state === undefined) return
    const endAt = deadlines(state).find((deadline) => deadline.kind === 'end' && deadline.reason === reason)?.at ?? now
    this.#change(reason === 'idle_timeout' ? { warnedIdleS: warnS } : { warnedMaxS: warnS })
    this.#audience?.announce({ type: 'session_expiring', in_s: Math.max(0, Math.round((endAt - now) / 1000)), reason })
  }

  /** Asks the origin to end the session and waits for its word, which comes after the sentence being spoken. */
  async #close(reason: SessionEndReason, afterSpeech: boolean): Promise<void> {
    const state = this.#state
    if (state === undefined) return
    if (!this.#toOrigin({ type: 'close', reason, after_speech: afterSpeech })) return this.#finish(reason)
    const deadline = Date.now() + (afterSpeech ? LAST_WORDS_MS : STOP_MS)
    this.#enter(enter(state, { phase: 'closing', placement: placementOf(state), reason, deadline }))
  }

  /** Everyone is told, everything is closed and forgotten. */
  async #finish(reason: SessionEndReason): Promise<void> {
    const state = this.#state
    if (state === undefined) return
    const duration = durationS(state, Date.now())
    this.#failOpenTasks()
    this.#audience?.announce({ type: 'session_ended', reason, duration })
    log.info('session ended', { session_id: this.#sessionId, reason, duration_s: duration })
    await this.#forget()
    for (const waiter of this.#endWaiters.splice(0)) waiter(duration)
  }

  #failOpenTasks(): void {
    for (const taskId of this.#tasks.clear()) {
      this.#audience?.announce({ type: 'speech_finished', task_id: taskId, reason: 'failed', played_ms: 0 }, { kept: true })
    }
  }

  async #forget(): Promise<void> {
    const state = this.#state
    if (state === undefined) return
    this.#state = undefined
    this.#calls.failAll(noSession(state.config.session_id).error)
    this.#audience?.closeAll(1000, 'session ended')
    this.#audience = undefined
    if (this.#origin !== undefined) closeQuietly(this.#origin, 1000, 'session ended')
    this.#origin = undefined
    await this.ctx.storage.deleteAll()
    await this.ctx.storage.deleteAlarm()
    detached('release of session', poolStub(this.env).release(state.config.session_id))
    detached('removal from list', tenantStub(this.env, state.tenant).remove(state.config.session_id))
  }

  // --- state ----------------------------------------------------------------------------------------------------------

  get #sessionId(): string {
    return this.#state?.config.session_id ?? this.ctx.id.name ?? ''
  }

  /** The session, if it is this tenant's and not ending. */
  #of(tenant: string): SessionState | undefined {
    return this.#state?.tenant === tenant && this.#state.phase !== 'closing' ? this.#state : undefined
  }

  /** The object was evicted or the machine restarted: sockets tell what is still there. */
  #wake(state: SessionState): void {
    const written = this.ctx.storage.kv.get<number>('active_at') ?? 0
    this.#state = { ...state, lastActivityAt: Math.max(state.lastActivityAt, written) }
    this.#tasks = new SpokenTasks(state.openTasks)
    this.#openAudience(state.config.session_id, state.settings)
    for (const ws of this.ctx.getWebSockets('origin')) {
      const placement = placementOfSocket(ws)
      if (placement === null || ws.readyState !== WebSocket.OPEN) continue
      this.#origin = ws
      this.#tasks.carrier = placement
    }
    const now = Date.now()
    if (this.#audience?.size === 0 && state.joined && state.clientsLeftAt === null) this.#change({ clientsLeftAt: now })
    if (this.#origin === undefined && (state.phase === 'live' || state.phase === 'opening')) {
      this.#enter(enter({ ...this.#state, busy: false }, { phase: 'reconnecting', placement: placementOf(state), lostAt: now }))
    }
  }

  #openAudience(sessionId: string, { messagesPerSecond }: SessionSettings): void {
    const events = new EventLog(this.ctx.storage)
    this.#audience = new Audience({ sessionId, messagesPerSecond, events, sockets: this.ctx.getWebSockets('client') })
  }

  #enter(state: SessionState): void {
    this.#state = state
    this.ctx.storage.kv.put('state', state)
    this.#arm()
  }

  #change(changes: Partial<Omit<SessionState, 'phase'>>): void {
    if (this.#state !== undefined) this.#enter({ ...this.#state, ...changes })
  }

  /** Somebody uses the session: the idle time starts anew. */
  #touch(): SessionState | undefined {
    const state = this.#state
    const now = Date.now()
    if (state === undefined) return undefined
    if (state.warnedIdleS !== 0) this.#change({ lastActivityAt: now, warnedIdleS: 0 })
    else this.#state = { ...state, lastActivityAt: now }
    if (now - this.#activityWrittenAt >= ACTIVITY_EVERY_MS) {
      this.#activityWrittenAt = now
      // unconfirmed: a lost note of activity must not hold back what is sent
      detached('note of activity', this.ctx.storage.put('active_at', now, { allowUnconfirmed: true }))
    }
    return this.#state
  }

  /** One alarm, at the soonest deadline. A deadline that moved later is found again when the alarm rings too early. */
  #arm(): void {
    const next = this.#state === undefined ? undefined : deadlines(this.#state)[0]?.at
    if (next === undefined || (this.#alarmAt !== undefined && this.#alarmAt <= next)) return
    this.#alarmAt = next
    detached('alarm', this.ctx.storage.setAlarm(next))
  }
}

function parseUp(text: string): SessionUp | undefined {
  try {
    return SessionUp.parse(JSON.parse(text))
  } catch {
    // undefined says so; the caller logs it
    return undefined
  }
}
