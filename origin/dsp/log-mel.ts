/**
 * What the lip-sync network and the voice detector hear: log-mel energies, 40 bands, every 10 ms, strictly causal. The constants are those
 * that the network was trained with and belong to its file; see models/lipsync/README.md.
 */
import FFT from 'fft.js'
import { FULL_SCALE } from './pcm.ts'

/** Hz; what the network was trained at. */
export const MEL_SAMPLE_RATE = 16_000
/** Samples from one frame to the next: 10 ms. */
export const HOP = 160
/** Samples that one frame sees: 25 ms, the last of them the last of its hop. */
export const WINDOW = 400
/** Samples before a hop that its frame also sees. */
export const HISTORY = WINDOW - HOP
export const MEL_BANDS = 40
const FFT_SIZE = 512
const BAND_EDGES_HZ = { low: 60, high: 7_600 }
/** Energy of a band that keeps the logarithm finite; below it all is silence. */
export const MEL_FLOOR = 1e-3
/** (ln e - MEAN) / SCALE brings speech to about zero mean and unit variance. */
const MEAN = 1
const SCALE = 4

/** A triangle over FFT bins. */
interface Band {
  firstBin: number
  weights: Float32Array
}

const hann = Float32Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW))
const bands = melBands()
const fft = new FFT(FFT_SIZE)
const windowed = new Float64Array(FFT_SIZE)
const spectrum = new Float64Array(FFT_SIZE * 2)

/** Triangles whose corners lie evenly on the mel scale (HTK's: 2595 log10(1 + f / 700)), of height 1. */
function melBands(): Band[] {
  const toMel = (hz: number) => 2595 * Math.log10(1 + hz / 700)
  const toHz = (mel: number) => 700 * (10 ** (mel / 2595) - 1)
  const low = toMel(BAND_EDGES_HZ.low)
  const step = (toMel(BAND_EDGES_HZ.high) - low) / (MEL_BANDS + 1)
  return Array.from({ length: MEL_BANDS }, (_, band) => {
    const [left, centre, right] = [0, 1, 2].map((corner) => toHz(low + step * (band + corner))) as [number, number, number]
    const firstBin = Math.ceil((left * FFT_SIZE) / MEL_SAMPLE_RATE)
    const lastBin = Math.floor((right * FFT_SIZE) / MEL_SAMPLE_RATE)
    const weights = Float32Array.from({ length: lastBin - firstBin + 1 }, (_, i) => {
      const hz = ((firstBin + i) * MEL_SAMPLE_RATE) / FFT_SIZE
      return Math.max(0, Math.min((hz - left) / (centre - left), (right - hz) / (right - centre)))
    })
    return { firstBin, weights }
  })
}

/**
 * Log-mel frames of new sound.
 *
 * @param pcm 16-bit, MEL_SAMPLE_RATE: HISTORY samples of what came before (zeros at the start), then the new ones
 * @returns row-major [frames, MEL_BANDS], low bands first, one frame for each whole hop of new samples
 */
export function logMel(pcm: Int16Array): Float32Array {
  const frames = Math.max(0, Math.floor((pcm.length - HISTORY) / HOP))
  const out = new Float32Array(frames * MEL_BANDS)
  for (let frame = 0; frame < frames; frame++) {
    for (let i = 0; i < WINDOW; i++) windowed[i] = ((pcm[frame * HOP + i] ?? 0) / FULL_SCALE) * (hann[i] ?? 0)
    fft.realTransform(spectrum, windowed)
    for (const [band, { firstBin, weights }] of bands.entries()) {
      let energy = 0
      for (let i = 0; i < weights.length; i++) {
        const re = spectrum[2 * (firstBin + i)] ?? 0
        const im = spectrum[2 * (firstBin + i) + 1] ?? 0
        energy += (re * re + im * im) * (weights[i] ?? 0)
      }
      out[frame * MEL_BANDS + band] = melOf(energy)
    }
  }
  return out
}

/** A band's energy as a log-mel value. */
export function melOf(energy: number): number {
  return (Math.log(energy + MEL_FLOOR) - MEAN) / SCALE
}

/** The energy behind a log-mel value. */
export function melEnergy(value: number): number {
  return Math.max(0, Math.exp(value * SCALE + MEAN) - MEL_FLOOR)
}
