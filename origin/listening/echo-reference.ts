/** The last second of audio sent to the clients: the reference of echo suppression. */
import { SAMPLE_RATE, TICK_MS, TICK_SAMPLES } from '../../shared/media.ts'
import type { EchoReference } from './types.ts'

const KEPT_TICKS = 1000 / TICK_MS

export class EchoReferenceRing implements EchoReference {
  readonly #ring = new Int16Array(SAMPLE_RATE)
  /** Tick that is written next: the oldest. */
  #at = 0
  untilMs = 0

  /** @param pcm TICK_SAMPLES; undefined for silence @param dueMs when its first sample sounds */
  push(pcm: Int16Array | undefined, dueMs: number): void {
    const place = this.#ring.subarray(this.#at * TICK_SAMPLES, (this.#at + 1) * TICK_SAMPLES)
    if (pcm) place.set(pcm)
    else place.fill(0)
    this.#at = (this.#at + 1) % KEPT_TICKS
    this.untilMs = dueMs + TICK_MS
  }

  recent(): Int16Array {
    const ordered = new Int16Array(this.#ring.length)
    const split = this.#at * TICK_SAMPLES
    ordered.set(this.#ring.subarray(split))
    ordered.set(this.#ring.subarray(0, split), this.#ring.length - split)
    return ordered
  }
}
