/** Processes whose control socket is gone, and what becomes of the sessions that are placed on them. */
import { HEARTBEAT_S } from '../../shared/link.ts'
import type { OriginNews, Placement } from '../session/session-state.ts'
import type { Placements } from './placements.ts'

/** An origin that was silent for this long is lost, ms. */
export const SILENCE_MS = 3 * HEARTBEAT_S * 1000

export interface LostOriginsOptions {
  placements: Placements
  /** Processes that are connected. */
  connected(): Set<string>
  tellNews(sessionId: string, placement: Placement, news: OriginNews): Promise<void>
}

export class LostOrigins {
  readonly #options: LostOriginsOptions
  /** When control sockets closed, Unix ms, by process; a process is given SILENCE_MS to dial again. */
  readonly #lostAt = new Map<string, number>()
  /** Processes whose sessions were told of the loss; their sessions may come back without the control socket. */
  #told = new Set<string>()
  #checked = false

  constructor(options: LostOriginsOptions) {
    this.#options = options
  }

  /** What stands in storage was compared with the sessions since this object started. */
  get checked(): boolean {
    return this.#checked
  }

  lost(bootId: string, now: number): void {
    this.#lostAt.set(bootId, now)
  }

  /** It was silent so long that it is given no more time. */
  gaveUp(bootId: string): void {
    this.#lostAt.delete(bootId)
  }

  isBack(bootId: string): void {
    this.#told.delete(bootId)
    this.#lostAt.delete(bootId)
  }

  /** Asks the sessions of processes that are not here what became of them; at the first time they are told of the loss. */
  async check(now: number): Promise<void> {
    const { placements, connected, tellNews } = this.#options
    this.#checked = true
    const here = connected()
    const away = placements.all().filter(({ placement: { boot_id } }) => !here.has(boot_id))
    const orphans = away.filter(({ placement: { boot_id } }) => now - (this.#lostAt.get(boot_id) ?? 0) >= SILENCE_MS)
    const told = this.#told
    this.#told = new Set(orphans.map(({ placement }) => placement.boot_id))
    for (const bootId of this.#lostAt.keys()) if (!away.some(({ placement }) => placement.boot_id === bootId)) this.#lostAt.delete(bootId)
    await Promise.all(
      orphans.map(({ session_id, placement }) => tellNews(session_id, placement, told.has(placement.boot_id) ? 'nothing' : 'lost')),
    )
  }
}
