/** From mouth and expression to face: what each frame shows, and how speech and rest blend into each other. */
import { FACE_PARAMS, VISEMES } from '../../shared/face.ts'

/** Share of the mouth's shape that stays from one frame to the next while it closes: shut within three frames. */
const CLOSING_SHARES = [0.5, 0.15, 0]
/** Change of the patch's share per frame when the face begins to move or is at rest again. */
const BLEND_IN = 0.5
const BLEND_OUT = 0.34

export interface BlendedFace {
  /** FACE_PARAMS values; undefined when the clip's own frame is shown. */
  face: Float32Array | undefined
  blend: number
}

export class FaceBlender {
  readonly #spoken = new Float32Array(VISEMES.length)
  /** Frames since the last one that had sound. */
  #silentFrames = Number.POSITIVE_INFINITY
  #blend = 0

  /**
   * @param mouth VISEMES weights, undefined in silence
   * @param expression EXPRESSIONS values, undefined at rest
   */
  next(mouth: Float32Array | undefined, expression?: Float32Array): BlendedFace {
    const share = this.#mouthShare(mouth)
    const moves = share > 0 || expression !== undefined
    this.#blend = moves ? Math.min(1, this.#blend + BLEND_IN) : Math.max(0, this.#blend - BLEND_OUT)
    if (this.#blend === 0) return { face: undefined, blend: 0 }
    return { face: face(this.#spoken, share, expression), blend: this.#blend }
  }

  /** How much of the last spoken shape is still there. */
  #mouthShare(mouth: Float32Array | undefined): number {
    if (mouth) {
      this.#spoken.set(mouth)
      this.#silentFrames = 0
      return 1
    }
    const share = CLOSING_SHARES[this.#silentFrames] ?? 0
    this.#silentFrames += 1
    return share
  }
}

/** Scales the visemes towards rest; `sil` takes what they leave. */
function face(mouth: Float32Array, share: number, expression: Float32Array | undefined): Float32Array {
  const values = new Float32Array(FACE_PARAMS.length)
  for (let i = 1; i < VISEMES.length; i++) values[i] = (mouth[i] ?? 0) * share
  values[0] = 1 - share + (mouth[0] ?? 0) * share
  if (expression) values.set(expression, VISEMES.length)
  return values
}
