/**
 * Maps the server's timestamps to this machine's clock. The quickest recent delivery is the reference: it is the one that the
 * network delayed least, and clocks that drift apart are followed because old deliveries are forgotten.
 */

/** Deliveries that are looked at: two halves of this length, ms. */
const WINDOW_MS = 10_000

export class MediaClock {
  /** Smallest (arrival - timestamp) of the current and of the previous half window, ms. */
  #current = Number.POSITIVE_INFINITY
  #previous = Number.POSITIVE_INFINITY
  #halfSince = Number.NEGATIVE_INFINITY

  /** Forgets everything: after a reconnect another server's clock may speak. */
  reset(): void {
    this.#current = Number.POSITIVE_INFINITY
    this.#previous = Number.POSITIVE_INFINITY
    this.#halfSince = Number.NEGATIVE_INFINITY
  }

  /** @param timestampMs server time at which the media was sent  @param arrivalMs `performance.now()` at its arrival */
  observe(timestampMs: number, arrivalMs: number): void {
    if (arrivalMs - this.#halfSince > WINDOW_MS / 2) {
      this.#previous = this.#current
      this.#current = Number.POSITIVE_INFINITY
      this.#halfSince = arrivalMs
    }
    this.#current = Math.min(this.#current, arrivalMs - timestampMs)
  }

  /** `performance.now()` at which media of this timestamp arrives when nothing delays it; undefined before the first delivery. */
  arrivalOf(timestampMs: number): number | undefined {
    const offset = Math.min(this.#current, this.#previous)
    return Number.isFinite(offset) ? timestampMs + offset : undefined
  }

  /** How much later than the quickest this delivery was, ms. */
  latenessOf(timestampMs: number, arrivalMs: number): number {
    return arrivalMs - (this.arrivalOf(timestampMs) ?? arrivalMs)
  }
}
