/** How busy the machine is, told by timers that come late: times that are measured meanwhile say nothing about what is tested. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 5
/** ms that one timer in twenty is late by, from which on the machine has no time for anybody. */
const BUSY_MS = 12

export interface Lateness {
  /** ms that one timer in twenty was late by. */
  p95Ms(): number
  /** Why times of this while count for nothing; undefined where they do. */
  tooBusy(): string | undefined
}

/** Watches from now on. The process itself has to be idle most of the time. */
export function watchLateness(): Lateness {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  const p95Ms = (): number => delays.percentile(95) / 1e6 - RESOLUTION_MS
  return {
    p95Ms,
    tooBusy: () => (p95Ms() > BUSY_MS ? `the machine is too busy to measure: timers are ${Math.round(p95Ms())} ms late` : undefined),
  }
}
