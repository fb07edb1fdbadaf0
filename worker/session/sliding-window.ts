/** At most `limit` messages in any `windowMs`: the exact sliding window, one number kept per message. */
export class MessageLimit {
  readonly #times: Float64Array
  readonly #windowMs: number
  #next = 0
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(limit: number, windowMs = 1000) {
    this.#times = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY)
    this.#windowMs = windowMs
  }

  /** Whether the message of this moment is within the limit. One that is not does not count. */
  take(now: number): boolean {
    const oldest = this.#times[this.#next] ?? Number.NEGATIVE_INFINITY
    if (now - oldest < this.#windowMs) return false
    this.#times[this.#next] = now
    this.#next = (this.#next + 1) % this.#times.length
    return true
  }

  /** True once per window: the refusal is told, not each refused message. */
  mayReport(now: number): boolean {
    if (now - this.#reportedAt < this.#windowMs) return false
    this.#reportedAt = now
    return true
  }
}
