/** What a turn took, step by step, and how that is spread over all turns of the process. */
import { performance } from 'node:perf_hooks'
import type { Histogram, TurnLedger } from '../../shared/stats.ts'
import type { UserSpeechTimes } from '../listening/types.ts'

export type Step = keyof TurnLedger

/** Upper bounds, ms. */
const BOUNDS = [20, 50, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000]

/** One turn's times, from its beginning: the end of the user's speech, or the request. */
export class Ledger {
  readonly #beginMs: number
  readonly #steps: TurnLedger = {
    vad_end: null,
    stt_final: null,
    llm_first_token: null,
    tts_first_byte: null,
    first_sound: null,
    first_picture: null,
  }
  #closed = false

  /** @param heard of a turn that answers speech */
  constructor(heard?: UserSpeechTimes) {
    this.#beginMs = heard?.endMs ?? performance.now()
    if (heard?.vadEndMs !== undefined) this.mark('vad_end', heard.vadEndMs)
    if (heard?.sttFinalMs !== undefined) this.mark('stt_final', heard.sttFinalMs)
  }

  /** Only the first of each step counts. @param atMs on `performance.now()`'s scale */
  mark(step: Step, atMs = performance.now()): void {
    if (!this.#closed) this.#steps[step] ??= Math.round(Math.max(0, atMs - this.#beginMs) * 10) / 10
  }

  /** The times, once; undefined afterwards. */
  close(): TurnLedger | undefined {
    if (this.#closed) return undefined
    this.#closed = true
    return this.#steps
  }
}

/** Every step of every turn since the start. */
export class TurnHistograms {
  readonly #histograms = new Map<string, Histogram>()

  add(ledger: TurnLedger): void {
    for (const [step, ms] of Object.entries(ledger)) if (ms !== null) this.#count(step, ms)
  }

  read(): Record<string, Histogram> {
    return Object.fromEntries([...this.#histograms].map(([step, histogram]) => [step, { ...histogram, counts: [...histogram.counts] }]))
  }

  #count(step: string, ms: number): void {
    let histogram = this.#histograms.get(step)
    if (!histogram) {
      histogram = { bounds: BOUNDS, counts: new Array<number>(BOUNDS.length + 1).fill(0), sum: 0 }
      this.#histograms.set(step, histogram)
    }
    const bucket = BOUNDS.findIndex((bound) => ms <= bound)
    const at = bucket < 0 ? BOUNDS.length : bucket
    histogram.counts[at] = (histogram.counts[at] ?? 0) + 1
    histogram.sum += ms
  }
}
