/** Decides which frames one client socket gets: the platform buffers without limit, so a slow reader must be found here. */
import { MAX_UNACKED_FRAMES } from '../../shared/media.ts'

/** Bytes in the socket's own queue above which a client that never acknowledges gets no frames: about a second of them. */
const MAX_BUFFERED_BYTES = 1_000_000
/** A client that takes no frame for this long is closed, ms. */
const STUCK_MS = 10_000
const REPORT_EVERY_MS = 1_000

export type FrameVerdict = 'send' | 'drop' | 'close'

export class FrameBackpressure {
  /** Ids of the frames that were sent and not acknowledged, oldest first; never more than MAX_UNACKED_FRAMES. */
  #outstanding: number[] = []
  #acknowledges: boolean
  /** Unix ms since when no frame was taken; null while frames are taken. */
  #stuckSince: number | null = null
  #unreported = 0
  #total = 0
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(acknowledges: boolean) {
    this.#acknowledges = acknowledges
  }

  /** @param bufferedBytes size of the socket's send queue; undefined where the runtime does not tell */
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

  /** Acknowledges this frame and those sent before it. @returns true for the client's first acknowledgement */
  ack(frameId: number, now: number): boolean {
    this.#outstanding = this.#outstanding.filter((id) => id > frameId)
    this.#stuckSince = this.#outstanding.length > 0 ? now : null
    const first = !this.#acknowledges
    this.#acknowledges = true
    return first
  }

  /** The frames_dropped report that is due now; undefined when nothing was dropped or the last report was just sent. */
  takeReport(now: number): { dropped: number; total: number } | undefined {
    if (this.#unreported === 0 || now - this.#reportedAt < REPORT_EVERY_MS) return undefined
    const report = { dropped: this.#unreported, total: this.#total }
    this.#unreported = 0
    this.#reportedAt = now
    return report
  }
}
