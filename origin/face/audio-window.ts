/** Model input of an audio-driven avatar: for each frame, features of the audio being played and of some that follows it. */
import { SAMPLE_RATE, TICK_MS, TICK_SAMPLES } from '../../shared/media.ts'
import { createResampler, type Resampler } from '../codec/resample.ts'
import { FULL_SCALE } from '../dsp/pcm.ts'
import type { FeatureStream, SoundFeatures } from '../render/adapters/types.ts'

/** ms that the rate conversion keeps back. */
const RESAMPLER_MS = 3
/**
 * Ticks of past sound that a new stream begins with: more than any window looks back, and 16 mel frames exactly, so that a turn's
 * windows fall where they would if its sound were a file.
 */
const HISTORY_TICKS = 5
const HISTORY_SAMPLES = HISTORY_TICKS * TICK_SAMPLES
/** Peak, of 32768, below which sound is silence: -46 dB. */
const SILENT_PEAK = 160
/** The mouth may begin to move this long before its sound does; pauses shorter than this do not close it. */
const LEAD_SAMPLES = 0.1 * SAMPLE_RATE
/** Change of the drawn share per frame: open and shut within three. */
const BLEND_STEP = 0.34

export interface ModelInput {
  window: Float32Array
  /** Share 0..1 of what the model draws. */
  blend: number
}

export class AudioWindow {
  readonly #features: SoundFeatures
  /** From a frame's first sample to the last that its window may need. */
  readonly #samples: number
  /** The last played samples, HISTORY_SAMPLES. */
  readonly #history = new Int16Array(HISTORY_SAMPLES)
  #stream: { features: FeatureStream; resampler: Resampler } | undefined
  /** What the stream was given beyond the last frame. */
  #given: Int16Array = new Int16Array(0)
  #frame = 0
  #blend = 0

  constructor(features: SoundFeatures) {
    this.#features = features
    this.#samples = Math.ceil((features.lookAheadMs + RESAMPLER_MS) / TICK_MS) * TICK_SAMPLES
  }

  /** Samples after a tick that `next` would like to have. */
  get aheadSamples(): number {
    return this.#samples - TICK_SAMPLES
  }

  /**
   * @param played the tick's sound, TICK_SAMPLES; undefined in silence
   * @param ahead what will be played after it, as far as it is ready
   * @returns undefined in silence: the clip's own frame is shown, whose mouth is closed
   */
  next(played: Int16Array | undefined, ahead: readonly Int16Array[]): ModelInput | undefined {
    const sound = this.#timeline(played, ahead)
    const target = isLoud(sound.subarray(0, LEAD_SAMPLES)) ? BLEND_STEP : -BLEND_STEP
    this.#blend = Math.min(1, Math.max(0, this.#blend + target))
    if (this.#blend === 0) this.close()
    else if (this.#stream === undefined || !startsWith(sound, this.#given)) this.#restart(sound)
    else this.#push(sound.subarray(sound.length - TICK_SAMPLES))
    this.#given = sound.subarray(TICK_SAMPLES)
    this.#history.copyWithin(0, TICK_SAMPLES)
    this.#history.set(sound.subarray(0, TICK_SAMPLES), HISTORY_SAMPLES - TICK_SAMPLES)
    if (this.#stream === undefined) return undefined
    const window = this.#stream.features.window(this.#frame)
    this.#frame += 1
    return { window, blend: this.#blend }
  }

  /** Frees the stream's memory; the next call of `next` opens a new stream. Safe to call twice. */
  close(): void {
    this.#stream?.resampler.close()
    this.#stream = undefined
  }

  #timeline(played: Int16Array | undefined, ahead: readonly Int16Array[]): Int16Array {
    const sound = new Int16Array(this.#samples)
    if (played !== undefined) sound.set(played.subarray(0, TICK_SAMPLES))
    let at = TICK_SAMPLES
    for (const piece of ahead) {
      const part = piece.subarray(0, sound.length - at)
      sound.set(part, at)
      at += part.length
    }
    return sound
  }

  /** The audio differs from what the stream was given in advance: an interrupt, or audio that was late. */
  #restart(sound: Int16Array): void {
    this.close()
    this.#stream = { features: this.#features.open(), resampler: createResampler(SAMPLE_RATE, this.#features.sampleRate) }
    this.#frame = HISTORY_TICKS
    this.#push(this.#history)
    this.#push(sound)
  }

  #push(pcm: Int16Array): void {
    if (this.#stream === undefined) return
    const { features, resampler } = this.#stream
    features.push(Float32Array.from(resampler.push(pcm), (sample) => sample / FULL_SCALE))
  }
}

function isLoud(pcm: Int16Array): boolean {
  return pcm.some((sample) => sample > SILENT_PEAK || sample < -SILENT_PEAK)
}

function startsWith(whole: Int16Array, start: Int16Array): boolean {
  for (let i = 0; i < start.length; i++) if (whole[i] !== start[i]) return false
  return true
}
