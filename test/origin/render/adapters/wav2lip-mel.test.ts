import { describe, expect, it } from 'vitest'
import { createDft, DFT_SIZE } from '../../../../origin/render/adapters/dft-800.ts'
import { MEL_BANDS, MelStream, WINDOW_FRAMES, wav2lipSound, windowStart } from '../../../../origin/render/adapters/wav2lip-mel.ts'

/** Speech-like: a gliding buzz with noise, loud and soft. */
const sound = Float32Array.from({ length: 16_000 }, (_, i) => {
  const t = i / 16_000
  const buzz =
    Math.sin(2 * Math.PI * (110 + 90 * t) * t) + 0.5 * Math.sin(2 * Math.PI * 1_930 * t) + 0.2 * Math.sin(2 * Math.PI * 6_100 * t)
  const noise = ((((i * 1_103_515_245 + 12_345) >>> 0) % 65_536) / 65_536 - 0.5) * 0.05
  return 0.25 * (0.1 + Math.abs(Math.sin(7 * t))) * buzz + noise
})

/**
 * One mel frame by the definitions, one step after the other: preemphasis y[n] = x[n] - 0.97 x[n - 1], zeros before the sound,
 * a Hann window of 800 around sample 200 m, the plain Fourier sum, its magnitude, Slaney's filters, decibels, -4..4.
 */
function melByDefinition(x: ArrayLike<number>, melFrame: number): number[] {
  const sample = (n: number): number => (n < 0 || n >= x.length ? 0 : Number(x[n]))
  const y = (n: number): number => (n < 0 ? 0 : sample(n) - 0.97 * sample(n - 1))
  const magnitude: number[] = []
  for (let k = 0; k <= 400; k++) {
    let re = 0
    let im = 0
    for (let n = 0; n < 800; n++) {
      const value = y(200 * melFrame - 400 + n) * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 800))
      re += value * Math.cos((2 * Math.PI * k * n) / 800)
      im -= value * Math.sin((2 * Math.PI * k * n) / 800)
    }
    magnitude.push(Math.sqrt(re * re + im * im))
  }
  const mel = (hz: number): number => (hz < 1_000 ? hz / (200 / 3) : 15 + (27 * Math.log(hz / 1_000)) / Math.log(6.4))
  const hz = (m: number): number => (m < 15 ? (m * 200) / 3 : 1_000 * 6.4 ** ((m - 15) / 27))
  const edges = Array.from({ length: 82 }, (_, i) => hz(mel(55) + ((mel(7_600) - mel(55)) * i) / 81))
  return Array.from({ length: 80 }, (_, band) => {
    const [low, middle, high] = edges.slice(band, band + 3) as [number, number, number]
    let sum = 0
    for (const [k, value] of magnitude.entries()) {
      const f = 20 * k
      const rise = (f - low) / (middle - low)
      const fall = (high - f) / (high - middle)
      sum += value * Math.max(0, Math.min(rise, fall)) * (2 / (high - low))
    }
    const decibels = 20 * Math.log10(Math.max(1e-5, sum)) - 20
    return Math.min(4, Math.max(-4, (8 * (decibels + 100)) / 100 - 4))
  })
}

function column(window: Float32Array, melFrame: number): number[] {
  return Array.from({ length: MEL_BANDS }, (_, band) => window[band * WINDOW_FRAMES + melFrame] ?? Number.NaN)
}
function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))))
}

describe('the 800-point transform', () => {
  it('equals the plain sum', () => {
    const re = Float64Array.from({ length: DFT_SIZE }, (_, i) => Math.sin(i * i) + 0.3)
    const im = Float64Array.from({ length: DFT_SIZE }, (_, i) => Math.cos(3 * i))
    const [fastRe, fastIm] = [re.slice(), im.slice()]
    createDft()(fastRe, fastIm)
    for (const k of [0, 1, 7, 32, 399, 400, 401, 799]) {
      let sumRe = 0
      let sumIm = 0
      for (let n = 0; n < DFT_SIZE; n++) {
        const angle = (-2 * Math.PI * k * n) / DFT_SIZE
        sumRe += Number(re[n]) * Math.cos(angle) - Number(im[n]) * Math.sin(angle)
        sumIm += Number(re[n]) * Math.sin(angle) + Number(im[n]) * Math.cos(angle)
      }
      expect(fastRe[k]).toBeCloseTo(sumRe, 8)
      expect(fastIm[k]).toBeCloseTo(sumIm, 8)
    }
  })
})

describe('mel windows', () => {
  it.each([1, 8, 17])('of frame %i are those of the definitions', (frame) => {
    const stream = new MelStream()
    stream.push(sound.subarray(0, 640 * frame + 3_000))
    const window = stream.window(frame)
    for (const melFrame of [0, 3, 15]) {
      expect(largestDifference(column(window, melFrame), melByDefinition(sound, windowStart(frame) + melFrame))).toBeLessThan(1e-4)
    }
    // the sound fills the scale: it is not all silence
    expect(Math.max(...window) - Math.min(...window)).toBeGreaterThan(3)
  })

  it('begin one frame before theirs, as in training: int(3.2 (i - 1)) at 25 a second', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 26].map(windowStart)).toEqual([-4, 0, 3, 6, 9, 12, 16, 80])
  })

  it('do not depend on how the sound is cut up', () => {
    const whole = new MelStream()
    whole.push(sound.subarray(0, 9_600))
    const pieces = new MelStream()
    for (let at = 0, size = 1; at < 9_600; at += size, size = (size * 7 + 3) % 991)
      pieces.push(sound.subarray(at, Math.min(9_600, at + size)))
    expect(largestDifference([...pieces.window(10)], [...whole.window(10)])).toBeLessThan(1e-6)
  })

  it('are at the bottom of the scale in silence and before the sound', () => {
    const stream = new MelStream()
    stream.push(new Float32Array(16_000))
    expect([...new Set(stream.window(10))]).toEqual([-4])
    const early = new MelStream()
    early.push(sound.subarray(0, 4_000))
    expect(column(early.window(0), 0)).toEqual(Array.from({ length: MEL_BANDS }, () => -4))
    expect(Math.max(...column(early.window(0), 8))).toBeGreaterThan(-2)
  })

  it('need no more sound after their frame than they say, and say when it is missing', () => {
    for (let frame = 0; frame < 6; frame++) {
      const stream = new MelStream()
      const samples = Math.ceil(frame * 640 + wav2lipSound.lookAheadMs * 16)
      stream.push(sound.subarray(0, samples))
      expect(stream.window(frame).length).toBe(wav2lipSound.windowLength)
    }
    const short = new MelStream()
    short.push(sound.subarray(0, 3_000))
    expect(() => short.window(5)).toThrow(/mel frames up to 28 are wanted, 14 are there/)
  })

  it('that are long past are refused instead of being wrong', () => {
    const stream = new MelStream()
    for (let i = 0; i < 3; i++) stream.push(sound)
    expect(() => stream.window(5)).toThrow(/mel frame 12 is forgotten/)
  })
})
