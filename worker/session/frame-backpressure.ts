/** Which pictures one client socket gets: the edge buffers without limit, so a slow reader must be noticed here. */
import { MAX_UNACKED_FRAMES } from '../../shared/media.ts'

/** Bytes in the socket's own queue above which a client that never acknowledges gets no pictures: about a second of them. */
export const MAX_BUFFERED_BYTES = 1_000_000
/** How long a client may stand still before it is closed, ms. */
export const STUCK_MS = 10_000
const REPORT_EVERY_MS = 1_000

export type FrameVerdict = 'send' | 'drop' | 'close'

export class FrameFlow {
  /** Ids of the pictures that were sent and not acknowledged, oldest first; never more than MAX_UNACKED_FRAMES. */
  #outstanding: number[] = []
  #acknowledges: boolean
  /** Since when nothing has moved; null while all is well. */
  #stuckSince: number | null = null
  #unreported = 0
  #total = 0
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(acknowledges: boolean) {
    this.#acknowledges = acknowledges
  }

  /** @param bufferedBytes what the socket still holds, where the runtime tells; else undefined */
  admit(frameId: number, now: number, bufferedBytes: number | undefined): FrameVerdict {
    const blocked = this.#acknowledges ? this.#outstanding.length >= MAX_UNACKED_FRAMES : (bufferedBytes ?? 0) > MAX_BUFFERED_BYTES
    if (!this.#acknowledges && !blocked) this.#stuckSince = null
    if (this.#stuckSince !== null && now - this.#stuckSince >= STUCK_MS) return 'close'
    if (blocked) {
      this.#stuckSince ??= now
      this.#unreported++
      this.#total++
      return 'drop'
    }
    if (this.#acknowledges) {
      this.#outstanding.push(frameId)
      this.#stuckSince ??= now
    }
    return 'send'
  }

  /** Acknowledges this picture and those sent before it. Returns true at the client's first one. */
  ack(frameId: number, now: number): boolean {
    this.#outstanding = this.#outstanding.filter((id) => id > frameId)
    this.#stuckSince = this.#outstanding.length > 0 ? now : null
    const first = !this.#acknowledges
    this.#acknowledges = true
    return first
  }

  /** What to tell the client now about pictures left out; undefined when there is nothing or it was just told. */
  takeReport(now: number): { dropped: number; total: number } | undefined {
    if (this.#unreported === 0 || now - this.#reportedAt < REPORT_EVERY_MS) return undefined
    const report = { dropped: this.#unreported, total: this.#total }
    this.#unreported = 0
    this.#reportedAt = now
    return report
  }
}

/** The number behind `"frame_id":` in a frame's JSON; base64 holds no quote, so the key cannot be found inside the picture. */
export function frameIdOf(eventJson: string): number {
  const key = eventJson.indexOf('"frame_id":')
  return key < 0 ? 0 : Number.parseInt(eventJson.slice(key + 11, key + 28), 10) || 0
}
