import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLipSync } from '../../../origin/lipsync/net.ts'
import { mouthFromPhones } from '../../../origin/lipsync/phones.ts'
import { MouthSettler } from '../../../origin/lipsync/settle.ts'
import type { LipSync } from '../../../origin/lipsync/types.ts'
import { createFliteVoice } from '../../../origin/providers/tts/flite/index.ts'
import type { Phone, SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { VISEMES, type Viseme } from '../../../shared/face.ts'
import { PATIENCE_MS } from '../../support/patience.ts'
import { correlation, jawOf } from '../../support/signals/jaw.ts'

const WIDTH = VISEMES.length
const MODEL = new URL('../../../models/lipsync/lipsync.onnx', import.meta.url).pathname
const SENTENCES = [
  'Peter, Bob and Mary bought a big purple balloon in the park.',
  'Five very brave firefighters saved every family from the fire.',
  'My mother bought me a beautiful map before breakfast.',
  'Please wait a moment while I look that up for you.',
  'We walked along the river, and then we went home.',
  'The weather will be cloudy with a chance of rain.',
]

let lipSync: LipSync
let voice: SpeechProvider
beforeAll(async () => {
  lipSync = await createLipSync({ modelPath: MODEL })
  voice = await createFliteVoice()
})
afterAll(async () => {
  await lipSync.close()
  await voice.close()
})

async function say(text: string, voiceId: string): Promise<{ pcm: Int16Array; phones: Phone[] }> {
  for await (const { pcm, phones } of voice.speak({ text, voiceId, settings: {} }, AbortSignal.timeout(PATIENCE_MS)))
    return { pcm, phones: phones ?? [] }
  throw new Error('no speech came')
}
async function hear(pcm: Int16Array, pieceSamples = 2400): Promise<Float32Array> {
  const stream = lipSync.open()
  const parts: Float32Array[] = []
  for (let at = 0; at < pcm.length; at += pieceSamples) parts.push(await stream.push(pcm.subarray(at, at + pieceSamples)))
  parts.push(await stream.flush())
  return Float32Array.from(parts.flatMap((part) => [...part]))
}
const row = (mouth: Float32Array, index: number) => mouth.subarray(index * WIDTH, (index + 1) * WIDTH)
const weight = (mouth: Float32Array, index: number, viseme: Viseme) => mouth[index * WIDTH + VISEMES.indexOf(viseme)] ?? Number.NaN
/** The network's rounding depends on how many rows it sees at once. */
function expectSameMouth(mouth: Float32Array, expected: Float32Array): void {
  expect(mouth).toHaveLength(expected.length)
  expect(Math.max(...mouth.map((value, i) => Math.abs(value - (expected[i] ?? 0))))).toBeLessThan(1e-3)
}

describe('lip sync from sound', () => {
  // awb was not among the voices that the network learned from.
  it.each([
    ['flite_slt', 0.85, 0.75],
    ['flite_awb', 0.8, 0.65],
  ])('follows %s as its phones do', async (voiceId, minJaw, minClosureF1) => {
    const jaws: { heard: number[]; known: number[] } = { heard: [], known: [] }
    let [right, heardClosed, found, knownClosed] = [0, 0, 0, 0]
    for (const text of SENTENCES) {
      const { pcm, phones } = await say(text, voiceId)
      const known = mouthFromPhones(phones, pcm.length / 24_000)
      const heard = await hear(pcm)
      expect(heard).toHaveLength(known.length)
      jaws.heard.push(...jawOf(heard))
      jaws.known.push(...jawOf(known))
      const closed = (mouth: Float32Array, i: number) => weight(mouth, i, 'PP') > 0.5
      const near = (mouth: Float32Array, i: number) => closed(mouth, i - 1) || closed(mouth, i) || closed(mouth, i + 1)
      for (let i = 0; i < known.length / WIDTH; i++) {
        if (closed(heard, i)) heardClosed++
        if (closed(heard, i) && near(known, i)) right++
        if (closed(known, i)) knownClosed++
        if (closed(known, i) && near(heard, i)) found++
      }
    }
    expect(correlation(jaws.heard, jaws.known)).toBeGreaterThan(minJaw)
    const precision = right / heardClosed
    const recall = found / knownClosed
    expect((2 * precision * recall) / (precision + recall)).toBeGreaterThan(minClosureF1)
  })

  it('gives the same rows in pieces of any size', async () => {
    const { pcm } = await say('Bob may move.', 'flite_slt')
    const whole = await hear(pcm, pcm.length)
    for (const pieceSamples of [37, 480, 5000]) {
      const pieces = await hear(pcm, pieceSamples)
      expectSameMouth(pieces, whole)
    }
  })

  it('covers the sound, with rows that sum to 1', async () => {
    for (const samples of [0, 1, 479, 480, 481, 10_000, 130_001]) {
      const mouth = await hear(
        Int16Array.from({ length: samples }, (_, i) => 8000 * Math.sin(i / 20)),
        50_000,
      )
      expect(mouth.length / WIDTH).toBe(Math.ceil(samples / 480))
      for (let i = 0; i < mouth.length / WIDTH; i++) expect(row(mouth, i).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 3)
    }
  })

  it('rests in silence, in faint noise and in the noise of a room', async () => {
    let state = 7
    const noise = () => {
      state = (state * 48_271) % 2_147_483_647
      return (state / 2_147_483_647 - 0.5) * 2
    }
    for (const amplitude of [0, 3, 30, 200]) {
      const mouth = await hear(Int16Array.from({ length: 48_000 }, () => Math.round(noise() * amplitude)))
      for (let i = 0; i < mouth.length / WIDTH; i++) expect(weight(mouth, i, 'sil')).toBeGreaterThan(0.95)
    }
  })

  it('comes to rest after speech and stays there', async () => {
    const { pcm } = await say('Hello there, my friend.', 'flite_slt')
    const padded = new Int16Array(pcm.length + 24_000)
    padded.set(pcm)
    const mouth = await hear(padded)
    const end = Math.ceil(pcm.length / 480)
    for (let i = end; i < mouth.length / WIDTH; i++) expect(weight(mouth, i, 'sil')).toBeGreaterThan(0.95)
    expect(Math.min(...Array.from({ length: end }, (_, i) => weight(mouth, i, 'sil')))).toBeLessThan(0.1)
  })

  it('keeps streams apart', async () => {
    const one = await say('Mama made a map.', 'flite_slt')
    const two = await say('Why do you ask?', 'flite_rms')
    const apart = [await hear(one.pcm), await hear(two.pcm)] as const
    const together = await Promise.all([hear(one.pcm), hear(two.pcm)])
    expectSameMouth(together[0], apart[0])
    expectSameMouth(together[1], apart[1])
  })

  it('keeps the order of pushes that nobody waited for', async () => {
    const { pcm } = await say('Bob may move.', 'flite_slt')
    const stream = lipSync.open()
    const parts = await Promise.all([stream.push(pcm.subarray(0, 5000)), stream.push(pcm.subarray(5000)), stream.flush()])
    expectSameMouth(Float32Array.from(parts.flatMap((part) => [...part])), await hear(pcm, pcm.length))
    await expect(stream.push(pcm)).rejects.toThrow('over')
    expect(await stream.flush()).toHaveLength(0)
  })

  it('says which model it cannot load', async () => {
    await expect(createLipSync({ modelPath: '/nowhere/lipsync.onnx' })).rejects.toThrow('/nowhere/lipsync.onnx')
  })
})

describe('settling of what the network hears', () => {
  const LOUD = -20
  const heard = (list: Partial<Record<Viseme, number>>[]) =>
    Float32Array.from(list.flatMap((weights) => VISEMES.map((viseme) => weights[viseme] ?? 0)))
  const settle = (list: Partial<Record<Viseme, number>>[], levels = list.map(() => LOUD)) => {
    const settler = new MouthSettler()
    const first = settler.push(heard(list), levels)
    return Float32Array.from([...first, ...settler.flush()])
  }
  const open = { aa: 0.9, E: 0.1 }

  it('shuts the lips for two rows where a closure is likely', () => {
    const mouth = settle([open, open, open, open, { PP: 0.4, aa: 0.6 }, { PP: 0.3, aa: 0.7 }, open, open, open, open])
    const closed = Array.from({ length: 10 }, (_, i) => weight(mouth, i, 'PP') >= 0.9)
    expect(closed).toEqual([false, false, false, false, true, true, false, false, false, false])
  })

  it('leaves an unlikely closure alone', () => {
    const mouth = settle([open, open, open, open, { PP: 0.3, aa: 0.7 }, open, open, open, open])
    expect(Math.max(...Array.from({ length: 9 }, (_, i) => weight(mouth, i, 'PP')))).toBeLessThan(0.3)
  })

  it('takes no flicker of the network for speech in silence', () => {
    const mouth = settle(
      Array.from({ length: 30 }, (_, i) => (i % 2 ? open : { PP: 0.9, sil: 0.1 })),
      Array(30).fill(-70),
    )
    for (let i = 0; i < 30; i++) expect(weight(mouth, i, 'sil')).toBe(1)
  })

  it('stays open through a short stop and closes in a pause', () => {
    const levels = [...Array(10).fill(LOUD), ...Array(4).fill(-70), ...Array(10).fill(LOUD), ...Array(20).fill(-70)]
    const mouth = settle(
      levels.map(() => open),
      levels,
    )
    expect(weight(mouth, 12, 'aa')).toBeGreaterThan(0.8)
    expect(weight(mouth, 40, 'sil')).toBe(1)
  })
})
