/** Spreads the packets of one frame over the time until it is due: a large frame at once would overflow a slow link. */

/** Packets sent together: most frames are no larger and need one timer. */
const SLICE = 6
/** ms between slices while there is time, and the least when the frame is late. */
const STEP_MS = 5
const LEAST_STEP_MS = 2
/** ms that a packet waits at most. */
const MAX_WAIT_MS = 100

export class Pacer<Item> {
  readonly #send: (item: Item) => void
  #waiting: { items: readonly Item[]; atMs: number }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(send: (item: Item) => void) {
    this.#send = send
  }

  /** @param items of one frame, in order @param dueMs when the last of them is to leave, on `performance.now()`'s scale */
  push(items: readonly Item[], dueMs: number): void {
    const now = performance.now()
    const slices = Math.ceil(items.length / SLICE)
    const fromMs = Math.max(now, this.#waiting.at(-1)?.atMs ?? now)
    const steps = Math.max(1, slices - 1)
    const stepMs = Math.min(STEP_MS, Math.max(LEAST_STEP_MS, (dueMs - fromMs) / steps))
    const lastMs = Math.min(now + MAX_WAIT_MS, Math.max(dueMs, fromMs + (slices - 1) * stepMs))
    for (let i = 0; i < slices; i++) {
      this.#waiting.push({ items: items.slice(i * SLICE, (i + 1) * SLICE), atMs: Math.max(fromMs, lastMs - (slices - 1 - i) * stepMs) })
    }
    this.#run()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#waiting = []
  }

  #run(): void {
    clearTimeout(this.#timer)
    for (let next = this.#waiting[0]; next && next.atMs <= performance.now(); next = this.#waiting[0]) {
      this.#waiting.shift()
      for (const item of next.items) this.#send(item)
    }
    const next = this.#waiting[0]
    if (next) this.#timer = setTimeout(() => this.#run(), Math.max(0, next.atMs - performance.now()))
  }
}
