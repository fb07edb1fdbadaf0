/**
 * What operators see and do, `/v1/admin/*`: origins and sessions of all tenants. Asks for a key of its own (`ADMIN_KEYS`).
 */
import * as z from 'zod'
import { Quality } from './api.ts'
import { SessionId } from './ids.ts'
import { OriginLoad, SessionReport } from './link.ts'
import { TransportStats, TurnLedger } from './stats.ts'

/** Sessions that one overview lists; `totals.sessions` counts them all. */
export const MAX_LISTED_SESSIONS = 1_000
/** s from one point of the history to the next. */
export const HISTORY_INTERVAL_S = 10
/** Points that are kept: one hour. */
export const HISTORY_POINTS = 360

export const AdminOrigin = z
  .object({
    origin_id: z.string(),
    version: z.string(),
    device: z.string().meta({ description: "onnxruntime execution provider, e.g. 'cpu' or 'cuda'." }),
    avatars: z.array(z.string()).meta({ description: 'Their ids.' }),
    uptime: z.number().meta({ description: 'Seconds since the process started.' }),
    last_seen_s: z.number().meta({ description: 'Seconds since its last heartbeat.' }),
    draining: z.boolean().meta({ description: 'It takes no new sessions.' }),
    sessions: z.int().meta({ description: 'Placed there by the edge; `load.sessions` is what the origin counts.' }),
    load: OriginLoad,
  })
  .meta({ id: 'AdminOrigin' })
export type AdminOrigin = z.infer<typeof AdminOrigin>

export const AdminSession = z
  .object({
    session_id: SessionId,
    tenant: z.string().meta({ description: 'Name of the API key that opened it, never the key.' }),
    origin_id: z.string(),
    avatar_id: z.string(),
    quality: Quality,
    created_at: z.iso.datetime(),
    duration: z.number().meta({ description: 'Seconds since then.' }),
    sockets: z.int().meta({ description: 'Client sockets that are open.' }),
    state: SessionReport.shape.state.nullable().meta({ description: 'Null until its origin has reported, at most 6 s.' }),
    stats: TransportStats.nullable(),
    last_turn: TurnLedger.nullable(),
  })
  .meta({ id: 'AdminSession' })
export type AdminSession = z.infer<typeof AdminSession>

export const AdminOverview = z
  .object({
    version: z.string().meta({ description: 'Of the edge.' }),
    origins: z.array(AdminOrigin),
    sessions: z.array(AdminSession).meta({ description: `Newest first, at most ${MAX_LISTED_SESSIONS}.` }),
    totals: z.object({
      origins: z.int(),
      sessions: z.int(),
      speaking: z.int(),
      capacity: z.int().meta({ description: 'Sessions that may speak at one time, of origins that take sessions.' }),
      sockets: z.int(),
      sessions_created: z.int().meta({ description: 'Since the edge was set up.' }),
      store_bytes: z.int(),
    }),
  })
  .meta({ id: 'AdminOverview' })
export type AdminOverview = z.infer<typeof AdminOverview>

export const HistoryPoint = z
  .object({
    at: z.int().meta({ description: 'Unix seconds.' }),
    origins: z.int(),
    sessions: z.int(),
    speaking: z.int(),
    sockets: z.int(),
    cpu_usage: z.number().nullable().meta({ description: 'Percent, mean over origins; null without one.' }),
    memory_usage: z.number().nullable(),
    rss_bytes: z.int().meta({ description: 'Of all origins together.' }),
    latency_p50: z
      .number()
      .nullable()
      .meta({ description: 'ms from a request to its first sound, median of the turns since the point before; null without one.' }),
  })
  .meta({ id: 'HistoryPoint' })
export type HistoryPoint = z.infer<typeof HistoryPoint>

export const AdminHistory = z
  .object({
    interval_s: z.int(),
    points: z.array(HistoryPoint).meta({ description: 'Oldest first, of the last hour; none for times without an origin.' }),
  })
  .meta({ id: 'AdminHistory' })
export type AdminHistory = z.infer<typeof AdminHistory>

export const AdminStopRequest = z.object({ session_id: SessionId }).meta({ id: 'AdminStopRequest' })
export type AdminStopRequest = z.infer<typeof AdminStopRequest>
export const AdminStopResponse = z
  .object({ status: z.literal('stopped'), duration: z.number().meta({ description: 'Seconds since the session was created.' }) })
  .meta({ id: 'AdminStopResponse' })
export type AdminStopResponse = z.infer<typeof AdminStopResponse>

export const AdminDrainRequest = z
  .object({
    origin_id: z.string().min(1).max(128),
    on: z.boolean().default(true).meta({ description: 'false: it takes sessions again.' }),
  })
  .meta({ id: 'AdminDrainRequest' })
export type AdminDrainRequest = z.infer<typeof AdminDrainRequest>
export const AdminDrainResponse = z
  .object({
    origin_id: z.string(),
    draining: z.boolean(),
    sessions: z.int().meta({ description: 'That it still carries.' }),
  })
  .meta({ id: 'AdminDrainResponse' })
export type AdminDrainResponse = z.infer<typeof AdminDrainResponse>
