/** When a part counts as broken. Nothing here takes time from the clock: the supervisor's own ticks are what counts. */

export interface Signs {
  /** Command of a process of this part that a signal has stopped, at two looks in a row. */
  stopped?: string | undefined
  /** Command of a process of this part that serves its port and has ended. */
  listenerEnded?: boolean
  /** Another process of this part has ended, without which it may not work. */
  processEnded?: boolean
  /** Connections that were refused, in a row. */
  refusals: number
  /** How long it has said nothing, ms of ticks. */
  silentMs: number
  /** The machine keeps it from running. */
  starving?: boolean
}

/** ms of silence of a part that could have answered. */
const PATIENCE_MS = 4_000
/** The same of one that waits for a busy machine. */
const BUSY_PATIENCE_MS = 20_000
/** ms that a part has to replace a process of its own. */
const REPLACE_MS = 2_000
const MAX_REFUSALS = 2

/** Why the part has to be started again; undefined while it has not. */
export function faultOf({ stopped, listenerEnded, processEnded, refusals, silentMs, starving = false }: Signs): string | undefined {
  if (stopped !== undefined) return `was stopped by a signal (${stopped})`
  if (listenerEnded) return 'lost the process that listens'
  if (refusals >= MAX_REFUSALS) return 'refuses connections'
  if (processEnded && silentMs >= (starving ? PATIENCE_MS : REPLACE_MS)) return 'lost a process and does not answer'
  if (silentMs >= (starving ? BUSY_PATIENCE_MS : PATIENCE_MS)) return `has not answered for ${Math.floor(silentMs / 1000)} s`
  return undefined
}

/** Pauses before a part is started again, ms: the first at once, then longer and longer until it has held for a while. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
const HOLDS_MS = 5_000

export class BackOff {
  #nextMs = 0
  #upMs = 0

  /** It has been up for so much longer. */
  hold(ms: number): void {
    this.#upMs += ms
    if (this.#upMs >= HOLDS_MS) this.#nextMs = 0
  }

  /** ms to wait now. */
  next(): number {
    const pauseMs = this.#nextMs
    this.#upMs = 0
    this.#nextMs = Math.min(LONGEST_PAUSE_MS, pauseMs === 0 ? FIRST_PAUSE_MS : pauseMs * 2)
    return pauseMs
  }
}
