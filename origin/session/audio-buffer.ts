/** Client audio that waits for its commit. */
import { AvatarError } from '../../shared/errors.ts'
import { MAX_AUDIO_BUFFER_MS } from '../../shared/media.ts'
import { concatPcm, toMs } from '../dsp/pcm.ts'

/** ms that a sound of the full length may have more: encoders pad, resamplers round. */
const SLACK_MS = 200

export class AudioBuffer {
  #pieces: Int16Array[] = []
  #samples = 0

  get bufferedMs(): number {
    return toMs(this.#samples)
  }

  /** @throws AvatarError `AUDIO_BUFFER_FULL`; what was there before stays */
  append(pcm: Int16Array): void {
    const totalMs = toMs(this.#samples + pcm.length)
    if (totalMs > MAX_AUDIO_BUFFER_MS + SLACK_MS) {
      throw new AvatarError(
        'AUDIO_BUFFER_FULL',
        `The buffer holds at most ${MAX_AUDIO_BUFFER_MS / 1000} s of sound; commit or clear it first.`,
        {
          buffered_ms: Math.round(this.bufferedMs),
          rejected_ms: Math.round(toMs(pcm.length)),
          max_ms: MAX_AUDIO_BUFFER_MS,
        },
      )
    }
    this.#pieces.push(pcm)
    this.#samples += pcm.length
  }

  /** All of it, as one; the buffer is empty afterwards. */
  take(): Int16Array {
    const whole = concatPcm(this.#pieces)
    this.#pieces = []
    this.#samples = 0
    return whole
  }
}
