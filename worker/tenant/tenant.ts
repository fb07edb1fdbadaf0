/** The Durable Object of one API key's owner: its sessions and its limits. */
import { DurableObject } from 'cloudflare:workers'
import type { SessionSummary } from '../../shared/api.ts'
import type { Env } from '../env.ts'
import { RATE_WINDOW_MS, type RateBucket, type RateDecision, type TenantObject } from '../objects/contracts.ts'
import { fail, type Result, succeed } from '../objects/result.ts'
import { sessionStub } from '../objects/stubs.ts'

const MIGRATIONS = [
  `CREATE TABLE hits (bucket TEXT NOT NULL, at INTEGER NOT NULL);
   CREATE INDEX hits_by_time ON hits (bucket, at);
   CREATE TABLE sessions (session_id TEXT PRIMARY KEY, added_at INTEGER NOT NULL)`,
]

export class Tenant extends DurableObject<Env> implements TenantObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const done = ctx.storage.kv.get<number>('schema') ?? 0
    for (const migration of MIGRATIONS.slice(done)) ctx.storage.sql.exec(migration)
    if (done < MIGRATIONS.length) ctx.storage.kv.put('schema', MIGRATIONS.length)
  }

  async take(bucket: RateBucket, limit: number): Promise<RateDecision> {
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

  async remove(sessionId: string): Promise<void> {
    this.ctx.storage.sql.exec('DELETE FROM sessions WHERE session_id = ?', sessionId)
  }

  list(): Promise<SessionSummary[]> {
    return this.#check()
  }

  #count(): number {
    return this.ctx.storage.sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM sessions').one().n
  }

  /** Asks every session whether it still exists; those that do not are removed. */
  async #check(): Promise<SessionSummary[]> {
    const askedAt = Date.now()
    const rows = this.ctx.storage.sql.exec<{ session_id: string }>('SELECT session_id FROM sessions ORDER BY added_at, rowid').toArray()
    const answers = await Promise.all(
      rows.map(async ({ session_id }) => ({ session_id, ...(await sessionStub(this.env, session_id).summary()) })),
    )
    for (const { session_id, known } of answers) {
      // one that was added while the others were asked may not have been created yet
      if (!known) {
        this.ctx.storage.sql.exec('DELETE FROM sessions WHERE session_id = ? AND added_at < ?', session_id, askedAt - CREATION_MS)
      }
    }
    return answers.flatMap(({ summary }) => (summary === null ? [] : [summary]))
  }
}

/** A session that was added here exists at the latest after this long, ms. */
const CREATION_MS = 10_000
