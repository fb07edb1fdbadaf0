/** The calls of operators, over all tenants. */
import {
  AdminDrainRequest,
  AdminDrainResponse,
  AdminHistory,
  AdminOverview,
  type AdminSession,
  AdminStopRequest,
  AdminStopResponse,
  HISTORY_INTERVAL_S,
  MAX_LISTED_SESSIONS,
} from '../../shared/admin.ts'
import { AvatarError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { log } from '../log.ts'
import type { PoolOrigin, PoolSession, PoolSnapshot } from '../objects/contracts.ts'
import { unwrap } from '../objects/result.ts'
import { poolStub, sessionStub } from '../objects/stubs.ts'

const ADMIN = { auth: 'admin', rate: 'admin', tag: 'Administration' } as const

export function mountAdmin(routes: RouteTable): void {
  routes.get(
    {
      ...ADMIN,
      path: '/v1/admin/overview',
      summary: 'Every origin and every session',
      description: 'Asks for an admin key, as all of /v1/admin.',
      response: AdminOverview,
    },
    async ({ context }) => {
      const pool = poolStub(context.env)
      const [snapshot, sessions] = await Promise.all([pool.snapshot(), pool.sessions(MAX_LISTED_SESSIONS)])
      return context.json(overviewOf(snapshot, sessions, Date.now()))
    },
  )
  routes.get({ ...ADMIN, path: '/v1/admin/history', summary: 'The last hour in figures', response: AdminHistory }, async ({ context }) => {
    const points = await poolStub(context.env).history()
    return context.json({ interval_s: HISTORY_INTERVAL_S, points } satisfies AdminHistory)
  })
  routes.post(
    {
      ...ADMIN,
      path: '/v1/admin/sessions/stop',
      summary: 'End any session',
      description: 'Its clients are told `session_ended` with the reason `admin`.',
      body: AdminStopRequest,
      response: AdminStopResponse,
      errors: ['SESSION_NOT_FOUND'],
    },
    async ({ context, operator, body: { session_id } }) => {
      const { duration } = unwrap(await sessionStub(context.env, session_id).adminStop())
      log.info('session stopped by an operator', { session_id, operator })
      return context.json({ status: 'stopped', duration } satisfies AdminStopResponse)
    },
  )
  routes.post(
    {
      ...ADMIN,
      path: '/v1/admin/origins/drain',
      summary: 'Let an origin take no more sessions, or take them again',
      description: 'Sessions that it carries go on.',
      body: AdminDrainRequest,
      response: AdminDrainResponse,
      errors: ['NOT_FOUND'],
    },
    async ({ context, body: { origin_id, on } }) => {
      const sessions = await poolStub(context.env).drain(origin_id, on)
      if (sessions === undefined) throw new AvatarError('NOT_FOUND', 'No origin of this name is connected.', { origin_id })
      return context.json({ origin_id, draining: on, sessions } satisfies AdminDrainResponse)
    },
  )
}

function overviewOf(snapshot: PoolSnapshot, sessions: PoolSession[], now: number): AdminOverview {
  const origins = snapshot.origins.map((origin) => adminOrigin(origin, now))
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  return {
    version: VERSION,
    origins,
    sessions: sessions.map((session) => adminSession(session, now)),
    totals: {
      origins: origins.length,
      sessions: snapshot.active_sessions,
      speaking: sum(origins.map(({ load }) => load.speaking)),
      capacity: sum(origins.map(({ draining, load }) => (draining ? 0 : load.capacity))),
      sockets: snapshot.client_sockets,
      sessions_created: snapshot.total_sessions,
      store_bytes: snapshot.store_bytes,
    },
  }
}

function adminOrigin({ started_at, seen_at, ...origin }: PoolOrigin, now: number): AdminOverview['origins'][number] {
  return { ...origin, uptime: secondsSince(started_at, now), last_seen_s: secondsSince(seen_at, now) }
}

function adminSession({ report, created_at, ...session }: PoolSession, now: number): AdminSession {
  return {
    ...session,
    created_at: new Date(created_at).toISOString(),
    duration: secondsSince(created_at, now),
    state: report?.state ?? null,
    stats: report?.stats ?? null,
    last_turn: report?.last_turn ?? null,
  }
}

function secondsSince(at: number, now: number): number {
  return Math.max(0, Math.round((now - at) / 100) / 10)
}
