/** How long the last answer took, step by step: what the server measured, and when it was heard here. */

import type { EventOf } from '@avatar/sdk'
import { byId } from '../common/dom.ts'

type Metrics = EventOf<'turn_metrics'>['metrics']
interface Turn {
  /** `performance.now()` at which the user was done. */
  beganAtMs: number
  heardAtMs?: number
  metrics?: Metrics
}

const STEPS: readonly [keyof Metrics | 'heard', name: string][] = [
  ['vad_end', 'your pause was noticed'],
  ['stt_final', 'your words were understood'],
  ['llm_first_token', 'first word of the answer'],
  ['tts_first_byte', 'first sound of the voice'],
  ['first_sound', 'sound left the host'],
  ['first_picture', 'moving lips left the host'],
  ['heard', 'heard on this device'],
]
const OPEN_KEY = 'avatar.ledger'

export class Ledger {
  readonly #element = byId('ledger', HTMLDetailsElement)
  #turn: Turn | undefined

  constructor() {
    this.#element.open = kept() === 'open'
    this.#element.addEventListener('toggle', () => keep(this.#element.open ? 'open' : 'closed'))
  }

  /** The user is done: a message was sent, or their speech ended this long ago. */
  asked(agoMs = 0): void {
    this.#turn = { beganAtMs: performance.now() - agoMs }
  }

  /** What the server measured. */
  measured(metrics: Metrics): void {
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
    const times: Partial<Record<string, number | null>> = { ...metrics, heard }
    const steps = STEPS.flatMap(([key, name]) => {
      const ms = times[key]
      return ms === null || ms === undefined ? [] : [{ name, ms }]
    }).sort((a, b) => a.ms - b.ms)
    const last = steps.at(-1)
    if (!last) return
    const wholeMs = Math.max(1, last.ms)
    const began = steps.map((_step, at) => steps[at - 1]?.ms ?? 0)
    const shares = steps.map(({ ms }, at) => (ms - (began[at] ?? 0)) / wholeMs)
    const answeredMs = heard ?? metrics?.first_sound ?? last.ms
    byId('ledger-summary', HTMLSpanElement).textContent = `Answered after ${(answeredMs / 1000).toFixed(2)} s`
    byId('ledger-strip', HTMLSpanElement).replaceChildren(
      ...shares.map((share, at) => sized('i', { share: Math.max(share, 0.001), depth: at / steps.length })),
    )
    byId('ledger-steps', HTMLDListElement).replaceChildren(
      ...steps.map(({ name, ms }, at) => row(name, ms, { share: shares[at] ?? 0, from: (began[at] ?? 0) / wholeMs })),
    )
    this.#element.hidden = false
  }
}

function row(name: string, ms: number, bar: Record<string, number>): HTMLElement {
  const [pair, term, track, took] = [make('div'), make('dt'), make('dd'), make('dd')]
  term.textContent = name
  track.className = 'track'
  track.ariaHidden = 'true'
  track.append(sized('i', bar))
  took.className = 'took'
  took.textContent = `${Math.round(ms)} ms`
  pair.append(term, track, took)
  return pair
}

function make(name: string): HTMLElement {
  return document.createElement(name)
}

/** An element that gets its measures as CSS variables. */
function sized(name: string, measures: Record<string, number>): HTMLElement {
  const element = make(name)
  for (const [key, value] of Object.entries(measures)) element.style.setProperty(`--${key}`, value.toFixed(4))
  return element
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
