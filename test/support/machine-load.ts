/** Whether the machine has time left: where it has none, times that are measured meanwhile say nothing about what is tested. */
import { cpus } from 'node:os'

/** Share of all processors' time below which everything waits for everything. A browser and the whole system leave half of two. */
const LEAST_IDLE = 0.15

export interface MachineLoad {
  /** Share of all processors' time that was idle, 0..1. */
  idleShare(): number
  /** Why times of this while count for nothing; undefined where they do. */
  tooBusy(): string | undefined
}

/** Watches from now on. */
export function watchLoad(): MachineLoad {
  const before = spent()
  const idleShare = (): number => {
    const now = spent()
    return (now.idleMs - before.idleMs) / Math.max(1, now.allMs - before.allMs)
  }
  return {
    idleShare,
    tooBusy: () => {
      const share = idleShare()
      return share < LEAST_IDLE ? `the machine is too busy to measure: ${Math.round(100 * share)} % idle` : undefined
    },
  }
}

function spent(): { idleMs: number; allMs: number } {
  const all = cpus().map(({ times }) => times)
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  return { idleMs: sum(all.map(({ idle }) => idle)), allMs: sum(all.flatMap((times) => Object.values(times))) }
}
