/** What a face vector shows. */
import { FACE_PARAMS, type FaceParam } from '../../../shared/face.ts'

/** A parameter of it; 0, which is rest, where there is no face. */
export function faceValue(face: Float32Array | undefined, name: FaceParam): number {
  return face?.[FACE_PARAMS.indexOf(name)] ?? 0
}
