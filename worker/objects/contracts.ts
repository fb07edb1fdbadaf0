/**
 * What may be asked of the three kinds of Durable Objects, by the Worker and by one another, and the data that is exchanged.
 * Everything here crosses an RPC border: plain data in, a promise of plain data out.
 */
import type { HistoryPoint } from '../../shared/admin.ts'
import type { AvatarInfo, IceServer, SessionLimits, SessionSummary, VoiceInfo } from '../../shared/api.ts'
import type { ChatRequest } from '../../shared/chat.ts'
import type { LinkCall, OriginLoad, SessionConfig, SessionReport } from '../../shared/link.ts'
import type { Result } from './result.ts'

/** An origin's answer to a call, as it came. */
export type CallResult = Record<string, unknown>

// --- one session ------------------------------------------------------------------------------------------------------

/** The origin process that carries a session. */
export interface Placement {
  origin_id: string
  boot_id: string
}

export function samePlacement(one: Placement, other: Placement): boolean {
  return one.origin_id === other.origin_id && one.boot_id === other.boot_id
}

/** What the pool knows of a process: its control socket is lost, it is dead for good, or no news. */
export type OriginNews = 'lost' | 'dead' | 'nothing'

export interface SessionSettings {
  limits: SessionLimits
  /** Messages in 1 s, per client socket. */
  messagesPerSecond: number
}

export interface NewSession {
  config: SessionConfig
  tenant: string
  settings: SessionSettings
  /** How long origin and session socket may take, ms. */
  waitMs: number
}

/** Calls with a `tenant` answer SESSION_NOT_FOUND, or nothing, when the session belongs to another one. */
export interface SessionObject {
  /** Finds an origin and waits until it has dialled in. On failure nothing is left behind. */
  create(session: NewSession): Promise<Result<{ warnings: string[] }>>
  /** Hands a call to the origin. */
  call(tenant: string, requestId: string, call: LinkCall): Promise<Result<CallResult>>
  /** A chat as server-sent events, ending in `data: [DONE]`. */
  chatStream(tenant: string, requestId: string, call: LinkCall): Promise<Result<ReadableStream<Uint8Array>>>
  /** The HTTP client of this request has gone. */
  cancelCall(tenant: string, requestId: string): Promise<void>
  /** Ends the session at once. */
  stop(tenant: string): Promise<Result<{ duration: number }>>
  /** The same for an operator, whoever owns the session. */
  adminStop(): Promise<Result<{ duration: number }>>
  /** STUN and TURN servers for clients of this session. */
  iceServers(tenant: string): Promise<IceServer[]>
  keepAlive(tenant: string): Promise<Result<{ expires_in_s: number }>>
  /** `known`: the session is in storage. `summary` is null while neither a client nor an origin is connected. */
  summary(): Promise<{ known: boolean; summary: SessionSummary | null }>
  /**
   * What became of the process that carried the session; when it is dead another one must take over.
   * Answers whether the session still exists, and the number of its client sockets.
   */
  originNews(placement: Placement, news: OriginNews): Promise<{ known: boolean; sockets: number }>
  /** Opens a socket; see socketRequest. */
  fetch(request: Request): Promise<Response>
}

// --- one tenant -------------------------------------------------------------------------------------------------------

/** Span of every rate limit, ms. */
export const RATE_WINDOW_MS = 60_000

/** Calls that are limited together. */
export type RateBucket = 'sessions' | 'speak' | 'chat' | 'admin'

export interface RateDecision {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until the oldest call leaves the window and makes room. */
  resetS: number
}

export interface TenantObject {
  /** Counts one call. Exact: never more than `limit` in any RATE_WINDOW_MS; a refused call does not count. */
  take(bucket: RateBucket, limit: number): Promise<RateDecision>
  /** Registers a session that is about to be created; CONCURRENCY_LIMIT when there are `maxSessions` already. */
  add(sessionId: string, maxSessions: number): Promise<Result<null>>
  remove(sessionId: string): Promise<void>
  /** The sessions that exist, oldest first; each was asked just now. */
  list(): Promise<SessionSummary[]>
}

// --- the pool of origins ----------------------------------------------------------------------------------------------

export interface Placed {
  placement: Placement
  /** As the origin has it: a voice that it does not know is null. */
  config: SessionConfig
  warnings: string[]
}

/** What a session reports about itself; figures that are left out stay as they were. */
export interface SessionFigures {
  sockets: number
  store_bytes?: number
}

export interface PoolOrigin {
  origin_id: string
  version: string
  started_at: number
  /** Unix ms of its last heartbeat. */
  seen_at: number
  device: string
  avatars: string[]
  draining: boolean
  /** Sessions placed on it. */
  sessions: number
  load: OriginLoad
}

/** A language model of a connected origin. */
export interface PoolModel {
  id: string
  provider: string
  /** When its origin came up, Unix ms. */
  since: number
}

/** Everything that health, metrics and operators read of the pool. */
export interface PoolSnapshot {
  origins: PoolOrigin[]
  active_sessions: number
  total_sessions: number
  client_sockets: number
  store_bytes: number
}

/** A placed session, for operators. */
export interface PlacedSession {
  session_id: string
  tenant: string
  origin_id: string
  avatar_id: string
  quality: SessionConfig['quality']
  /** Unix ms. */
  created_at: number
  sockets: number
}

/** A placed session and its origin's last report about it. */
export type PoolSession = PlacedSession & { report: SessionReport | undefined }

export interface PoolObject {
  /** Opens the session at the least loaded origin that fits. Tries the next one when an origin declines or does not answer. */
  place(wanted: SessionConfig, tenant: string, waitMs: number): Promise<Result<Placed>>
  /** The session has ended. */
  release(sessionId: string): Promise<void>
  /** A session was created, for the total. */
  countCreated(): Promise<void>
  reportSession(sessionId: string, figures: SessionFigures): Promise<void>
  /** A chat without a session. @param id unique among all chats */
  textChat(id: string, params: ChatRequest): Promise<Result<CallResult>>
  /** The same as server-sent events, ending in `data: [DONE]`. */
  textChatStream(id: string, params: ChatRequest): Promise<Result<ReadableStream<Uint8Array>>>
  /** The HTTP client of this chat has gone. */
  cancelTextChat(id: string): Promise<void>
  avatars(): Promise<AvatarInfo[]>
  voices(): Promise<VoiceInfo[]>
  models(): Promise<PoolModel[]>
  snapshot(): Promise<PoolSnapshot>
  /** The newest sessions of all tenants. */
  sessions(limit: number): Promise<PoolSession[]>
  history(): Promise<HistoryPoint[]>
  /** Undefined when no such origin is connected; else the number of sessions that it still carries. */
  drain(originId: string, on: boolean): Promise<number | undefined>
  /** Opens an origin's control socket; see socketRequest. */
  fetch(request: Request): Promise<Response>
}
