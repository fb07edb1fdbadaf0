/** Numbers the session's events and keeps the last control events for clients that come back. Lives in the object's SQLite. */

/** Control events that are kept. */
const RING_EVENTS = 512
/** How long they are kept, ms. */
const RING_MS = 60_000
/** Numbers of forgotten events that are kept, to count what a client missed. */
const FORGOTTEN_EVENTS = 4_096
/** Numbers reserved in storage at one time; the rest of a block is skipped when the object restarts. */
const SEQ_BLOCK = 4_096
/** Control events between two prunings. */
const PRUNE_EVERY = 64

export interface Replay {
  events: string[]
  missed: number
}

export class EventLog {
  readonly #storage: DurableObjectStorage
  #next: number
  #reserved: number
  #sincePruned = 0

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#reserved = storage.kv.get<number>('seq_reserved') ?? 0
    this.#next = this.#reserved
  }

  /** Makes the table; once, when the session is created. */
  static create(storage: DurableObjectStorage): void {
    storage.sql.exec('CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, json TEXT)')
  }

  /** The number of the next event: rising, also after the object was evicted or restarted. */
  nextSeq(): number {
    if (this.#next >= this.#reserved) {
      this.#reserved = this.#next + SEQ_BLOCK
      this.#storage.kv.put('seq_reserved', this.#reserved)
    }
    return this.#next++
  }

  /** Keeps a control event, as it was sent. */
  keep(seq: number, json: string, now: number): void {
    this.#storage.sql.exec('INSERT INTO events (seq, at, json) VALUES (?, ?, ?)', seq, now, json)
    if (++this.#sincePruned >= PRUNE_EVERY) this.#prune(now)
  }

  /** The control events after `seq`, and how many of them were forgotten. */
  since(seq: number, now: number): Replay {
    this.#prune(now)
    const events: string[] = []
    let missed = 0
    for (const row of this.#storage.sql.exec<{ json: string | null }>('SELECT json FROM events WHERE seq > ? ORDER BY seq', seq)) {
      if (row.json === null) missed++
      else events.push(row.json)
    }
    return { events, missed }
  }

  #prune(now: number): void {
    this.#sincePruned = 0
    const { sql } = this.#storage
    sql.exec(
      `UPDATE events SET json = NULL WHERE json IS NOT NULL AND
       (at <= ? OR seq <= (SELECT seq FROM events WHERE json IS NOT NULL ORDER BY seq DESC LIMIT 1 OFFSET ?))`,
      now - RING_MS,
      RING_EVENTS,
    )
    sql.exec('DELETE FROM events WHERE seq <= (SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?)', RING_EVENTS + FORGOTTEN_EVENTS)
  }
}
