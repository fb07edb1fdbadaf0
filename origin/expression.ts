/** What the face does besides speaking: emotions and glances, eased in and out. */
import type { Cue, Emotion } from '../shared/api.ts'
import { EXPRESSIONS, type Expression } from '../shared/face.ts'
import { TICK_MS } from '../shared/media.ts'
import type { Segment } from './stages/types.ts'

/** What each emotion adds to the face at rest; found by eye on the default person. */
const EMOTIONS: Readonly<Record<Emotion, Partial<Record<Expression, number>>>> = {
  neutral: {},
  happy: { smile: 0.75, brow_up: 0.2 },
  serious: { brow_down: 0.6 },
  surprised: { brow_up: 1, jaw: 0.08 },
  thinking: { gaze_x: 0.45, gaze_y: 0.4, brow_up: 0.25 },
}

/** Time constants of the easing, ms: eyes jump, faces flow. */
const FACE_MS = 180
const GAZE_MS = 50
/** Below this a value counts as reached. */
const STILL = 0.004

export class ExpressionDriver {
  readonly #values = new Float32Array(EXPRESSIONS.length)
  #emotion: Emotion = 'neutral'
  #gaze: { x: number; y: number; leftMs: number } | undefined

  set emotion(emotion: Emotion) {
    this.#emotion = emotion
  }

  act(cue: Cue): void {
    if (cue.type === 'emotion') this.#emotion = cue.value
    else this.#gaze = { ...cue.value, leftMs: cue.duration_ms }
  }

  /** EXPRESSIONS values of the next picture; undefined at rest. */
  next(): Float32Array | undefined {
    const target: Partial<Record<Expression, number>> = { ...EMOTIONS[this.#emotion] }
    if (this.#gaze) {
      target.gaze_x = this.#gaze.x
      target.gaze_y = this.#gaze.y
      this.#gaze.leftMs -= TICK_MS
      if (this.#gaze.leftMs <= 0) this.#gaze = undefined
    }
    let moved = false
    EXPRESSIONS.forEach((name, i) => {
      const goal = target[name] ?? 0
      const share = 1 - Math.exp(-TICK_MS / (name.startsWith('gaze') ? GAZE_MS : FACE_MS))
      const value = (this.#values[i] ?? 0) + (goal - (this.#values[i] ?? 0)) * share
      this.#values[i] = Math.abs(value - goal) < STILL ? goal : value
      moved ||= this.#values[i] !== 0
    })
    return moved ? this.#values.slice() : undefined
  }
}

/** The cues of one task, handed out when their moment comes. */
export class CueSheet {
  readonly #words: Cue[]
  #timed: { atMs: number; cue: Cue }[]

  constructor(cues: readonly Cue[]) {
    this.#words = cues.filter((cue) => cue.word !== undefined)
    this.#timed = cues.flatMap((cue) => (cue.at_ms === undefined ? [] : [{ atMs: cue.at_ms, cue }]))
  }

  /** A clause begins to sound: its words get their times, by their share of its text. @param ptsMs when it begins, from the task's first sample */
  begin({ clause, offsetMs }: Segment, ptsMs: number): void {
    if (offsetMs > 0) return
    const text = clause.text.toLowerCase()
    for (const cue of [...this.#words]) {
      const place = wordPlace(text, cue.word?.toLowerCase() ?? '')
      if (place < 0) continue
      this.#words.splice(this.#words.indexOf(cue), 1)
      this.#timed.push({ atMs: ptsMs + (place / text.length) * clause.durationMs, cue })
    }
  }

  /** Cues that are due when so much of the task has played. */
  due(playedMs: number): Cue[] {
    const now = this.#timed.filter(({ atMs }) => atMs <= playedMs)
    this.#timed = this.#timed.filter(({ atMs }) => atMs > playedMs)
    return now.sort((a, b) => a.atMs - b.atMs).map(({ cue }) => cue)
  }
}

/** Where a whole word stands in a text, -1 where it does not. */
function wordPlace(text: string, word: string): number {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const isLetter = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character)
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) return at
  }
  return -1
}
