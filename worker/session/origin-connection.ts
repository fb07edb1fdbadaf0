/** The session's socket to its origin: placement, connecting, loss and replacement. */
import * as z from 'zod'
import { ERRORS } from '../../shared/errors.ts'
import type { SessionEndReason } from '../../shared/events.ts'
import type { SessionConfig, SessionDown, SessionUp } from '../../shared/link.ts'
import { detached } from '../log.ts'
import { type Placed, type Placement, samePlacement } from '../objects/contracts.ts'
import type { Result } from '../objects/result.ts'
import { closeQuietly, refuseOtherProtocol, sendQuietly } from '../objects/sockets.ts'
import type { ClientFanout } from './client-fanout.ts'
import type { OpenTasks } from './open-tasks.ts'
import { enter, placementOf, type SessionState } from './session-state.ts'
import type { SessionStore } from './session-store.ts'

type Hello = Extract<SessionUp, { type: 'hello' }>

/** How long finding another origin may take, ms. */
const PLACE_MS = 5_000

/** Kept on the origin's socket through hibernation. */
const OriginAttachment = z.object({
  v: z.literal(1),
  role: z.literal('origin'),
  /** Null before its hello. */
  placement: z.object({ origin_id: z.string(), boot_id: z.string() }).nullable(),
})
type OriginAttachment = z.infer<typeof OriginAttachment>

export interface OriginConnectionOptions {
  store: SessionStore
  openTasks: OpenTasks
  clientFanout(): ClientFanout | undefined
  place(config: SessionConfig, waitMs: number): Promise<Result<Placed>>
  /** The socket is gone: calls that wait for an answer fail. */
  lost(): void
  finish(reason: SessionEndReason): Promise<void>
}

export class OriginConnection {
  readonly #options: OriginConnectionOptions
  /** The process that carries the session's tasks. */
  #carrier: Placement | undefined
  /** After its hello. */
  #ws: WebSocket | undefined
  /** An origin that dialled before the pool had answered. */
  #early: { ws: WebSocket; placement: Placement } | undefined
  #placing = false
  /** The last wants that were sent, as JSON. */
  #sentWants = ''
  #waiters: (() => void)[] = []

  /** @param sockets the origin's sockets that are open already, after a hibernation */
  constructor(options: OriginConnectionOptions, sockets: WebSocket[]) {
    this.#options = options
    for (const ws of sockets) {
      const placement = placementOfSocket(ws)
      if (placement === null || ws.readyState !== WebSocket.OPEN) continue
      this.#ws = ws
      this.#carrier = placement
    }
    const state = options.store.state
    // the socket closed during a hibernation, or in a restart
    if (state !== undefined && this.#ws === undefined && (state.phase === 'live' || state.phase === 'opening')) this.#wait(state)
  }

  get connected(): boolean {
    return this.#ws !== undefined
  }

  owns(ws: WebSocket): boolean {
    return ws === this.#ws
  }

  /** Whether it is a socket of the process that carries the session; also when it closed during a hibernation. */
  carries(ws: WebSocket): boolean {
    const { state } = this.#options.store
    const expected = state === undefined ? null : placementOf(state)
    const placement = placementOfSocket(ws)
    return expected !== null && placement !== null && samePlacement(expected, placement)
  }

  /** False when no origin is connected. */
  send(message: SessionDown): boolean {
    return this.#ws !== undefined && sendQuietly(this.#ws, JSON.stringify(message))
  }

  /** Sends which media the sockets want, when that changed. */
  sendWants(): void {
    const wanted = this.#options.clientFanout()?.wants()
    const json = JSON.stringify(wanted)
    if (wanted !== undefined && json !== this.#sentWants && this.send({ type: 'wants', ...wanted })) this.#sentWants = json
  }

  /** A socket that an origin has dialled, before its hello. */
  accepted(ws: WebSocket): void {
    ws.serializeAttachment({ v: 1, role: 'origin', placement: null } satisfies OriginAttachment)
  }

  /** The first message of a socket that an origin dialled. */
  hello(ws: WebSocket, hello: Hello): void {
    const { state } = this.#options.store
    const placement = { origin_id: hello.origin_id, boot_id: hello.boot_id }
    const expected = state === undefined ? null : placementOf(state)
    if (refuseOtherProtocol(ws, hello.protocol_version)) return
    if (state === undefined || state.phase === 'closing') {
      closeQuietly(ws, ERRORS.SESSION_NOT_FOUND.close, 'no such session')
    } else if (this.#placing) {
      this.#early = { ws, placement }
    } else if (expected !== null && !samePlacement(expected, placement)) {
      closeQuietly(ws, ERRORS.SESSION_NOT_FOUND.close, 'the session is placed elsewhere')
    } else {
      this.#attach(ws, placement, state)
    }
  }

  /** A socket has closed. @returns false when it was not the origin's */
  closed(ws: WebSocket): boolean {
    if (this.#early?.ws === ws) this.#early = undefined
    if (!this.owns(ws)) return false
    this.drop(1000, '')
    return true
  }

  /** The session waits for its origin; the same process may come back. */
  drop(code: number, reason: string): void {
    const { store, lost, finish } = this.#options
    const { state } = store
    if (this.#ws !== undefined) closeQuietly(this.#ws, code, reason)
    this.#ws = undefined
    lost()
    if (state?.phase === 'closing') detached('end of session', finish(state.reason))
    if (state?.phase !== 'live') return
    this.#wait(state)
  }

  /** The process that carried the session is gone for good: if a client is connected another one takes over, else the session ends. */
  async replace(): Promise<void> {
    const { store, clientFanout, finish } = this.#options
    if (store.state === undefined || store.state.phase === 'closing' || this.#placing) return
    if ((clientFanout()?.size ?? 0) === 0) return finish('origin_lost')
    const placed = await this.#placeAgain(store.state)
    if (!placed.ok) await finish(placed.error.code === 'CAPACITY_EXCEEDED' ? 'capacity' : 'origin_lost')
  }

  /** The process has shut down in good order: another one takes over if there is one, else the session waits for the next. */
  async move(): Promise<void> {
    const { state } = this.#options.store
    if (state?.phase === 'reconnecting' && !this.#placing) await this.#placeAgain(state)
  }

  async #placeAgain(state: SessionState): Promise<Result<Placed>> {
    const { store, openTasks, clientFanout } = this.#options
    openTasks.failAll()
    // the avatar's status ended with that process; the next one begins idle and does not announce it
    clientFanout()?.announce({ type: 'status', status: 'idle', message: 'Avatar is idle.' }, { kept: true })
    const lostAt = state.phase === 'reconnecting' ? state.lostAt : Date.now()
    // WebRTC connections ended with the process
    const clientsLeftAt = state.peers > 0 && (clientFanout()?.size ?? 0) === 0 ? Date.now() : state.clientsLeftAt
    store.enter(enter({ ...state, openTasks: [], peers: 0, clientsLeftAt }, { phase: 'reconnecting', placement: null, lostAt }))
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
    // the state may have changed while the pool was asked: origins dial and clients connect meanwhile
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

  /** Waits until an origin has connected. @returns false when none did within `waitMs` */
  async arrives(waitMs: number): Promise<boolean> {
    if (this.#ws !== undefined) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), Math.max(0, waitMs))
    this.#waiters.push(() => resolve(true))
    return promise.finally(() => clearTimeout(timer))
  }

  close(): void {
    if (this.#ws !== undefined) closeQuietly(this.#ws, 1000, 'session ended')
    this.#ws = undefined
  }

  /** The session is without an origin; clients are told. */
  #wait(state: SessionState): void {
    const now = Date.now()
    const phase = { phase: 'reconnecting', placement: placementOf(state), lostAt: now } as const
    const { store, clientFanout } = this.#options
    store.enter(enter({ ...state, busy: false, lastActivityAt: Math.max(state.lastActivityAt, now) }, phase))
    clientFanout()?.announce({ type: 'session_state', state: 'reconnecting', resumed: true, missed: 0 })
  }

  #attach(ws: WebSocket, placement: Placement, state: SessionState): void {
    const { store, clientFanout } = this.#options
    if (this.#ws !== undefined && this.#ws !== ws) closeQuietly(this.#ws, 1012, 'replaced')
    this.#ws = ws
    ws.serializeAttachment({ v: 1, role: 'origin', placement } satisfies OriginAttachment)
    const resumed = this.#carrier !== undefined && samePlacement(this.#carrier, placement)
    this.#carrier = placement
    store.enter(enter({ ...state, busy: false, lastActivityAt: Date.now() }, { phase: 'live', placement }))
    const wanted = clientFanout()?.wants()
    if (wanted !== undefined) {
      this.send({ type: 'welcome', config: state.config, ...wanted })
      this.#sentWants = JSON.stringify(wanted)
    }
    if (state.phase === 'reconnecting') clientFanout()?.announce({ type: 'session_state', state: 'live', resumed, missed: 0 })
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}

function placementOfSocket(ws: WebSocket): Placement | null {
  const parsed = OriginAttachment.safeParse(ws.deserializeAttachment())
  return parsed.success ? parsed.data.placement : null
}
