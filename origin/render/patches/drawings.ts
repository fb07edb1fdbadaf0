/** What a model must draw into a clip's frame, and how its head must stand. */
import { AvatarError } from '../../../shared/errors.ts'
import { FACE_PARAMS } from '../../../shared/face.ts'
import { soundFeatures } from '../adapters/sound.ts'
import type { StoredFrame } from '../clips/clip-store.ts'
import { PITCH, STANCE_VALUES } from '../compose/head-warp.ts'
import type { AvatarPack, PackLayer } from '../pack/pack.ts'
import type { FrameRequest } from '../types.ts'
import { FACE_STEP, FADE_DISTANCE, faceDistance, mixFace, modelInputs } from './face-mix.ts'

/** A layer and its place among all models and masks of the process. */
type ServedLayer = PackLayer & { index: number }
export interface ServedPack {
  pack: AvatarPack
  layers: ServedLayer[]
  /** Its head's place among all of the process. */
  headIndex: number | undefined
}

/** A layer that must be drawn for one frame. */
export interface Drawing {
  layer: ServedLayer
  row: Float32Array
  placement: Float32Array
  blend: number
}

/** Face-driven layers whose model would draw something else than the clip's frame shows. @throws AvatarError `INVALID_REQUEST` */
export function facesToDraw({ pack, layers }: ServedPack, stored: StoredFrame, face: Float32Array, blend: number): Drawing[] {
  if (face.length !== FACE_PARAMS.length || !face.every(Number.isFinite)) {
    throw new AvatarError('INVALID_REQUEST', `A face is ${FACE_PARAMS.length} finite numbers.`, { length: face.length })
  }
  const tracks = pack.clips[stored.clip]?.tracks ?? new Float32Array(0)
  const shown = tracks.subarray(stored.index * FACE_PARAMS.length, (stored.index + 1) * FACE_PARAMS.length)
  const mixed = mixFace(shown, face)
  return layers.flatMap((layer) => {
    if (layer.kind !== 'decoder') return []
    const distance = faceDistance(layer.inputs, mixed, shown)
    const placement = placementOf(layer, stored)
    if (distance < FACE_STEP || placement === undefined) return []
    return [
      { layer, row: modelInputs(layer.inputs, layer.visemeGain, mixed), placement, blend: blend * Math.min(1, distance / FADE_DISTANCE) },
    ]
  })
}

/** Sound-driven layers: they always draw what they hear. @throws AvatarError `INVALID_REQUEST` */
export function soundsToDraw(
  { layers }: ServedPack,
  stored: StoredFrame,
  { window, blend }: NonNullable<FrameRequest['sound']>,
): Drawing[] {
  return layers.flatMap((layer) => {
    const features = soundFeatures([layer])
    const placement = placementOf(layer, stored)
    if (features === undefined || placement === undefined) return []
    if (window.length !== features.windowLength || !window.every(Number.isFinite)) {
      const message = `A window of sound is ${features.windowLength} finite numbers for this avatar.`
      throw new AvatarError('INVALID_REQUEST', message, { length: window.length })
    }
    return [{ layer, row: window, placement, blend: Math.min(1, blend) }]
  })
}

function placementOf(layer: ServedLayer, { clip, index }: StoredFrame): Float32Array | undefined {
  const rowLength = 4 + 2 * layer.grid * layer.grid
  return layer.placements[clip]?.subarray(index * rowLength, (index + 1) * rowLength)
}

/** How the head stands in a clip's frame; undefined where the pack does not say. */
export function shownStance({ pack }: ServedPack, { clip, index }: StoredFrame): Float32Array | undefined {
  return pack.head?.stances[clip]?.subarray(index * STANCE_VALUES, (index + 1) * STANCE_VALUES)
}

/** How the head must stand on its way between two frames and in a nod; undefined where a frame is right as it is. */
export function wantedStance(
  served: ServedPack,
  stored: StoredFrame,
  toward: { stored: StoredFrame; share: number } | undefined,
  nodDegrees: number,
): Float32Array | undefined {
  if (toward === undefined && nodDegrees === 0) return undefined
  const shown = shownStance(served, stored)
  const other = toward && shownStance(served, toward.stored)
  const stance = shown?.map((value, i) => value + (toward?.share ?? 0) * ((other?.[i] ?? value) - value))
  if (stance !== undefined) stance[PITCH] = (stance[PITCH] ?? 0) + nodDegrees
  return stance
}
