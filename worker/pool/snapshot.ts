/** Everything that health, metrics and operators read of the pool. */
import type { OriginLoad, SessionReport } from '../../shared/link.ts'
import type { ControlSocket } from './control-socket.ts'
import type { PlacedSession } from './placements.ts'

export interface PoolOrigin {
  origin_id: string
  version: string
  started_at: number
  /** Unix ms of its last heartbeat. */
  seen_at: number
  device: string
  avatars: string[]
  draining: boolean
  /** Placed there. */
  sessions: number
  load: OriginLoad
}

export interface PoolSnapshot {
  origins: PoolOrigin[]
  active_sessions: number
  total_sessions: number
  client_sockets: number
  store_bytes: number
}

/** One session and what its origin last said of it. */
export type PoolSession = PlacedSession & { report: SessionReport | undefined }

/** @param sessions placed there */
export function poolOrigin({ hello, load, draining, seenAt }: ControlSocket, sessions: number): PoolOrigin {
  return {
    origin_id: hello.origin_id,
    version: hello.version,
    started_at: hello.started_at,
    seen_at: seenAt,
    device: hello.device,
    avatars: hello.avatars.map(({ avatar_id }) => avatar_id),
    draining,
    sessions,
    load,
  }
}
