/** What operators see and do. Every call asks for an admin key. */
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
import { adminOf } from '../http/auth.ts'
import type { App, AppContext } from '../http/context.ts'
import { get, post } from '../http/declare-route.ts'
import { takeRate } from '../http/rate-limit.ts'
import { log } from '../log.ts'
import type { PoolOrigin, PoolSession, PoolSnapshot } from '../objects/contracts.ts'
import { unwrap } from '../objects/result.ts'
import { poolStub, sessionStub } from '../objects/stubs.ts'

const TAG = 'Administration'

export function mountAdmin(app: App): void {
  get(
    app,
    {
      path: '/v1/admin/overview',
      tag: TAG,
      summary: 'Every origin and every session',
      description: 'Asks for an admin key, as all of /v1/admin.',
      response: AdminOverview,
      errors: ['RATE_LIMITED'],
    },
    async (context) => {
      await requireOperator(context)
      const pool = poolStub(context.env)
      const [snapshot, sessions] = await Promise.all([pool.snapshot(), pool.sessions(MAX_LISTED_SESSIONS)])
      return context.json(overviewOf(snapshot, sessions, Date.now()))
    },
  )
  get(
    app,
    { path: '/v1/admin/history', tag: TAG, summary: 'The last hour in figures', response: AdminHistory, errors: ['RATE_LIMITED'] },
    async (context) => {
      await requireOperator(context)
      const points = await poolStub(context.env).history()
      return context.json({ interval_s: HISTORY_INTERVAL_S, points } satisfies AdminHistory)
    },
  )
  post(
    app,
    {
      path: '/v1/admin/sessions/stop',
      tag: TAG,
      summary: 'End any session',
      description: 'Its clients are told `session_ended` with the reason `admin`.',
      response: AdminStopResponse,
      errors: ['SESSION_NOT_FOUND', 'RATE_LIMITED'],
    },
    AdminStopRequest,
    async (context, { session_id }) => {
      const operator = await requireOperator(context)
      const { duration } = unwrap(await sessionStub(context.env, session_id).adminStop())
      log.info('session stopped by an operator', { session_id, operator })
      return context.json({ status: 'stopped', duration } satisfies AdminStopResponse)
    },
  )
  post(
    app,
    {
      path: '/v1/admin/origins/drain',
      tag: TAG,
      summary: 'Let an origin take no more sessions, or take them again',
      description: 'Sessions that it carries go on.',
      response: AdminDrainResponse,
      errors: ['NOT_FOUND', 'RATE_LIMITED'],
    },
    AdminDrainRequest,
    async (context, { origin_id, on }) => {
      await requireOperator(context)
      const sessions = await poolStub(context.env).drain(origin_id, on)
      if (sessions === undefined) throw new AvatarError('NOT_FOUND', 'No origin of this name is connected.', { origin_id })
      return context.json({ origin_id, draining: on, sessions } satisfies AdminDrainResponse)
    },
  )
}

/** Who it is; counted against the limit of operators. */
async function requireOperator(context: AppContext): Promise<string> {
  const operator = await adminOf(context)
  // a colon stands in no tenant's name
  await takeRate(context, `admin:${operator}`, 'admin')
  return operator
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
