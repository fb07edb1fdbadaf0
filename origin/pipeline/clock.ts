/** A steady clock that calls back every `periodMs` without drift, and its time as clients know it. */
import { performance } from 'node:perf_hooks'

/** Ticks that a late loop makes up for one by one; beyond it the clock jumps. */
const MAX_CATCH_UP = 10

export interface ClockOptions {
  periodMs: number
  /** @param atMs when the tick was due, on `performance.now()`'s scale */
  onTick: (tick: number, atMs: number) => void
}

export class Clock {
  readonly #periodMs: number
  readonly #onTick: ClockOptions['onTick']
  #nextMs: number
  #tick = 0
  #timer: NodeJS.Timeout | undefined
  /** Ticks that came more than one period late. */
  lateTicks = 0

  constructor({ periodMs, onTick }: ClockOptions) {
    this.#periodMs = periodMs
    this.#onTick = onTick
    this.#nextMs = performance.now() + periodMs
    this.#arm()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#nextMs - performance.now()))
  }

  #run(): void {
    const behind = performance.now() - this.#nextMs
    if (behind > MAX_CATCH_UP * this.#periodMs) {
      const skipped = Math.floor(behind / this.#periodMs)
      this.#nextMs += skipped * this.#periodMs
      this.lateTicks += skipped
    }
    while (performance.now() >= this.#nextMs) {
      const atMs = this.#nextMs
      if (performance.now() - atMs > this.#periodMs) this.lateTicks += 1
      this.#nextMs += this.#periodMs
      this.#onTick(this.#tick, atMs)
      this.#tick += 1
    }
    this.#arm()
  }
}

/** @param atMs on `performance.now()`'s scale */
export function unixSeconds(atMs: number): number {
  return (performance.timeOrigin + atMs) / 1000
}
