/**
 * What a Wav2Lip network hears: mel spectrograms as in its own `hparams.py` and `audio.py`, computed as the sound comes.
 * The constants belong to the published weights: 16 kHz, preemphasis 0.97, an 800-point Hann transform every 200 samples around
 * its centre, 80 Slaney bands, decibels brought to -4..4.
 */
import { FPS } from '../../../shared/media.ts'
import { createDft, DFT_SIZE } from './dft-800.ts'
import type { FeatureStream, SoundFeatures } from './types.ts'

const MEL_SAMPLE_RATE = 16_000
export const MEL_BANDS = 80
/** Mel frames of one window: 200 ms. */
export const WINDOW_FRAMES = 16
/** Samples from one mel frame to the next: 12.5 ms. */
const HOP = 200
const HALF = DFT_SIZE / 2
const PREEMPHASIS = 0.97
const BAND_EDGES_HZ = { low: 55, high: 7_600 }
const MIN_AMPLITUDE = 1e-5
const REFERENCE_DB = 20
const MIN_DB = -100
const MAX_VALUE = 4
/**
 * Frames by which a window begins before its frame. Training pairs frame i with the window that begins at frame i - 1;
 * the published inference script takes that of i. The training's is what the network learned, and looks ahead 40 ms less.
 */
const WINDOW_LEAD_FRAMES = 1
/** Mel frames a stream remembers behind the newest. */
const KEPT_FRAMES = 64
const SAMPLES_PER_VIDEO_FRAME = MEL_SAMPLE_RATE / FPS

/** Samples after and before a frame's start that its window can touch. */
const AHEAD_SAMPLES = (WINDOW_FRAMES - 1) * HOP + HALF - WINDOW_LEAD_FRAMES * SAMPLES_PER_VIDEO_FRAME
const BACK_SAMPLES = WINDOW_LEAD_FRAMES * SAMPLES_PER_VIDEO_FRAME + HOP + HALF

export const wav2lipSound: SoundFeatures = {
  sampleRate: MEL_SAMPLE_RATE,
  lookAheadMs: (AHEAD_SAMPLES / MEL_SAMPLE_RATE) * 1000,
  lookBackMs: (BACK_SAMPLES / MEL_SAMPLE_RATE) * 1000,
  windowLength: MEL_BANDS * WINDOW_FRAMES,
  open: () => new MelStream(),
}

/** First mel frame of a frame's window; negative before the sound. */
export function windowStart(frame: number): number {
  return Math.floor(((frame - WINDOW_LEAD_FRAMES) * MEL_SAMPLE_RATE) / (FPS * HOP))
}

/** Mel frames of a stream of sound; the sound is taken as silent before its first sample. */
export class MelStream implements FeatureStream {
  /** Preemphasised, from the first sample that the next frame sees. */
  #samples = new Float32Array(HALF)
  #previous = 0
  /** Ring of frames; `#frames` of them were made. */
  readonly #ring = new Float32Array(KEPT_FRAMES * MEL_BANDS)
  #frames = 0

  push(sound: Float32Array): void {
    const joined = new Float32Array(this.#samples.length + sound.length)
    joined.set(this.#samples)
    for (let i = 0, at = this.#samples.length, last = this.#previous; i < sound.length; i++, at++) {
      const sample = sound[i] as number
      joined[at] = sample - PREEMPHASIS * last
      last = sample
    }
    this.#previous = sound.at(-1) ?? this.#previous
    const ready = Math.floor((joined.length - DFT_SIZE) / HOP) + 1
    for (let frame = 0; frame < ready; frame += 2) {
      const second = frame + 1 < ready ? joined.subarray((frame + 1) * HOP) : undefined
      melFrames(joined.subarray(frame * HOP), second, this.#slot(this.#frames + frame), this.#slot(this.#frames + frame + 1))
    }
    const done = Math.max(0, ready) * HOP
    this.#frames += Math.max(0, ready)
    this.#samples = joined.slice(done)
  }

  window(frame: number): Float32Array {
    const first = windowStart(frame)
    if (first + WINDOW_FRAMES > this.#frames) {
      throw new RangeError(`mel frames up to ${first + WINDOW_FRAMES} are wanted, ${this.#frames} are there`)
    }
    if (Math.max(0, first) < this.#frames - KEPT_FRAMES) throw new RangeError(`mel frame ${first} is forgotten`)
    const window = new Float32Array(MEL_BANDS * WINDOW_FRAMES).fill(-MAX_VALUE)
    for (let i = 0; i < WINDOW_FRAMES; i++) {
      if (first + i < 0) continue
      const frame = this.#slot(first + i)
      for (let band = 0; band < MEL_BANDS; band++) window[band * WINDOW_FRAMES + i] = frame[band] as number
    }
    return window
  }

  #slot(frame: number): Float32Array {
    const at = (frame % KEPT_FRAMES) * MEL_BANDS
    return this.#ring.subarray(at, at + MEL_BANDS)
  }
}

/** A triangle over DFT bins. */
interface Band {
  firstBin: number
  weights: Float64Array
}

const hann = Float64Array.from({ length: DFT_SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / DFT_SIZE))
const bands = slaneyBands()
const dft = createDft()
const re = new Float64Array(DFT_SIZE)
const im = new Float64Array(DFT_SIZE)
const magnitudes = [new Float64Array(HALF + 1), new Float64Array(HALF + 1)] as const

/** Triangles of equal area between points that lie evenly on Slaney's mel scale: linear to 1 kHz, logarithmic above. */
function slaneyBands(): Band[] {
  const breakMel = 15
  const logStep = Math.log(6.4) / 27
  const toMel = (hz: number): number => (hz < 1000 ? (3 * hz) / 200 : breakMel + Math.log(hz / 1000) / logStep)
  const toHz = (mel: number): number => (mel < breakMel ? (200 * mel) / 3 : 1000 * Math.exp(logStep * (mel - breakMel)))
  const low = toMel(BAND_EDGES_HZ.low)
  const step = (toMel(BAND_EDGES_HZ.high) - low) / (MEL_BANDS + 1)
  const binHz = MEL_SAMPLE_RATE / DFT_SIZE
  return Array.from({ length: MEL_BANDS }, (_, band) => {
    const [left, centre, right] = [0, 1, 2].map((corner) => toHz(low + step * (band + corner))) as [number, number, number]
    const firstBin = Math.ceil(left / binHz)
    const count = Math.max(0, Math.floor(right / binHz) - firstBin + 1)
    const weights = Float64Array.from({ length: count }, (_, i) => {
      const hz = (firstBin + i) * binHz
      return Math.max(0, Math.min((hz - left) / (centre - left), (right - hz) / (right - centre))) * (2 / (right - left))
    })
    return { firstBin, weights }
  })
}

/** Two frames in one complex transform: their spectra are its even and odd parts. */
function melFrames(first: Float32Array, second: Float32Array | undefined, out: Float32Array, outSecond: Float32Array): void {
  for (let i = 0; i < DFT_SIZE; i++) {
    const weight = hann[i] as number
    re[i] = weight * (first[i] as number)
    im[i] = second === undefined ? 0 : weight * (second[i] as number)
  }
  dft(re, im)
  for (let k = 0; k <= HALF; k++) {
    const mirrored = k === 0 ? 0 : DFT_SIZE - k
    const [ar, ai, br, bi] = [re[k] as number, im[k] as number, re[mirrored] as number, im[mirrored] as number]
    magnitudes[0][k] = Math.hypot(ar + br, ai - bi) / 2
    magnitudes[1][k] = Math.hypot(ai + bi, br - ar) / 2
  }
  normalisedMel(magnitudes[0], out)
  if (second !== undefined) normalisedMel(magnitudes[1], outSecond)
}

function normalisedMel(magnitude: Float64Array, out: Float32Array): void {
  for (const [band, { firstBin, weights }] of bands.entries()) {
    let sum = 0
    for (let i = 0; i < weights.length; i++) sum += (weights[i] as number) * (magnitude[firstBin + i] as number)
    const decibels = 20 * Math.log10(Math.max(MIN_AMPLITUDE, sum)) - REFERENCE_DB
    const value = (2 * MAX_VALUE * (decibels - MIN_DB)) / -MIN_DB - MAX_VALUE
    out[band] = Math.min(MAX_VALUE, Math.max(-MAX_VALUE, value))
  }
}
