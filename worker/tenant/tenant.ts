/** The Durable Object of one API key's owner: its sessions and its limits. */
import { DurableObject } from 'cloudflare:workers'
import type { SessionSummary } from '../../shared/api.ts'
import type { Env } from '../env.ts'
import { fail, type Result, succeed } from '../objects/result.ts'
import { sessionStub } from '../objects/stubs.ts'

/** Span of every rate limit, ms. */
export const RATE_WINDOW_MS = 60_000

export type RateBucket = 'sessions' | 'speak' | 'chat' | 'admin'

export interface RateDecision {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until a call leaves the window and makes room. */
  resetS: number
}

const MIGRATIONS = [
  `CREATE TABLE hits (bucket TEXT NOT NULL, at INTEGER NOT NULL);
   CREATE INDEX hits_by_time ON hits (bucket, at);
   CREATE TABLE sessions (session_id TEXT PRIMARY KEY, added_at INTEGER NOT NULL)`,
]

export class Tenant extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const done = ctx.storage.kv.get<number>('schema') ?? 0
    for (const migration of MIGRATIONS.slice(done)) ctx.storage.sql.exec(migration)
    if (done < MIGRATIONS.length) ctx.storage.kv.put('schema', MIGRATIONS.length)
  }

  /** Counts one call. Exact: never more than `limit` in any RATE_WINDOW_MS; a refused call does not count. */
  take(bucket: RateBucket, limit: number): RateDecision {
    const { sql } = this.ctx.storage
    const now = Date.now()
    sql.exec('DELETE FROM hits WHERE bucket = ? AND at <= ?', bucket, now - RATE_WINDOW_MS)
    const seen = sql.exec<{ used: number; oldest: number | null }>(
      'SELECT COUNT(*) AS used, MIN(at) AS oldest FROM hits WHERE bucket = ?',
      bucket,
    )
    const { used, oldest } = seen.one()
    const allowed = used < limit
    if (allowed) sql.exec('INSERT INTO hits (bucket, at) VALUES (?, ?)', bucket, now)
    return {
      allowed,
      limit,
      remaining: Math.max(0, limit - used - (allowed ? 1 : 0)),
      resetS: Math.max(1, Math.ceil(((oldest ?? now) + RATE_WINDOW_MS - now) / 1000)),
    }
  }

  /** Notes a session that is about to be created, if one more may be. */
  async add(sessionId: string, maxSessions: number): Promise<Result<null>> {
    if (this.#count() >= maxSessions) await this.#check()
    if (this.#count() >= maxSessions) {
      return fail('CONCURRENCY_LIMIT', `At most ${maxSessions} sessions at one time; stop one first.`, {
        limit: maxSessions,
        retry_after_s: 10,
      })
    }
    this.ctx.storage.sql.exec('INSERT OR REPLACE INTO sessions (session_id, added_at) VALUES (?, ?)', sessionId, Date.now())
    return succeed(null)
  }

  remove(sessionId: string): void {
    this.ctx.storage.sql.exec('DELETE FROM sessions WHERE session_id = ?', sessionId)
  }

  /** The sessions that stand, oldest first; each was asked just now. */
  list(): Promise<SessionSummary[]> {
    return this.#check()
  }

  #count(): number {
    return this.ctx.storage.sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM sessions').one().n
  }

  /** Asks every session whether it is still there; those that are not are forgotten. */
  async #check(): Promise<SessionSummary[]> {
    const askedAt = Date.now()
    const rows = this.ctx.storage.sql.exec<{ session_id: string }>('SELECT session_id FROM sessions ORDER BY added_at, rowid').toArray()
    const answers = await Promise.all(
      rows.map(async ({ session_id }) => ({ session_id, ...(await sessionStub(this.env, session_id).summary()) })),
    )
    for (const { session_id, known } of answers) {
      // one that was noted while the others were asked may not have been created yet
      if (!known) {
        this.ctx.storage.sql.exec('DELETE FROM sessions WHERE session_id = ? AND added_at < ?', session_id, askedAt - CREATION_MS)
      }
    }
    return answers.flatMap(({ summary }) => (summary === null ? [] : [summary]))
  }
}

/** A session that is noted here exists at the latest after this long, ms. */
const CREATION_MS = 10_000
