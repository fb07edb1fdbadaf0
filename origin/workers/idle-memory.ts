/**
 * Gives memory back when nothing is to be done. V8 collects only when something is allocated: what the last jobs left behind, above
 * all shared memory that the other threads have let go of, would stay for as long as nobody speaks.
 */
import process from 'node:process'

/** ms without work after which a thread collects; long, so that it never falls between two sentences of a conversation. */
const IDLE_MS = 15_000
/** Growth of the process that is worth a collection of the main thread, bytes; it takes 30 to 60 ms. */
const WORTH_BYTES = 8e6
const LOOK_MS = 15_000

/** Does nothing unless Node runs with `--expose-gc`, as `npm start` and `npm run origin` have it. */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** Collects once in every stretch without work. */
export class IdleCollector {
  readonly #collect: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(collect: () => void = collectGarbage) {
    this.#collect = collect
  }

  /** Work begins, or ends: the time without it counts from here. */
  touch(): void {
    if (this.#timer) this.#timer.refresh()
    else this.#timer = setTimeout(this.#collect, IDLE_MS).unref()
  }
}

export interface GrowthCollectorOptions {
  /** Whether a pause would be noticed. */
  isBusy: () => boolean
  /** Bytes that the process holds. */
  rss?: () => number
  collect?: () => void
}

/** For the main thread, whose work has no end to count from: looks whether the process has grown while nobody is there. */
export class GrowthCollector {
  readonly #options: Required<GrowthCollectorOptions>
  readonly #timer: NodeJS.Timeout
  #leftBytes = 0

  constructor({ isBusy, rss = () => process.memoryUsage.rss(), collect = collectGarbage }: GrowthCollectorOptions) {
    this.#options = { isBusy, rss, collect }
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { isBusy, rss, collect } = this.#options
    if (isBusy()) return
    const before = rss()
    // the other threads give back too: what is left is the least that was seen
    this.#leftBytes = Math.min(this.#leftBytes, before)
    if (before - this.#leftBytes < WORTH_BYTES) return
    collect()
    this.#leftBytes = rss()
  }
}
