/** What one tick of the clock carries through a session: made at the tick, delivered one tick later. */
import type { FrameRequest } from '../render/types.ts'
import type { TickSound } from '../turn/playout.ts'
import type { Turn } from '../turn/turn.ts'

/** The speech of one tick. */
export interface SpokenTick {
  /** Of the moment at which it was taken; an interrupt makes it stale. */
  generation: number
  turn: Turn | undefined
  sound: TickSound | undefined
  /** When it is due, on `performance.now()`'s scale. */
  dueMs: number
}

/** What the tick sounds like and shows. */
export interface PreparedTick extends SpokenTick {
  /** Undefined where no client wants frames. */
  request: FrameRequest | undefined
}
