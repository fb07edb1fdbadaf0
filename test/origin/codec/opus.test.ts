import { describe, expect, it } from 'vitest'
import { MIC_SAMPLE_RATE, OPUS_FRAME_SAMPLES, OpusEncoder, OpusMicDecoder } from '../../../origin/codec/opus.ts'
import { SAMPLE_RATE } from '../../../shared/media.ts'

function tone(hz: number, packets: number): Int16Array[] {
  return Array.from({ length: packets }, (_, k) =>
    Int16Array.from(
      { length: OPUS_FRAME_SAMPLES },
      (_, i) => 8_000 * Math.sin((2 * Math.PI * hz * (k * OPUS_FRAME_SAMPLES + i)) / SAMPLE_RATE),
    ),
  )
}

function crossingsHz(pcm: readonly number[]): number {
  const crossings = pcm.slice(1).filter((sample, i) => sample < 0 !== (pcm[i] ?? 0) < 0).length
  return (crossings / 2 / pcm.length) * MIC_SAMPLE_RATE
}

describe('Opus', () => {
  it('brings a tone through at its pitch and level, at the ear’s rate', () => {
    const encoder = new OpusEncoder()
    const ear = new OpusMicDecoder()
    const heard = tone(440, 50).flatMap((pcm) => [...ear.decode(encoder.encode(pcm))])
    expect(heard).toHaveLength(50 * 320)
    const steady = heard.slice(3_200)
    expect(crossingsHz(steady)).toBeCloseTo(440, -1)
    expect(Math.max(...steady)).toBeGreaterThan(6_500)
    expect(Math.max(...steady)).toBeLessThan(9_500)
  })

  it('costs little in silence and at most 50 kbit/s in speech-like sound', () => {
    const encoder = new OpusEncoder()
    const bytes = (pcm: Int16Array[]): number => pcm.reduce((sum, frame) => sum + encoder.encode(frame).length, 0)
    const loud = bytes(tone(300, 50))
    const silent = bytes(Array.from({ length: 50 }, () => new Int16Array(OPUS_FRAME_SAMPLES)))
    expect(loud * 8).toBeLessThan(50_000)
    expect(silent).toBeLessThan(loud)
  })

  it('says that a packet is none', () => {
    expect(() => new OpusMicDecoder().decode(new Uint8Array([0xff, 0xff, 0xff, 0xff]))).toThrow()
  })
})
