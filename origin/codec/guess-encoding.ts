/**
 * Whether bytes without a header are the 16-bit samples that they are taken for. Neighbouring samples of sound depend on each
 * other: read with the right encoding they can be predicted from those before, read with a wrong one they are noise.
 */
import { type SampleEncoding, sampleReader } from './sample-encodings.ts'

/** Bytes that one guess needs: 21 ms at 24 kHz. */
export const GUESS_BYTES = 1024
/** Bytes that one guess looks at. */
const MAX_BYTES = 8192
/** Predictor taps. */
const ORDER = 8
/** RMS below which 16-bit samples are silence, whatever they are: it harms nobody. */
const SILENT_RMS = 0.003
/** RMS of noise that no microphone gives and random bytes do (0.58). */
const NOISE_RMS = 0.3
/** dB of prediction gain from which samples are sound; that of noise is 0. */
const SOUND_DB = 3
/** dB by which another encoding must be easier to predict. */
const MARGIN_DB = 5
const OTHERS: readonly SampleEncoding[] = ['mulaw', 'alaw', 's16be', 'f32le', 's24le', 'u8']

export type Guess = SampleEncoding | 'silence' | 'noise' | 'unknown'

/** What the bytes are, where that is clear. */
export function guessEncoding(bytes: Uint8Array): Guess {
  const window = bytes.subarray(0, MAX_BYTES)
  const plain = statsOf(window, 's16le')
  if (plain.rms < SILENT_RMS) return 'silence'
  const [other, db] = OTHERS.map((encoding) => [encoding, likelihoodDb(window, encoding)] as const).reduce((best, one) =>
    one[1] > best[1] ? one : best,
  )
  if (db > SOUND_DB && db > plain.gainDb + MARGIN_DB) return other
  if (plain.gainDb > SOUND_DB) return 's16le'
  return plain.rms > NOISE_RMS ? 'noise' : 'unknown'
}

/** dB by which the samples can be predicted; what is no sound at all counts nothing. */
export function likelihoodDb(bytes: Uint8Array, encoding: SampleEncoding): number {
  const { rms, gainDb } = statsOf(bytes, encoding)
  return rms > 1e-6 && rms < 1 ? gainDb : 0
}

export function statsOf(bytes: Uint8Array, encoding: SampleEncoding): { rms: number; gainDb: number } {
  const { bytes: size, read } = sampleReader(encoding)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const samples = new Float64Array(Math.floor(bytes.length / size))
  let square = 0
  for (let i = 0; i < samples.length; i++) {
    const value = read(view, i * size)
    if (!Number.isFinite(value) || Math.abs(value) > 8) return { rms: Number.POSITIVE_INFINITY, gainDb: 0 }
    samples[i] = value
    square += value * value
  }
  return { rms: Math.sqrt(square / Math.max(1, samples.length)), gainDb: predictionGainDb(samples) }
}

/** Power of the samples over that of what the best linear predictor leaves of them (Levinson and Durbin). */
function predictionGainDb(samples: Float64Array): number {
  const r = Float64Array.from({ length: ORDER + 1 }, (_, lag) => {
    let sum = 0
    for (let i = lag; i < samples.length; i++) sum += (samples[i] ?? 0) * (samples[i - lag] ?? 0)
    return sum
  })
  const power = r[0] ?? 0
  if (power <= 0) return 0
  let error = power * (1 + 1e-9)
  let taps = new Float64Array(ORDER + 1)
  for (let order = 1; order <= ORDER; order++) {
    let reflection = r[order] ?? 0
    for (let i = 1; i < order; i++) reflection -= (taps[i] ?? 0) * (r[order - i] ?? 0)
    reflection /= error
    const next = taps.slice()
    next[order] = reflection
    for (let i = 1; i < order; i++) next[i] = (taps[i] ?? 0) - reflection * (taps[order - i] ?? 0)
    taps = next
    error *= Math.max(1e-12, 1 - reflection * reflection)
  }
  return 10 * Math.log10(power / error)
}
