/** From mouth to face: what each picture shows, and how speech and rest blend into each other. */
import { FACE_PARAMS, VISEMES } from '../shared/face.ts'

/** Share of the mouth's shape that stays from one picture to the next while it closes: shut within three pictures. */
const CLOSING_SHARES = [0.5, 0.15, 0]
/** Change of the patch's share per picture when speech begins or is over. */
const BLEND_IN = 0.5
const BLEND_OUT = 0.34

export interface DrivenFace {
  /** FACE_PARAMS values; undefined when the clip's own picture is shown. */
  face: Float32Array | undefined
  blend: number
}

export class FaceDriver {
  #spoken = new Float32Array(VISEMES.length)
  /** Pictures since the last one that had sound. */
  #silent = Number.POSITIVE_INFINITY
  #blend = 0

  /** @param mouth VISEMES weights, undefined in silence */
  next(mouth: Float32Array | undefined): DrivenFace {
    if (mouth) {
      this.#spoken.set(mouth)
      this.#silent = 0
      this.#blend = Math.min(1, this.#blend + BLEND_IN)
      return { face: face(mouth, 1), blend: this.#blend }
    }
    const share = CLOSING_SHARES[this.#silent]
    this.#silent += 1
    if (share !== undefined) return { face: face(this.#spoken, share), blend: this.#blend }
    this.#blend = Math.max(0, this.#blend - BLEND_OUT)
    return this.#blend > 0 ? { face: face(this.#spoken, 0), blend: this.#blend } : { face: undefined, blend: 0 }
  }
}

/** Scales the visemes towards rest; `sil` takes what they leave. */
function face(mouth: Float32Array, share: number): Float32Array {
  const values = new Float32Array(FACE_PARAMS.length)
  for (let i = 1; i < VISEMES.length; i++) values[i] = (mouth[i] ?? 0) * share
  values[0] = 1 - share + (mouth[0] ?? 0) * share
  return values
}
