/** The state of one session as plain data: phases and deadlines. No platform types; all times are Unix ms. */
import type { SessionEndReason } from '../../shared/events.ts'
import { LINK_LOST_MS, type SessionConfig } from '../../shared/link.ts'
import type { Placement, SessionSettings } from '../objects/contracts.ts'

/** How long the origin may take to end a session that was stopped, ms. */
export const STOP_MS = 1_000
/** How often the session looks whether its client sockets are still alive, ms. */
const PROBE_EVERY_MS = 30_000
/** Seconds before a deadline at which clients are warned. */
const WARN_AT_S = [60, 10] as const

type Phase =
  | { phase: 'opening' }
  | { phase: 'live'; placement: Placement }
  /** `placement` null: any origin that the pool finds. */
  | { phase: 'reconnecting'; placement: Placement | null; lostAt: number }
  | { phase: 'closing'; placement: Placement | null; reason: SessionEndReason; deadline: number }

export type SessionState = Phase & {
  v: 1
  config: SessionConfig
  tenant: string
  settings: SessionSettings
  /** A client has opened a socket or started WebRTC. */
  joined: boolean
  /** Clients and viewers that are connected by WebRTC, as the origin last told. */
  peers: number
  /** The avatar speaks, thinks or listens. */
  busy: boolean
  lastActivityAt: number
  /** When the last client socket or the last peer went; null while a socket is open and before the first client. */
  clientsLeftAt: number | null
  /** The last warning that was sent, s before the deadline; 0 for none. */
  /** When the client sockets were last looked at. */
  probedAt: number
  warnedIdleS: number
  warnedMaxS: number
  /** Tasks that were accepted and are not finished. */
  openTasks: string[]
}

export function openSession(config: SessionConfig, tenant: string, settings: SessionSettings): SessionState {
  return {
    v: 1,
    phase: 'opening',
    config,
    tenant,
    settings,
    joined: false,
    peers: 0,
    busy: false,
    lastActivityAt: config.created_at,
    clientsLeftAt: null,
    probedAt: config.created_at,
    warnedIdleS: 0,
    warnedMaxS: 0,
    openTasks: [],
  }
}

/** The same session in another phase, without the fields of the old phase. */
export function enter(state: SessionState, phase: Phase): SessionState {
  const { v, config, tenant, settings, joined, peers, busy, lastActivityAt, clientsLeftAt, probedAt, warnedIdleS, warnedMaxS, openTasks } =
    state
  return {
    v,
    config,
    tenant,
    settings,
    joined,
    peers,
    busy,
    lastActivityAt,
    clientsLeftAt,
    probedAt,
    warnedIdleS,
    warnedMaxS,
    openTasks,
    ...phase,
  }
}

export function placementOf(state: SessionState): Placement | null {
  return state.phase === 'opening' ? null : state.placement
}

/** Something that is due at a time, Unix ms. */
export type Deadline =
  | { kind: 'end'; at: number; reason: SessionEndReason; afterSpeech: boolean }
  | { kind: 'warn'; at: number; reason: 'idle_timeout' | 'max_duration'; warnS: number }
  | { kind: 'origin_lost'; at: number }
  /** A client may be gone without a word. */
  | { kind: 'probe'; at: number }
  | { kind: 'closed'; at: number; reason: SessionEndReason }

/** Every deadline of this state, soonest first. */
export function deadlines(state: SessionState): Deadline[] {
  if (state.phase === 'closing') return [{ kind: 'closed', at: state.deadline, reason: state.reason }]
  const { limits } = state.settings
  const list: Deadline[] = []
  const maxAt = state.config.created_at + limits.max_duration_s * 1000
  list.push({ kind: 'end', at: maxAt, reason: 'max_duration', afterSpeech: true })
  list.push(...warnings('max_duration', maxAt, limits.max_duration_s, state.warnedMaxS))
  if (!state.joined) {
    list.push({ kind: 'end', at: state.config.created_at + limits.join_timeout_s * 1000, reason: 'join_timeout', afterSpeech: false })
  }
  if (!state.busy) {
    const idleAt = state.lastActivityAt + limits.idle_timeout_s * 1000
    list.push({ kind: 'end', at: idleAt, reason: 'idle_timeout', afterSpeech: true })
    list.push(...warnings('idle_timeout', idleAt, limits.idle_timeout_s, state.warnedIdleS))
  }
  if (state.clientsLeftAt !== null && state.peers === 0) {
    const since = Math.max(state.clientsLeftAt, state.lastActivityAt)
    list.push({ kind: 'end', at: since + limits.resume_window_s * 1000, reason: 'idle_timeout', afterSpeech: false })
  }
  if (state.joined && state.clientsLeftAt === null) list.push({ kind: 'probe', at: state.probedAt + PROBE_EVERY_MS })
  if (state.phase === 'reconnecting') list.push({ kind: 'origin_lost', at: state.lostAt + LINK_LOST_MS })
  return list.sort((one, other) => one.at - other.at)
}

/** Each warning is sent once, and not when the whole span is shorter than it. */
function warnings(reason: 'idle_timeout' | 'max_duration', endAt: number, spanS: number, givenS: number): Deadline[] {
  return WARN_AT_S.filter((warnS) => warnS < spanS && (givenS === 0 || warnS < givenS)).map((warnS) => ({
    kind: 'warn',
    at: endAt - warnS * 1000,
    reason,
    warnS,
  }))
}

/** Seconds until the session ends if nothing else happens. */
export function expiresInS(state: SessionState, now: number): number {
  const ends = deadlines(state).filter((deadline) => deadline.kind === 'end' || deadline.kind === 'closed')
  const at = ends[0]?.at ?? now
  return Math.max(0, Math.round((at - now) / 100) / 10)
}

/** Seconds since the session was created, to the tenth. */
export function durationS(state: SessionState, now: number): number {
  return Math.max(0, Math.round((now - state.config.created_at) / 100) / 10)
}
