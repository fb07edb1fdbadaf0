/** What each frame of an avatar shows: mouth, expression, and the clip it plays or is in transition to. */
import type { Cue, Emotion } from '../../shared/api.ts'
import type { FrameRequest } from '../render/types.ts'
import { ExpressionAnimator } from './expression.ts'
import { FaceBlender } from './face-blender.ts'

/** Frames that the way from one clip into another takes. */
const GLIDE_FRAMES = 12

export interface Moment {
  /** VISEMES weights, undefined in silence. */
  mouth: Float32Array | undefined
  status: 'idle' | 'listening' | 'thinking' | 'speaking'
}

export type Shown = Pick<FrameRequest, 'clip' | 'frame' | 'face' | 'blend' | 'toward' | 'nodDegrees'>

export class Animator {
  readonly #face = new FaceBlender()
  readonly #expression = new ExpressionAnimator()
  #frame = 0
  /** Frames of the way from idle to listening, 0 to GLIDE_FRAMES. */
  #glideFrames = 0

  set emotion(emotion: Emotion) {
    this.#expression.emotion = emotion
  }

  act(cue: Cue): void {
    this.#expression.act(cue)
  }

  /** What the next frame shows; one call a frame. */
  next({ mouth, status }: Moment): Shown {
    const { values, nodDegrees } = this.#expression.next({ thinking: status === 'thinking' })
    const { face, blend } = this.#face.next(mouth, values)
    this.#frame += 1
    return {
      ...this.#nextClip(status === 'listening'),
      frame: this.#frame,
      ...(face ? { face, blend } : {}),
      ...(nodDegrees === 0 ? {} : { nodDegrees }),
    }
  }

  /** Both clips use the same frame count, so a transition reversed midway retraces its frames. */
  #nextClip(listening: boolean): Pick<Shown, 'clip' | 'toward'> {
    this.#glideFrames = Math.max(0, Math.min(GLIDE_FRAMES, this.#glideFrames + (listening ? 1 : -1)))
    if (this.#glideFrames === 0) return { clip: 'idle' }
    if (this.#glideFrames === GLIDE_FRAMES) return { clip: 'listening' }
    const way = this.#glideFrames / GLIDE_FRAMES
    return { clip: 'idle', toward: { clip: 'listening', share: way * way * (3 - 2 * way) } }
  }
}
