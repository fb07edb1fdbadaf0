/** Watches the edge and the origin: asks the edge how it is, hears the origin, and says when both are ready. */
import type { EdgeAddress } from './edge.ts'
import { type Answer, askHealth, type Health } from './health.ts'
import { type Keeper, TICK_MS } from './keeper.ts'

export interface SupervisorOptions {
  at: EdgeAddress
  edge: Keeper
  origin: Keeper
  /** Both work for the first time. */
  onReady(health: Health): void
  onNotReady(): void
  /** The edge says that its variables do not fit. */
  onMisconfigured(why: string): void
}

const READY_MS = 60_000
/** Ticks between two questions to an edge that answers. */
const ASK_TICKS = 4
/** As long as an edge may be silent: a late answer is one. */
const ANSWER_MS = 4_000
/** Questions that wait at one time, at most. */
const MAX_WAITING = 4
/** ms that an origin may be away from an edge that answers; it dials again every few seconds. */
const AWAY_MS = 30_000

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #timer: NodeJS.Timeout
  #ticks = 0
  #waiting = 0
  #lastRefused = false
  #awayMs = 0
  #ready = false
  #closed = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
  }

  #tick(): void {
    const { edge, origin, onNotReady } = this.#options
    this.#ticks++
    edge.tick()
    origin.tick()
    if (!this.#ready && this.#ticks * TICK_MS >= READY_MS) onNotReady()
    // one that is not there yet, or no longer, is asked more often
    const due = !edge.isUp || this.#lastRefused || this.#ticks % ASK_TICKS === 0
    if (due && this.#waiting < MAX_WAITING && !this.#closed) void this.#ask()
  }

  async #ask(): Promise<void> {
    const { at, edge } = this.#options
    this.#waiting++
    const asked = edge.part
    const answer = await askHealth(at.host, at.port, ANSWER_MS)
    this.#waiting--
    // what an edge before this one said counts for nothing
    if (!this.#closed && asked === edge.part) this.#hear(answer)
  }

  #hear(answer: Answer): void {
    const { edge, origin, onReady, onMisconfigured } = this.#options
    this.#lastRefused = answer.kind === 'refused'
    if (answer.kind === 'refused') edge.refused()
    if (answer.kind !== 'answer') return
    if (answer.misconfigured !== undefined) {
      onMisconfigured(answer.misconfigured)
      return
    }
    edge.cameUp()
    edge.heard()
    const { health } = answer
    if (!health) return
    this.#countAway(health)
    if (health.origins > 0) origin.cameUp()
    if (this.#ready || !origin.isUp) return
    this.#ready = true
    onReady(health)
  }

  #countAway({ origins }: Health): void {
    const { origin } = this.#options
    if (origins > 0 || !origin.isExpected) this.#awayMs = 0
    else this.#awayMs += ASK_TICKS * TICK_MS
    if (this.#awayMs < AWAY_MS) return
    this.#awayMs = 0
    origin.again('is not connected to the edge')
  }
}
