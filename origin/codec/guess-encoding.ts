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
/** Mean of samples that stand still; of a microphone it is near 0. */
const STANDING = 0.5
/** dB by which another encoding must be easier to predict: more where tones of the right one can look like it. */
const OTHERS: readonly (readonly [SampleEncoding, number])[] = [
  ['mulaw', 5],
  ['alaw', 5],
  ['s16be', 5],
  ['f32le', 5],
  ['u8', 10],
  ['s24le', 14],
]

export type Guess = SampleEncoding | 'silence' | 'constant' | 'noise' | 'unknown'

/** What the bytes are, where that is clear. */
export function guessEncoding(bytes: Uint8Array): Guess {
  const window = bytes.subarray(0, MAX_BYTES)
  const plain = statsOf(window, 's16le')
  if (window.every((byte) => byte === 0xd5 || byte === 0x55)) return 'alaw'
  if (plain.rms < SILENT_RMS) return Math.abs(plain.mean) > STANDING ? 'constant' : 'silence'
  const likely = OTHERS.map(([encoding, marginDb]) => ({ encoding, db: likelihoodDb(window, encoding), marginDb })).filter(
    ({ db, marginDb }) => db > SOUND_DB && db > plain.gainDb + marginDb,
  )
  const [best] = likely.sort((one, other) => other.db - one.db)
  if (best) return best.encoding
  if (plain.gainDb > SOUND_DB) return 's16le'
  return plain.rms > NOISE_RMS ? 'noise' : 'unknown'
}

/** dB by which the samples can be predicted; what is no sound at all counts nothing. */
export function likelihoodDb(bytes: Uint8Array, encoding: SampleEncoding): number {
  const { rms, gainDb } = statsOf(bytes, encoding)
  return rms > 1e-6 && rms < 1 ? gainDb : 0
}

/** Level around the mean, and prediction gain. */
function statsOf(bytes: Uint8Array, encoding: SampleEncoding): { rms: number; mean: number; gainDb: number } {
  const { bytes: size, read } = sampleReader(encoding)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const samples = Float64Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => read(view, i * size))
  if (!samples.every((value) => Math.abs(value) <= 8)) return { rms: Number.POSITIVE_INFINITY, mean: 0, gainDb: 0 }
  const mean = samples.reduce((sum, value) => sum + value, 0) / Math.max(1, samples.length)
  const around = samples.map((value) => value - mean)
  const square = around.reduce((sum, value) => sum + value * value, 0)
  return { rms: Math.sqrt(square / Math.max(1, samples.length)), mean, gainDb: predictionGainDb(around) }
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
