/** The pool's tables in SQLite: which session is placed where, the last hello of each origin, and the totals. */
import type { OriginHello, SessionConfig } from '../../shared/link.ts'
import type { PlacedSession, Placement, SessionFigures } from '../objects/contracts.ts'

export interface PlacementRow {
  session_id: string
  placement: Placement
  placed_at: number
}

const MIGRATIONS = [
  `CREATE TABLE placements (
     session_id TEXT PRIMARY KEY, origin_id TEXT NOT NULL, boot_id TEXT NOT NULL, placed_at INTEGER NOT NULL,
     sockets INTEGER NOT NULL DEFAULT 0, store_bytes INTEGER NOT NULL DEFAULT 0);
   CREATE TABLE origins (origin_id TEXT PRIMARY KEY, hello TEXT NOT NULL)`,
  `ALTER TABLE placements ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
   ALTER TABLE placements ADD COLUMN avatar_id TEXT NOT NULL DEFAULT '';
   ALTER TABLE placements ADD COLUMN quality TEXT NOT NULL DEFAULT 'medium';
   ALTER TABLE placements ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0`,
]

export class Placements {
  readonly #storage: DurableObjectStorage

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    const done = storage.kv.get<number>('schema') ?? 0
    for (const migration of MIGRATIONS.slice(done)) storage.sql.exec(migration)
    if (done < MIGRATIONS.length) storage.kv.put('schema', MIGRATIONS.length)
  }

  put({ session_id, avatar_id, quality, created_at }: SessionConfig, tenant: string, { origin_id, boot_id }: Placement): void {
    this.#storage.sql.exec(
      `INSERT INTO placements (session_id, origin_id, boot_id, placed_at, tenant, avatar_id, quality, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET origin_id = excluded.origin_id, boot_id = excluded.boot_id, placed_at = excluded.placed_at`,
      session_id,
      origin_id,
      boot_id,
      Date.now(),
      tenant,
      avatar_id,
      quality,
      created_at,
    )
  }

  /** Newest first. */
  newest(limit: number): PlacedSession[] {
    return this.#storage.sql
      .exec<Record<keyof PlacedSession, string | number>>(
        `SELECT session_id, tenant, origin_id, avatar_id, quality, created_at, sockets
         FROM placements ORDER BY created_at DESC LIMIT ?`,
        limit,
      )
      .toArray() as unknown as PlacedSession[]
  }

  remove(sessionId: string): void {
    this.#storage.sql.exec('DELETE FROM placements WHERE session_id = ?', sessionId)
  }

  of(sessionId: string): Placement | undefined {
    return this.#storage.sql
      .exec<{ origin_id: string; boot_id: string }>('SELECT origin_id, boot_id FROM placements WHERE session_id = ?', sessionId)
      .toArray()[0]
  }

  all(): PlacementRow[] {
    return this.#storage.sql
      .exec<{ session_id: string; origin_id: string; boot_id: string; placed_at: number }>(
        'SELECT session_id, origin_id, boot_id, placed_at FROM placements',
      )
      .toArray()
      .map(({ session_id, origin_id, boot_id, placed_at }) => ({ session_id, placement: { origin_id, boot_id }, placed_at }))
  }

  /** Sessions by origin. */
  countByOrigin(): Map<string, number> {
    const rows = this.#storage.sql.exec<{ origin_id: string; n: number }>(
      'SELECT origin_id, COUNT(*) AS n FROM placements GROUP BY origin_id',
    )
    return new Map([...rows].map(({ origin_id, n }) => [origin_id, n]))
  }

  report(sessionId: string, { sockets, store_bytes }: SessionFigures): void {
    this.#storage.sql.exec(
      'UPDATE placements SET sockets = ?, store_bytes = COALESCE(?, store_bytes) WHERE session_id = ?',
      sockets,
      store_bytes ?? null,
      sessionId,
    )
  }

  /** A session was created: counted once, however often it is placed. */
  countCreated(): void {
    this.#storage.kv.put('total_sessions', (this.#storage.kv.get<number>('total_sessions') ?? 0) + 1)
  }

  /** A session counts while its origin is connected or a client watches it. */
  totals(connectedBoots: Set<string>): { active_sessions: number; total_sessions: number; client_sockets: number; store_bytes: number } {
    const rows = this.#storage.sql
      .exec<{ boot_id: string; sockets: number; store_bytes: number }>('SELECT boot_id, sockets, store_bytes FROM placements')
      .toArray()
    return {
      active_sessions: rows.filter(({ boot_id, sockets }) => sockets > 0 || connectedBoots.has(boot_id)).length,
      total_sessions: this.#storage.kv.get<number>('total_sessions') ?? 0,
      client_sockets: rows.reduce((sum, { sockets }) => sum + sockets, 0),
      store_bytes: rows.reduce((sum, { store_bytes }) => sum + store_bytes, 0),
    }
  }

  keepHello(hello: OriginHello): void {
    this.#storage.sql.exec('INSERT OR REPLACE INTO origins (origin_id, hello) VALUES (?, ?)', hello.origin_id, JSON.stringify(hello))
  }
}

/** The origin's last hello; undefined when it has never connected. */
export function storedHello(storage: DurableObjectStorage, originId: string): unknown {
  const row = storage.sql.exec<{ hello: string }>('SELECT hello FROM origins WHERE origin_id = ?', originId).toArray()[0]
  return row === undefined ? undefined : JSON.parse(row.hello)
}
