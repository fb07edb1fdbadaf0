/** Origin processes without a control socket: when they count as lost, and telling the sessions that are placed on them. */
import { HEARTBEAT_S } from '../../shared/link.ts'
import type { OriginNews, Placement } from '../objects/contracts.ts'
import type { Placements } from './placements.ts'

/** An origin that sent nothing for this long is lost, ms. */
export const SILENCE_MS = 3 * HEARTBEAT_S * 1000

export interface LostOriginsOptions {
  placements: Placements
  /** Boot ids of the processes that are connected. */
  connected(): Set<string>
  tellNews(sessionId: string, placement: Placement, news: OriginNews): Promise<void>
}

export class LostOrigins {
  readonly #options: LostOriginsOptions
  /** When control sockets closed, Unix ms, by boot id; a process has SILENCE_MS to dial again. */
  readonly #lostAt = new Map<string, number>()
  /** Boot ids whose sessions were told of the loss; the sessions may reconnect without the control socket. */
  #told = new Set<string>()
  #checked = false

  constructor(options: LostOriginsOptions) {
    this.#options = options
  }

  /** The placements in storage were compared with the sessions since this object started. */
  get checked(): boolean {
    return this.#checked
  }

  lost(bootId: string, now: number): void {
    this.#lostAt.set(bootId, now)
  }

  /** It sent nothing for so long that it has no more time to dial again. */
  gaveUp(bootId: string): void {
    this.#lostAt.delete(bootId)
  }

  isBack(bootId: string): void {
    this.#told.delete(bootId)
    this.#lostAt.delete(bootId)
  }

  /** Asks the sessions of processes that are not connected whether they still exist; the first time they are told of the loss. */
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
