import { describe, expect, it } from 'vitest'
import { createResampler, resample } from '../../../origin/codec/resample.ts'
import { concatPcm } from '../../../origin/dsp/pcm.ts'

const tone = (hz: number, rate: number, seconds: number) =>
  Int16Array.from({ length: rate * seconds }, (_, i) => Math.round(20_000 * Math.sin((2 * Math.PI * hz * i) / rate)))

/** dB by which a sine of that frequency, phase 0, stands above everything else. */
function signalToNoise(pcm: Int16Array, hz: number, rate: number): number {
  let signal = 0
  let noise = 0
  for (let i = 500; i < pcm.length - 500; i++) {
    const ideal = 20_000 * Math.sin((2 * Math.PI * hz * i) / rate)
    signal += ideal ** 2
    noise += ((pcm[i] ?? 0) - ideal) ** 2
  }
  return 10 * Math.log10(signal / noise)
}
const level = (pcm: Int16Array) => Math.sqrt(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length)

describe('resampler', () => {
  it.each([
    [16_000, 24_000],
    [22_050, 24_000],
    [44_100, 24_000],
    [48_000, 24_000],
    [24_000, 16_000],
  ])('keeps a 1 kHz tone in time and above 85 dB from %i to %i Hz', (from, to) => {
    const out = resample(tone(1000, from, 1), from, to)
    expect(Math.abs(out.length - to)).toBeLessThanOrEqual(1)
    expect(signalToNoise(out, 1000, to)).toBeGreaterThan(85)
  })

  it('keeps a tone close to the old Nyquist frequency free of images', () => {
    expect(signalToNoise(resample(tone(7200, 16_000, 1), 16_000, 24_000), 7200, 24_000)).toBeGreaterThan(70)
  })

  it('removes what the lower rate cannot carry', () => {
    expect(level(resample(tone(9600, 24_000, 1), 24_000, 16_000).subarray(500, 15_000))).toBeLessThan(1)
  })

  it('gives the same samples in pieces of any size as in one', () => {
    const input = tone(440, 48_000, 0.5)
    const stream = createResampler(48_000, 24_000)
    const parts: Int16Array[] = []
    for (let at = 0, size = 1; at < input.length; at += size, size = (size * 7) % 1009) {
      parts.push(stream.push(input.subarray(at, at + size)))
    }
    parts.push(stream.flush())
    expect(concatPcm(parts)).toEqual(resample(input, 48_000, 24_000))
  })

  it('refuses rates that no sound has, and use after its end', () => {
    expect(() => createResampler(0, 24_000)).toThrow(RangeError)
    expect(() => createResampler(44_100.5, 24_000)).toThrow(RangeError)
    const ended = createResampler(48_000, 24_000)
    ended.flush()
    ended.close()
    expect(ended.flush()).toHaveLength(0)
    expect(() => ended.push(new Int16Array(10))).toThrow('closed')
  })
})
