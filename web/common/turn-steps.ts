/** What a turn took, step by step: for the eye as bars, and in figures. */
import type { TurnLedger } from '@avatar/sdk'

/** One step; times in ms from the turn's beginning, shares of the whole turn. */
export interface TurnStep {
  name: string
  ms: number
  /** Where the step before ended. */
  from: number
  share: number
}

const NAMES: readonly [keyof TurnLedger | 'heard', name: string][] = [
  ['vad_end', 'pause noticed'],
  ['stt_final', 'words understood'],
  ['llm_first_token', 'first word of the answer'],
  ['tts_first_byte', 'first sound of the voice'],
  ['first_sound', 'sound left the host'],
  ['first_frame', 'moving lips left the host'],
  ['heard', 'heard on this device'],
]

/** The steps that the turn had, in the order in which they came. */
export function turnSteps(times: Partial<TurnLedger> & { heard?: number | null }): TurnStep[] {
  const steps = NAMES.flatMap(([key, name]) => {
    const ms = times[key] ?? null
    return ms === null ? [] : [{ name, ms }]
  }).sort((a, b) => a.ms - b.ms)
  const wholeMs = Math.max(1, steps.at(-1)?.ms ?? 1)
  return steps.map(({ name, ms }, at) => {
    const before = steps[at - 1]?.ms ?? 0
    return { name, ms, from: before / wholeMs, share: (ms - before) / wholeMs }
  })
}

/** One line: a piece per step. */
export function stripOf(steps: readonly TurnStep[]): HTMLElement[] {
  return steps.map(({ share }, at) => sized('i', { share: Math.max(share, 0.001), depth: at / steps.length }))
}

/** A row per step: its name, where it lies in the whole, and when it was over. */
export function rowsOf(steps: readonly TurnStep[]): HTMLElement[] {
  return steps.map(({ name, ms, from, share }) => {
    const [pair, term, track, took] = [make('div'), make('dt'), make('dd'), make('dd')]
    term.textContent = name
    track.className = 'track'
    track.ariaHidden = 'true'
    track.append(sized('i', { from, share }))
    took.className = 'took'
    took.textContent = `${Math.round(ms)} ms`
    pair.append(term, track, took)
    return pair
  })
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
