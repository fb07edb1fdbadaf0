import { describe, expect, it } from 'vitest'
import { HISTORY, HOP, logMel, MEL_BANDS, WINDOW } from '../../../origin/dsp/log-mel.ts'

/** 0.1 s of two tones, a click and a little noise. */
const SOUND = Int16Array.from({ length: 1600 }, (_, i) => {
  const tones = 6000 * Math.sin((2 * Math.PI * 310 * i) / 16_000) + 2500 * Math.sin((2 * Math.PI * 2900 * i) / 16_000)
  return Math.round(tones + (i === 777 ? 9000 : 0) + (((i * 7919) % 601) - 300))
})

/** One frame by the definition in models/lipsync/README.md: a plain DFT and the formula of every triangle. */
function frameByDefinition(samples: Int16Array, frame: number): number[] {
  const end = (frame + 1) * HOP
  const windowed = Array.from({ length: WINDOW }, (_, i) => {
    const at = end - WINDOW + i
    return ((at < 0 ? 0 : (samples[at] ?? 0)) / 32_768) * 0.5 * (1 - Math.cos((2 * Math.PI * i) / WINDOW))
  })
  const power = Array.from({ length: 257 }, (_, bin) => {
    let re = 0
    let im = 0
    for (const [i, value] of windowed.entries()) {
      re += value * Math.cos((2 * Math.PI * bin * i) / 512)
      im -= value * Math.sin((2 * Math.PI * bin * i) / 512)
    }
    return re * re + im * im
  })
  const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700)
  const hz = (value: number) => 700 * (10 ** (value / 2595) - 1)
  const corner = (i: number) => hz(mel(60) + ((mel(7600) - mel(60)) * i) / 41)
  return Array.from({ length: 40 }, (_, band) => {
    let energy = 0
    for (const [bin, value] of power.entries()) {
      const f = (bin * 16_000) / 512
      const rising = (f - corner(band)) / (corner(band + 1) - corner(band))
      const falling = (corner(band + 2) - f) / (corner(band + 2) - corner(band + 1))
      energy += value * Math.max(0, Math.min(rising, falling))
    }
    return (Math.log(energy + 1e-3) - 1) / 4
  })
}

const withHistory = (samples: Int16Array) => {
  const padded = new Int16Array(HISTORY + samples.length)
  padded.set(samples, HISTORY)
  return padded
}

describe('log-mel features', () => {
  it('are those of the definition that the network was trained with', () => {
    const features = logMel(withHistory(SOUND))
    expect(features).toHaveLength(10 * MEL_BANDS)
    for (let frame = 0; frame < 10; frame++) {
      for (const [band, expected] of frameByDefinition(SOUND, frame).entries()) {
        expect(features[frame * MEL_BANDS + band]).toBeCloseTo(expected, 4)
      }
    }
  })

  it('are the same in pieces, each with the samples before it', () => {
    const whole = withHistory(SOUND)
    const first = logMel(whole.subarray(0, HISTORY + 4 * HOP))
    const second = logMel(whole.subarray(4 * HOP))
    expect(Float32Array.from([...first, ...second])).toEqual(logMel(whole))
  })

  it('lie at their floor in digital silence', () => {
    for (const value of logMel(new Int16Array(HISTORY + HOP))) expect(value).toBeCloseTo((Math.log(1e-3) - 1) / 4, 5)
  })

  it('leave out what makes no whole hop', () => {
    expect(logMel(new Int16Array(HISTORY + HOP - 1))).toHaveLength(0)
    expect(logMel(new Int16Array(0))).toHaveLength(0)
  })
})
