/** What a layer's model is asked to draw: the caller's face over what the clip's frame shows already. */
import { FACE_PARAMS, type FaceParam, VISEMES } from '../../../shared/face.ts'

/** Model inputs are rounded to this step: below it no difference can be seen, and equal faces share a patch. */
export const FACE_STEP = 1 / 256
/**
 * Largest difference of any input up to which a patch fades with that difference: where the face comes to rest, the drawn
 * patch has faded into the clip's own frame before the model stops running, so that the change cannot be seen.
 */
export const FADE_DISTANCE = 0.04

const SIL = VISEMES.indexOf('sil')
const LOWEST: readonly number[] = FACE_PARAMS.map((name: FaceParam) => (name === 'gaze_x' || name === 'gaze_y' ? -1 : 0))
const BLINK = FACE_PARAMS.indexOf('blink')

/**
 * Visemes are the caller's (the track's when the caller sets none), the eyes close as far as either closes them, the other
 * expressions add up within their range.
 *
 * @param track FACE_PARAMS values of the clip's frame
 * @param face FACE_PARAMS values of the caller
 */
export function mixFace(track: Float32Array, face: Float32Array): Float32Array {
  const mixed = new Float32Array(FACE_PARAMS.length)
  let visemes = 0
  for (let i = 0; i < VISEMES.length; i++) visemes += face[i] ?? 0
  for (let i = 0; i < FACE_PARAMS.length; i++) {
    const own = face[i] ?? 0
    const shown = track[i] ?? 0
    if (i < VISEMES.length) mixed[i] = Math.min(1, Math.max(0, visemes > 0 ? own : shown))
    else if (i === BLINK) mixed[i] = Math.min(1, Math.max(own, shown))
    else mixed[i] = Math.min(1, Math.max(LOWEST[i] ?? 0, own + shown))
  }
  return mixed
}

/** Largest difference that any input of a model has between two faces. */
export function faceDistance(inputs: readonly number[], a: Float32Array, b: Float32Array): number {
  let largest = 0
  for (const input of inputs) largest = Math.max(largest, Math.abs((a[input] ?? 0) - (b[input] ?? 0)))
  return largest
}

/** The model's inputs in its order, in steps of FACE_STEP. The gain exaggerates shapes; rest (`sil`) has none to exaggerate. */
export function modelInputs(inputs: readonly number[], visemeGain: number, face: Float32Array): Float32Array {
  return Float32Array.from(inputs, (input) => {
    const gain = input < VISEMES.length && input !== SIL ? visemeGain : 1
    return Math.round(((face[input] ?? 0) * gain) / FACE_STEP) * FACE_STEP
  })
}
