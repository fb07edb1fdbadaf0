/** How many speaking sessions this machine carries: from a trial at start, and from some more when the start is over. */
import { setTimeout } from 'node:timers/promises'
import { FACE_PARAMS, VISEMES } from '../../shared/face.ts'
import { FPS } from '../../shared/media.ts'
import type { Renderer, RenderLog } from './types.ts'

/** ms of one trial, and how many there are: whatever else starts at the same time can only slow one down, so the best counts. */
const TRIAL_MS = 70
const TRIALS = 4
/** Share of the machine that speech may take: the rest is for sound, sockets and whatever else runs. */
const LOAD = 0.8
/** Ticks in flight at once, so that drawing one and encoding the one before overlap as in service. */
const IN_FLIGHT = 2

/** Counts on from trial to trial: a patch that an earlier one left behind must not be used again. */
let drawn = 0

/**
 * Draws medium frames of one avatar for `batch` pretended sessions at once, as fast as it goes.
 *
 * @returns frames a second
 */
async function measureRate(renderer: Renderer, avatarId: string, batch: number): Promise<number> {
  const features = renderer.soundOf(avatarId)
  let frames = 0
  const tick = async (): Promise<void> => {
    const requests = Array.from({ length: batch }, () => {
      const number = drawn++
      const request = { avatarId, quality: 'medium' as const, clip: 'idle' as const, frame: number % FPS }
      if (features === undefined) return { ...request, face: trialFace(number) }
      return { ...request, sound: { window: new Float32Array(features.windowLength).fill((number % 7) - 3), blend: 1 } }
    })
    const results = await renderer.render(requests)
    for (const result of results) if (result.status === 'rejected') throw result.reason
    frames += batch
  }
  await tick()
  let perSecond = 0
  for (let trial = 0; trial < TRIALS; trial++) {
    frames = 0
    const started = performance.now()
    const loop = async (): Promise<void> => {
      do await tick()
      while (performance.now() - started < TRIAL_MS)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, loop))
    perSecond = Math.max(perSecond, frames / ((performance.now() - started) / 1000))
  }
  return perSecond
}

/** @returns speaking sessions at medium quality in real time, at least 1 */
function capacityOf(framesPerSecond: number): number {
  return Math.max(1, Math.floor((framesPerSecond / FPS) * LOAD))
}

/**
 * Speaking sessions in real time, whichever avatar they have: every pack is tried, and the slowest that keeps up counts. Packs that
 * do not keep up at all are told of; they show fewer frames whatever else this machine does.
 */
export async function measureCapacity(trial: Renderer, sessions: number, log: RenderLog): Promise<number> {
  let capacity = Number.POSITIVE_INFINITY
  for (const { avatar_id } of trial.avatars) {
    // a slow network must not hold up the start: one frame at a time tells that it is slow
    const alone = trial.soundOf(avatar_id) === undefined ? undefined : await measureRate(trial, avatar_id, 1)
    const rate = alone !== undefined && alone < FPS ? alone : await measureRate(trial, avatar_id, sessions)
    if (rate >= FPS) capacity = Math.min(capacity, capacityOf(rate))
    else log.warn({ avatar_id, frames_per_s: Math.round(rate) }, 'this machine draws an avatar slower than it speaks')
  }
  return Number.isFinite(capacity) ? capacity : 1
}

export interface RemeasureOptions {
  /** Of now; raised through `raise`, never lowered: a trial that something disturbs shows too little, never too much. */
  capacity: () => number
  raise: (capacity: number) => void
  measure: () => Promise<number>
  /** Whether anybody had a face drawn since the last question. */
  isBusy: () => boolean
  signal: AbortSignal
  /** ms between looks. @default 5_000 */
  waitMs?: number
}

/** Measurements after the start, and looks for a moment in which nobody speaks. */
const TRIES = 3
const LOOKS = 60
const WAIT_MS = 5_000

/** Measures again in quiet moments: at start everything else starts too. Resolves when it is done, or was aborted; never rejects. */
export async function remeasure({ capacity, raise, measure, isBusy, signal, waitMs = WAIT_MS }: RemeasureOptions): Promise<void> {
  try {
    isBusy()
    for (let looks = 0, tries = 0; looks < LOOKS && tries < TRIES; looks++) {
      await setTimeout(waitMs, undefined, { signal, ref: false })
      if (isBusy()) continue
      tries++
      const measured = await measure()
      if (measured > capacity()) raise(measured)
    }
  } catch {
    // aborted, or a thread died: what was measured before stands
  }
}

/** A face that no earlier number gave, so that no patch is reused. */
function trialFace(number: number): Float32Array {
  const face = new Float32Array(FACE_PARAMS.length)
  const share = 0.5 + ((number * 37) % 128) / 256
  face[1 + (number % (VISEMES.length - 1))] = share
  face[0] = 1 - share
  return face
}
