/** How many speaking sessions this machine carries, from a trial at start. */
import { FACE_PARAMS, VISEMES } from '../../shared/face.ts'
import { FPS } from '../../shared/media.ts'
import type { Renderer } from './types.ts'

/** ms of one trial, and how many there are: whatever else starts at the same time can only slow one down, so the best counts. */
const TRIAL_MS = 70
const TRIALS = 4
/** Share of the machine that speech may take: the rest is for sound, sockets and whatever else runs. */
const LOAD = 0.8
/** Ticks in flight at once, so that drawing one and encoding the one before overlap as in service. */
const IN_FLIGHT = 2

/**
 * Draws medium pictures of one avatar for `batch` pretended sessions at once, as fast as it goes.
 *
 * @returns pictures a second
 */
export async function measureRate(renderer: Renderer, avatarId: string, batch: number): Promise<number> {
  const features = renderer.soundOf(avatarId)
  let drawn = 0
  let pictures = 0
  const tick = async (): Promise<void> => {
    const requests = Array.from({ length: batch }, () => {
      const number = drawn++
      const picture = { avatarId, quality: 'medium' as const, clip: 'idle' as const, picture: number % FPS }
      if (features === undefined) return { ...picture, face: trialFace(number) }
      return { ...picture, sound: { window: new Float32Array(features.windowLength).fill((number % 7) - 3), blend: 1 } }
    })
    const results = await renderer.render(requests)
    for (const result of results) if (result.status === 'rejected') throw result.reason
    pictures += batch
  }
  await tick()
  let perSecond = 0
  for (let trial = 0; trial < TRIALS; trial++) {
    pictures = 0
    const started = performance.now()
    const loop = async (): Promise<void> => {
      do await tick()
      while (performance.now() - started < TRIAL_MS)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, loop))
    perSecond = Math.max(perSecond, pictures / ((performance.now() - started) / 1000))
  }
  return perSecond
}

/** @returns speaking sessions at medium quality in real time, at least 1 */
export function capacityOf(picturesPerSecond: number): number {
  return Math.max(1, Math.floor((picturesPerSecond / FPS) * LOAD))
}

/** A face that no earlier number gave, so that no patch is reused. */
function trialFace(number: number): Float32Array {
  const face = new Float32Array(FACE_PARAMS.length)
  const share = 0.5 + ((number * 37) % 128) / 256
  face[1 + (number % (VISEMES.length - 1))] = share
  face[0] = 1 - share
  return face
}
