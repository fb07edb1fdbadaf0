/** How the steps of all turns of the process are distributed. */
import type { Histogram, TurnLedger } from '../../shared/stats.ts'

/** Upper bounds, ms. */
const BOUNDS = [20, 50, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000]

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
