/** The session's side towards its origin: who carries it, finding another, and which tasks that one owes an end. */
import { ERRORS } from '../../shared/errors.ts'
import type { SessionEndReason } from '../../shared/events.ts'
import type { SessionConfig, SessionDown, SessionUp } from '../../shared/link.ts'
import { PROTOCOL_VERSION } from '../../shared/version.ts'
import { detached } from '../log.ts'
import type { Result } from '../objects/result.ts'
import type { Placed } from '../pool/origin-pool.ts'
import type { Audience } from './client-fanout.ts'
import { closeQuietly } from './client-socket.ts'
import { SpokenTasks } from './open-tasks.ts'
import { type OriginAttachment, placementOfSocket } from './origin-socket.ts'
import { enter, type Placement, placementOf, type SessionState, samePlacement } from './session-state.ts'
import type { SessionStore } from './session-store.ts'

type Hello = Extract<SessionUp, { type: 'hello' }>

/** How long finding another origin may take, ms. */
const PLACE_MS = 5_000

export interface OriginSideOptions {
  store: SessionStore
  audience(): Audience | undefined
  place(config: SessionConfig, waitMs: number): Promise<Result<Placed>>
  /** The socket is gone: nobody answers what was asked. */
  lost(): void
  finish(reason: SessionEndReason): Promise<void>
}

export class OriginSide {
  readonly #options: OriginSideOptions
  readonly #tasks: SpokenTasks
  /** After its hello. */
  #ws: WebSocket | undefined
  /** An origin that dialled before the pool's answer was here. */
  #early: { ws: WebSocket; placement: Placement } | undefined
  #placing = false
  #sentWants = ''
  #waiters: (() => void)[] = []

  /** @param sockets the origin's sockets that are open already: the object woke from hibernation */
  constructor(options: OriginSideOptions, sockets: WebSocket[]) {
    this.#options = options
    this.#tasks = new SpokenTasks(options.store.state?.openTasks ?? [])
    for (const ws of sockets) {
      const placement = placementOfSocket(ws)
      if (placement === null || ws.readyState !== WebSocket.OPEN) continue
      this.#ws = ws
      this.#tasks.carrier = placement
    }
    const state = options.store.state
    if (state !== undefined && this.#ws === undefined && (state.phase === 'live' || state.phase === 'opening')) this.#wait(state)
  }

  get connected(): boolean {
    return this.#ws !== undefined
  }

  owns(ws: WebSocket): boolean {
    return ws === this.#ws
  }

  /** False when there is no origin. */
  send(message: SessionDown): boolean {
    if (this.#ws === undefined) return false
    try {
      this.#ws.send(JSON.stringify(message))
      return true
    } catch {
      // the socket is closing; its close handler does the rest
      return false
    }
  }

  /** Tells which media the sockets want, when that changed. */
  sendWants(): void {
    const wanted = this.#options.audience()?.wants()
    const said = JSON.stringify(wanted)
    if (wanted !== undefined && said !== this.#sentWants && this.send({ type: 'wants', ...wanted })) this.#sentWants = said
  }

  /** The first message of a socket that an origin dialled. */
  hello(ws: WebSocket, hello: Hello): void {
    const { state } = this.#options.store
    const placement = { origin_id: hello.origin_id, boot_id: hello.boot_id }
    const expected = state === undefined ? null : placementOf(state)
    if (hello.protocol_version !== PROTOCOL_VERSION) {
      closeQuietly(ws, ERRORS.INVALID_REQUEST.close, `this edge speaks protocol ${PROTOCOL_VERSION}`)
    } else if (state === undefined || state.phase === 'closing') {
      closeQuietly(ws, ERRORS.SESSION_NOT_FOUND.close, 'no such session')
    } else if (this.#placing) {
      this.#early = { ws, placement }
    } else if (expected !== null && !samePlacement(expected, placement)) {
      closeQuietly(ws, ERRORS.SESSION_NOT_FOUND.close, 'the session is placed elsewhere')
    } else {
      this.#attach(ws, placement, state)
    }
  }

  /** A socket that has closed; false when it was not the origin's. */
  closed(ws: WebSocket): boolean {
    if (this.#early?.ws === ws) this.#early = undefined
    if (!this.owns(ws)) return false
    this.drop(1000, '')
    return true
  }

  /** The session waits for its origin; the same process may come back. */
  drop(code: number, reason: string): void {
    const { store, audience, lost, finish } = this.#options
    const { state } = store
    if (this.#ws !== undefined) closeQuietly(this.#ws, code, reason)
    this.#ws = undefined
    lost()
    if (state?.phase === 'closing') detached('end of session', finish(state.reason))
    if (state?.phase !== 'live') return
    this.#wait(state)
    audience()?.announce({ type: 'session_state', state: 'reconnecting', resumed: true, missed: 0 })
  }

  /** The process that carried the session is gone for good: with a client watching another takes over, else it ends. */
  async replace(): Promise<void> {
    const { store, audience, finish } = this.#options
    if (store.state === undefined || store.state.phase === 'closing' || this.#placing) return
    if ((audience()?.size ?? 0) === 0) return finish('origin_lost')
    const placed = await this.#placeAnew(store.state)
    if (!placed.ok) await finish(placed.error.code === 'CAPACITY_EXCEEDED' ? 'capacity' : 'origin_lost')
  }

  /** The process has left in good order: another takes over where there is one, else the session waits for the next. */
  async move(): Promise<void> {
    const { state } = this.#options.store
    if (state?.phase === 'reconnecting' && !this.#placing) await this.#placeAnew(state)
  }

  async #placeAnew(state: SessionState): Promise<Result<Placed>> {
    this.failOpenTasks()
    // whatever she was doing ended with that process; the next one begins idle and does not say so
    this.#options.audience()?.announce({ type: 'status', status: 'idle', message: 'Avatar is idle.' }, { kept: true })
    const lostAt = state.phase === 'reconnecting' ? state.lostAt : Date.now()
    this.#options.store.enter(enter({ ...state, openTasks: [] }, { phase: 'reconnecting', placement: null, lostAt }))
    return this.place(state.config, PLACE_MS)
  }

  async place(config: SessionConfig, waitMs: number): Promise<Result<Placed>> {
    const { store, place } = this.#options
    this.#placing = true
    const placed = await place(config, waitMs).finally(() => {
      this.#placing = false
    })
    const early = this.#early
    this.#early = undefined
    // an origin may have dialled and clients may have come while the pool was asked: the state is read anew
    const { state } = store
    if (placed.ok && state !== undefined && state.phase !== 'closing') {
      const { placement } = placed.value
      store.enter(enter({ ...state, config: placed.value.config }, { phase: 'reconnecting', placement, lostAt: Date.now() }))
      if (early !== undefined && samePlacement(early.placement, placement) && store.state !== undefined) {
        this.#attach(early.ws, placement, store.state)
        return placed
      }
    }
    if (early !== undefined) closeQuietly(early.ws, ERRORS.SESSION_NOT_FOUND.close, 'the session is placed elsewhere')
    return placed
  }

  /** False when no origin has connected in this time. */
  async arrives(waitMs: number): Promise<boolean> {
    if (this.#ws !== undefined) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), Math.max(0, waitMs))
    this.#waiters.push(() => resolve(true))
    return promise.finally(() => clearTimeout(timer))
  }

  /** Remembers which tasks are open, so that each gets its end even when the origin dies. */
  observe(eventJson: string): void {
    const fact = SpokenTasks.read(eventJson)
    if (fact === undefined) return
    const changed = fact.open ? this.#tasks.open(fact.taskId) : this.#tasks.finish(fact.taskId)
    if (changed) this.#options.store.change({ openTasks: this.#tasks.list() })
  }

  /** A task that the origin has accepted. */
  opened(taskId: string): void {
    if (this.#tasks.open(taskId)) this.#options.store.change({ openTasks: this.#tasks.list() })
  }

  failOpenTasks(): void {
    for (const taskId of this.#tasks.clear()) {
      const failed = { type: 'speech_finished', task_id: taskId, reason: 'failed', played_ms: 0 } as const
      this.#options.audience()?.announce(failed, { kept: true })
    }
  }

  close(): void {
    if (this.#ws !== undefined) closeQuietly(this.#ws, 1000, 'session ended')
    this.#ws = undefined
  }

  #wait(state: SessionState): void {
    const now = Date.now()
    const phase = { phase: 'reconnecting', placement: placementOf(state), lostAt: now } as const
    this.#options.store.enter(enter({ ...state, busy: false, lastActivityAt: Math.max(state.lastActivityAt, now) }, phase))
  }

  #attach(ws: WebSocket, placement: Placement, state: SessionState): void {
    const { store, audience } = this.#options
    if (this.#ws !== undefined && this.#ws !== ws) closeQuietly(this.#ws, 1012, 'replaced')
    this.#ws = ws
    ws.serializeAttachment({ v: 1, role: 'origin', placement } satisfies OriginAttachment)
    const resumed = this.#tasks.carriedBy(placement)
    this.#tasks.carrier = placement
    store.enter(enter({ ...state, busy: false, lastActivityAt: Date.now() }, { phase: 'live', placement }))
    const wanted = audience()?.wants()
    if (wanted !== undefined) {
      this.send({ type: 'welcome', config: state.config, ...wanted })
      this.#sentWants = JSON.stringify(wanted)
    }
    if (state.phase === 'reconnecting') audience()?.announce({ type: 'session_state', state: 'live', resumed, missed: 0 })
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}
