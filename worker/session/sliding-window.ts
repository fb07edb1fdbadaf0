/** At most `limit` messages in any `windowMs`: an exact sliding window that keeps the time of each message. */
export class SlidingWindow {
  readonly #times: Float64Array
  readonly #windowMs: number
  #next = 0
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(limit: number, windowMs = 1000) {
    this.#times = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY)
    this.#windowMs = windowMs
  }

  /** Whether a message at `now` is within the limit. A refused message does not count. */
  take(now: number): boolean {
    const oldest = this.#times[this.#next] ?? Number.NEGATIVE_INFINITY
    if (now - oldest < this.#windowMs) return false
    this.#times[this.#next] = now
    this.#next = (this.#next + 1) % this.#times.length
    return true
  }

  /** True once per window: one error is sent for all refused messages of a window. */
  mayReport(now: number): boolean {
    if (now - this.#reportedAt < this.#windowMs) return false
    this.#reportedAt = now
    return true
  }
}
