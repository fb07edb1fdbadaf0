/** How long the last answer took, step by step: what the server measured, and when it was heard here. */
import type { TurnLedger } from '@avatar/sdk'
import { byId } from '../common/dom.ts'
import { rowsOf, stripOf, turnSteps } from '../common/turn-steps.ts'

interface Turn {
  /** `performance.now()` at which the user was done. */
  beganAtMs: number
  heardAtMs?: number
  metrics?: TurnLedger
}

const OPEN_KEY = 'avatar.timings'

export class TurnTimings {
  readonly #element = byId('timings', HTMLDetailsElement)
  #turn: Turn | undefined

  constructor() {
    this.#element.open = kept() === 'open'
    this.#element.addEventListener('toggle', () => keep(this.#element.open ? 'open' : 'closed'))
  }

  /** The user is done: a message was sent, or their speech has ended. */
  asked(): void {
    this.#turn = { beganAtMs: performance.now() }
  }

  /** What the server measured. */
  measured(metrics: TurnLedger): void {
    this.#turn ??= { beganAtMs: performance.now() - (metrics.first_sound ?? 0) }
    this.#turn.metrics = metrics
    this.#show(this.#turn)
  }

  /** @param atMs `performance.now()` at which the first sound is heard */
  heard(atMs: number): void {
    if (!this.#turn || this.#turn.heardAtMs !== undefined) return
    this.#turn.heardAtMs = atMs
    this.#show(this.#turn)
  }

  clear(): void {
    this.#turn = undefined
    this.#element.hidden = true
  }

  #show({ beganAtMs, heardAtMs, metrics }: Turn): void {
    const heard = heardAtMs === undefined ? null : Math.max(0, heardAtMs - beganAtMs)
    const steps = turnSteps({ ...metrics, heard })
    const answeredMs = heard ?? metrics?.first_sound ?? steps.at(-1)?.ms
    if (answeredMs === undefined) return
    byId('timings-summary', HTMLSpanElement).textContent = `Answered after ${(answeredMs / 1000).toFixed(2)} s`
    byId('timings-strip', HTMLSpanElement).replaceChildren(...stripOf(steps))
    byId('timings-steps', HTMLDListElement).replaceChildren(...rowsOf(steps))
    this.#element.hidden = false
  }
}

function kept(): string | null {
  try {
    return localStorage.getItem(OPEN_KEY)
  } catch {
    // no storage in this window: it begins closed
    return null
  }
}

function keep(state: string): void {
  try {
    localStorage.setItem(OPEN_KEY, state)
  } catch {
    // a private window may refuse: then it holds for this page only
  }
}
