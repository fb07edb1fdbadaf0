/** Facial expression apart from speech: emotions, gaze, nods and the look of thinking, each eased in and out. */
import type { Cue, Emotion } from '../../shared/api.ts'
import { EXPRESSIONS, type Expression } from '../../shared/face.ts'
import { TICK_MS } from '../../shared/media.ts'
import { MAX_NOD_DEGREES } from '../render/types.ts'

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
/** Thinking becomes visible only after this many ms. */
const THOUGHT_AFTER_MS = 280
/** Share of the `thinking` emotion that waiting for an answer shows, and how long the eyes stay on one side, ms. */
const THOUGHT_SHARE = 0.7
const THOUGHT_SIDE_MS = 1_600
/** Nods under way at one time. */
const MAX_NODS = 8
/** Degrees that the head bends for gaze_y to change by one: the eyes stay on the viewer while it nods. */
const GAZE_DEGREES = 12

interface Nod {
  degrees: number
  durationMs: number
  doneMs: number
}

export interface ExpressedFace {
  /** EXPRESSIONS values; undefined at rest. */
  values: Float32Array | undefined
  /** Degrees that the head is bent down. */
  nodDegrees: number
}

export class ExpressionAnimator {
  readonly #values = new Float32Array(EXPRESSIONS.length)
  #emotion: Emotion = 'neutral'
  #gaze: { x: number; y: number; leftMs: number } | undefined
  #nods: Nod[] = []
  #thoughtMs = 0

  set emotion(emotion: Emotion) {
    this.#emotion = emotion
  }

  act(cue: Cue): void {
    if (cue.type === 'emotion') this.#emotion = cue.value
    else if (cue.type === 'gaze') this.#gaze = { ...cue.value, leftMs: cue.duration_ms }
    else if (this.#nods.length < MAX_NODS) this.#nods.push({ degrees: cue.value, durationMs: cue.duration_ms, doneMs: 0 })
  }

  /** The face of the next frame. @param thinking a reply is awaited */
  next({ thinking = false }: { thinking?: boolean } = {}): ExpressedFace {
    this.#thoughtMs = thinking ? this.#thoughtMs + TICK_MS : 0
    const target: Partial<Record<Expression, number>> = { ...EMOTIONS[this.#emotion], ...this.#thought() }
    if (this.#gaze) {
      target.gaze_x = this.#gaze.x
      target.gaze_y = this.#gaze.y
      this.#gaze.leftMs -= TICK_MS
      if (this.#gaze.leftMs <= 0) this.#gaze = undefined
    }
    const nodDegrees = this.#nextNod()
    let moved = nodDegrees !== 0
    EXPRESSIONS.forEach((name, i) => {
      const goal = target[name] ?? 0
      const share = 1 - Math.exp(-TICK_MS / (name.startsWith('gaze') ? GAZE_MS : FACE_MS))
      const value = (this.#values[i] ?? 0) + (goal - (this.#values[i] ?? 0)) * share
      this.#values[i] = Math.abs(value - goal) < STILL ? goal : value
      moved ||= this.#values[i] !== 0
    })
    if (!moved) return { values: undefined, nodDegrees }
    const values = this.#values.slice()
    const up = EXPRESSIONS.indexOf('gaze_y')
    values[up] = Math.max(-1, Math.min(1, (values[up] ?? 0) + nodDegrees / GAZE_DEGREES))
    return { values, nodDegrees }
  }

  /** Only while no emotion is set: an emotion that was asked for stays. */
  #thought(): Partial<Record<Expression, number>> {
    if (this.#thoughtMs < THOUGHT_AFTER_MS || this.#emotion !== 'neutral') return {}
    const { gaze_x = 0, gaze_y = 0, brow_up = 0 } = EMOTIONS.thinking
    const side = Math.floor((this.#thoughtMs - THOUGHT_AFTER_MS) / THOUGHT_SIDE_MS) % 2 === 0 ? 1 : -1
    return { gaze_x: side * THOUGHT_SHARE * gaze_x, gaze_y: THOUGHT_SHARE * gaze_y, brow_up: THOUGHT_SHARE * brow_up }
  }

  /** Down and up again, slow at both ends: sin² over its time. Nods that meet add up. */
  #nextNod(): number {
    let degrees = 0
    for (const nod of this.#nods) {
      nod.doneMs += TICK_MS
      if (nod.doneMs < nod.durationMs) degrees += nod.degrees * Math.sin((Math.PI * nod.doneMs) / nod.durationMs) ** 2
    }
    this.#nods = this.#nods.filter(({ doneMs, durationMs }) => doneMs < durationMs)
    return Math.max(-MAX_NOD_DEGREES, Math.min(MAX_NOD_DEGREES, degrees))
  }
}
