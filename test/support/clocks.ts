/** Time that a test moves, and turns of the event loop that it counts: neither knows how fast the machine is. */
import { performance } from 'node:perf_hooks'
import { vi } from 'vitest'

/** Stops `performance.now()` until `vi.restoreAllMocks()`. @returns moves it on */
export function stoppedClock(): (ms: number) => void {
  // whole: what is added to it is then exactly what is measured
  let nowMs = Math.round(performance.now())
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  return (ms) => {
    nowMs += ms
  }
}

/** How often others got the event loop while the work was under way. */
export async function countLoopTurns(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let counting = true
  const count = (): void => {
    turns += 1
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  try {
    await work
  } finally {
    counting = false
  }
  return turns
}
