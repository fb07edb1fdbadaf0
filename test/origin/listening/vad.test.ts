import { beforeAll, describe, expect, it } from 'vitest'
import { AudioRing } from '../../../origin/listening/audio-ring.ts'
import { LevelMeter, type LevelReading } from '../../../origin/listening/level-meter.ts'
import { readVadWeights } from '../../../origin/listening/vad.ts'
import { weights } from '../../support/fakes/listening-fakes.ts'
import { NOISES, noise, seeded, toPcm } from '../../support/signals/noise.ts'
import { ENGLISH, embeddedSpeech, type TestSpeech } from '../../support/signals/test-speech.ts'
import { vadRows } from '../../support/signals/vad-rows.ts'

const RATE = 16_000

/** Share of rows above the usual threshold. */
const share = (rows: readonly number[]): number => rows.filter((probability) => probability >= 0.5).length / rows.length

describe('the voice detector', () => {
  let speech: TestSpeech[] = []
  beforeAll(async () => {
    speech = await embeddedSpeech(['flite_rms', 'flite_awb'], ENGLISH.slice(0, 2))
  })

  it('hears voices that it was not trained with, clean and in noise', () => {
    const random = seeded(3)
    for (const snr of [60, 10]) {
      let hits = 0
      let said = 0
      for (const { sound, said: truth } of speech) {
        const heard = noise('pink', sound.length, random).map((value, i) => value * 0.08 * 10 ** (-snr / 20) + (sound[i] ?? 0))
        const rows = vadRows(weights, toPcm(heard))
        for (const [row, isSpeech] of truth.entries()) {
          if (!isSpeech || rows[row + 2] === undefined) continue
          said += 1
          if ((rows[row + 2] ?? 0) >= 0.5) hits += 1
        }
      }
      expect(hits / said, `${snr} dB`).toBeGreaterThan(0.85)
    }
  })

  it.each(NOISES)('takes %s for no speech, quiet or loud', (kind) => {
    const random = seeded(5)
    for (const db of [-50, -35, -20]) {
      const rows = vadRows(weights, toPcm(noise(kind, 10 * RATE, random).map((value) => value * 10 ** (db / 20))))
      expect(share(rows), `${db} dBFS`).toBeLessThan(0.03)
    }
  })

  it('hears nothing in digital silence', () => {
    expect(Math.max(...vadRows(weights, new Int16Array(5 * RATE)))).toBeLessThan(0.4)
  })

  it('refuses a file that is another network', () => {
    expect(() => readVadWeights('models/lipsync/lipsync.onnx')).toThrow()
  })
})

describe('the level meter', () => {
  it('reads ten times a second: RMS in dB of full scale, and the highest probability meanwhile', () => {
    const readings: LevelReading[] = []
    const meter = new LevelMeter({ sampleRate: RATE, onReading: (reading) => readings.push(reading) })
    meter.push(new Int16Array(1600).fill(3277))
    meter.mark(0.2)
    meter.mark(0.7)
    meter.mark(0.1)
    meter.push(new Int16Array(1600))
    meter.push(new Int16Array(800))
    expect(readings).toEqual([
      { levelDb: -20, speech: null },
      { levelDb: -100, speech: 0.7 },
    ])
  })
})

describe('recent sound', () => {
  it('gives back what is asked for, as far as it is kept', () => {
    const recent = new AudioRing(10)
    recent.push(Int16Array.from({ length: 7 }, (_, i) => i))
    recent.push(Int16Array.from({ length: 7 }, (_, i) => i + 7))
    expect([...recent.since(11)]).toEqual([11, 12, 13])
    expect([...recent.since(-5)]).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    recent.push(Int16Array.from({ length: 25 }, (_, i) => i + 14))
    expect([...recent.since(0)]).toEqual([29, 30, 31, 32, 33, 34, 35, 36, 37, 38])
  })
})
