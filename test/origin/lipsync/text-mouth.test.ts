import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLipSync } from '../../../origin/lipsync/net.ts'
import { mouthFromPhones } from '../../../origin/lipsync/phones.ts'
import { createMouthFromText } from '../../../origin/lipsync/text-mouth.ts'
import type { LipSync, MouthFrames } from '../../../origin/lipsync/types.ts'
import { placePhones } from '../../../origin/lipsync/word-phones.ts'
import { createFliteVoice, createPronouncer } from '../../../origin/providers/tts/flite/index.ts'
import type { CharacterTime, Phone, Pronouncer, SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { moveMouth } from '../../../origin/turn/stages/move-mouth.ts'
import type { Segment, Speech } from '../../../origin/turn/stages/types.ts'
import { VISEMES } from '../../../shared/face.ts'
import { MOUTH_FPS, SAMPLE_RATE } from '../../../shared/media.ts'
import { evenly } from '../../support/fakes/elevenlabs-lines.ts'
import { timesOfCharacters } from '../../support/fakes/timed-text.ts'
import { until } from '../../support/until.ts'

const WIDTH = VISEMES.length
const [PP, FF] = [VISEMES.indexOf('PP'), VISEMES.indexOf('FF')]
let pronouncer: Pronouncer
beforeAll(async () => {
  pronouncer = await createPronouncer()
})
afterAll(() => pronouncer.close())

/** Lips (or lip and teeth) that meet in truth and in a mouth: rows within one row of each other are the same. */
function contacts(truth: MouthFrames, mouth: MouthFrames): { right: number; wrong: number; missed: number } {
  const rows = Math.min(truth.length, mouth.length) / WIDTH
  const meets = (frames: MouthFrames, row: number, shape: number) => row >= 0 && row < rows && (frames[row * WIDTH + shape] ?? 0) > 0.5
  const near = (frames: MouthFrames, row: number, shape: number) => [row - 1, row, row + 1].some((r) => meets(frames, r, shape))
  const count = { right: 0, wrong: 0, missed: 0 }
  for (const shape of [PP, FF]) {
    for (let row = 0; row < rows; row++) {
      if (meets(mouth, row, shape)) count[near(truth, row, shape) ? 'right' : 'wrong']++
      if (meets(truth, row, shape) && !near(mouth, row, shape)) count.missed++
    }
  }
  return count
}

describe('closures from text and the times of its characters', () => {
  const SENTENCES = [
    'My mother bought a map, but Bob kept it.',
    'Please book a table for five people before the movie.',
    'Have you ever seen a place as beautiful as this?',
    'The number of problems became a bit smaller over time.',
    'My favourite films are often from Berlin or Vienna.',
    'Stephen laughed about a rough photograph of the campus.',
    'A short pause, and then the performance began.',
    'I am happy that everybody approved of the plan.',
    'Perhaps we both believe in simple improvements.',
  ]
  let voice: SpeechProvider
  let lipSync: LipSync
  let said: { text: string; phones: Phone[]; truth: MouthFrames; heard: MouthFrames }[]
  beforeAll(async () => {
    voice = await createFliteVoice()
    lipSync = await createLipSync({ modelPath: 'models/lipsync/lipsync.onnx' })
    said = []
    for (const text of SENTENCES) {
      // Not one of the voices that the network was trained with.
      for await (const { pcm, phones = [] } of voice.speak({ text, voiceId: 'flite_awb', settings: {} }, new AbortController().signal)) {
        const stream = lipSync.open()
        const heard = new Float32Array([...(await stream.push(pcm)), ...(await stream.flush())])
        said.push({ text, phones, truth: mouthFromPhones(phones, pcm.length / SAMPLE_RATE), heard })
      }
    }
  })
  afterAll(() => Promise.all([voice.close(), lipSync.close()]))

  const f1 = async (mouthOf: (one: (typeof said)[number]) => Promise<MouthFrames>): Promise<number> => {
    const sum = { right: 0, wrong: 0, missed: 0 }
    for (const one of said) {
      const { right, wrong, missed } = contacts(one.truth, await mouthOf(one))
      sum.right += right
      sum.wrong += wrong
      sum.missed += missed
    }
    return sum.right / (sum.right + (sum.wrong + sum.missed) / 2)
  }
  const withText =
    (spelled: 'even' | 'true') =>
    async ({ text, phones, heard }: (typeof said)[number]) => {
      const mouth = createMouthFromText(pronouncer).open()
      mouth.add(await timesOfCharacters(text, phones, pronouncer, spelled))
      await mouth.settle({ isLast: true })
      return mouth.blend(heard, 0)
    }

  it('land within 20 ms where characters have their own times', async () => {
    expect(await f1(withText('true'))).toBeGreaterThan(0.97)
  })

  it('land within 20 ms where characters share the time of their word, mostly', async () => {
    expect(await f1(withText('even'))).toBeGreaterThanOrEqual(0.85)
  })

  it('are far more than the sound alone tells', async () => {
    const missed = async (mouthOf: Parameters<typeof f1>[0]): Promise<number> => 1 - (await f1(mouthOf))
    expect(await missed(withText('even'))).toBeLessThan(0.75 * (await missed(async ({ heard }) => heard)))
    expect(await missed(withText('true'))).toBeLessThan(0.2 * (await missed(async ({ heard }) => heard)))
  })

  it('leave rows that sum to 1', async () => {
    for (const one of said) {
      const mouth = await withText('true')(one)
      for (let row = 0; row * WIDTH < mouth.length; row++) {
        expect(mouth.subarray(row * WIDTH, (row + 1) * WIDTH).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 3)
      }
    }
  })
})

describe('sounds of a written word', () => {
  const place = (word: string, phones: string, seconds = 1) => placePhones(evenly(word, 0, seconds), phones.split(' '))
  const middle = (phones: Phone[], name: string) => {
    const { startS, endS } = phones.find((phone) => phone.name === name) ?? { startS: Number.NaN, endS: Number.NaN }
    return (startS + endS) / 2
  }

  it.each([
    ['bumble', 'b ah m b ax l'],
    ['photograph', 'f ow t ax g r ae f'],
    ['hammer', 'hh ae m er'],
    ['of', 'ah v'],
    ['bomb', 'b aa m'],
    ['stephen', 's t iy v ax n'],
    ['24', 't w eh n t iy f ao r'],
    ['x', 'eh k s'],
    ['b', 'b iy'],
    ['ppp', 'p iy p iy p iy'],
    ['aaaa', 'm m m'],
  ])('cover "%s" in order and without gaps', (word, phones) => {
    const placed = place(word, phones)
    expect(placed.map(({ name }) => name).join(' ')).toBe(phones)
    expect(placed[0]?.startS).toBe(0)
    expect(placed.at(-1)?.endS).toBeCloseTo(1, 6)
    for (const [i, { startS, endS }] of placed.entries()) {
      expect(endS).toBeGreaterThanOrEqual(startS)
      if (i > 0) expect(startS).toBeCloseTo(placed[i - 1]?.endS ?? Number.NaN, 6)
    }
  })

  it('are at their letters where lips make them', () => {
    expect(middle(place('amplitude', 'ae m p l ax t uw d'), 'p')).toBeCloseTo(2.5 / 9, 6)
    expect(middle(place('photograph', 'f ow t ax g r ae f'), 'f')).toBeCloseTo(0.1, 6)
  })

  it('are none without sounds or without letters', () => {
    expect(placePhones([], ['p'])).toEqual([])
    expect(placePhones(evenly('hm', 0, 1), [])).toEqual([])
  })
})

describe('pronunciation', () => {
  it('says each word by itself, however many there are', async () => {
    const words = ['Hello', 'world', 'Bob’s', '24', '', '你好', ...Array.from({ length: 60 }, (_, i) => `word${i}`), 'beep']
    // a busy machine answers with what it has by then, and goes on learning
    const phones = await until('the last word', async () => {
      const known = await pronouncer.pronounce(words)
      return (known.at(-1)?.length ?? 0) > 0 && known
    })
    expect(phones).toHaveLength(words.length)
    expect(phones.slice(0, 6).map((names) => names.join(' '))).toEqual([
      'hh ax l ow',
      'w er l d',
      'b aa b z',
      't w eh n t iy f ao r',
      '',
      '',
    ])
    expect(phones.at(-1)).toEqual(['b', 'iy', 'p'])
  })

  it('gives nothing once it is closed', async () => {
    const own = await createPronouncer()
    await own.close()
    expect(await own.pronounce(['hello'])).toEqual([[]])
  })
})

describe('a mouth that follows sound and text as they come', () => {
  const PIECE_S = 0.1
  const silent: LipSync = {
    // As the network does: rows trail the sound by a few.
    open: () => {
      let rows = 0
      let given = 0
      const give = (count: number) => {
        const out = new Float32Array(Math.max(0, count) * WIDTH)
        for (let row = 0; row * WIDTH < out.length; row++) out[row * WIDTH + VISEMES.indexOf('aa')] = 1
        given += Math.max(0, count)
        return out
      }
      return {
        push: async (pcm) => {
          rows += (pcm.length / SAMPLE_RATE) * MOUTH_FPS
          return give(rows - 9 - given)
        },
        flush: async () => give(rows - given),
      }
    },
    close: async () => undefined,
  }
  const fixed: Pronouncer = {
    pronounce: async (words) => words.map((word) => (word === 'bob' ? ['b', 'aa', 'b'] : word === 'ah' ? ['aa'] : [])),
    close: async () => undefined,
  }
  /** @param characters that come with each piece of 100 ms */
  async function run(characters: CharacterTime[][], text: Pronouncer | null = fixed) {
    const clause = { text: 'x', durationMs: characters.length * PIECE_S * 1000 }
    const log: string[] = []
    async function* pieces(): AsyncGenerator<Speech> {
      for (const [i, times] of characters.entries()) {
        log.push(`in ${i + 1}`)
        const pcm = new Int16Array(PIECE_S * SAMPLE_RATE).fill(i + 1)
        yield { clause, pcm, characters: times, first: i === 0, last: i === characters.length - 1 }
      }
    }
    const segments: Segment[] = []
    const mouthFromText = text ? createMouthFromText(text) : undefined
    const stage = moveMouth({ mouthFromPhones, lipSync: silent, mouthFromText })
    for await (const segment of stage(pieces(), { signal: new AbortController().signal })) {
      segments.push(segment)
      log.push(`out ${Math.round((segment.pcm.length / SAMPLE_RATE) * 1000)}`)
    }
    const mouth = new Float32Array(segments.flatMap((segment) => [...segment.mouth]))
    return { segments, mouth, log, sound: segments.flatMap(({ pcm }) => [...pcm]) }
  }
  const pp = (mouth: MouthFrames, seconds: number) => mouth[Math.round(seconds * MOUTH_FPS) * WIDTH + PP] ?? Number.NaN
  const nothing = (count: number): CharacterTime[][] => Array.from({ length: count }, () => [])

  it('closes where a word says so that came in two parts', async () => {
    const [b1, o, b2] = evenly('bob', 0.14, 0.44) as [CharacterTime, CharacterTime, CharacterTime]
    const { mouth, sound } = await run([[b1], [], [o, b2], [{ text: ' ', startS: 0.44, endS: 0.5 }], ...nothing(6)])
    expect(sound).toHaveLength(SAMPLE_RATE)
    expect(mouth).toHaveLength(MOUTH_FPS * WIDTH)
    expect(pp(mouth, 0.18)).toBeGreaterThan(0.9)
    expect(pp(mouth, 0.28)).toBeLessThan(0.2)
    expect(pp(mouth, 0.4)).toBeGreaterThan(0.9)
    expect(pp(mouth, 0.8)).toBe(0)
  })

  it('lets sound go soon at first, and in ever longer parts', async () => {
    const { log, segments } = await run([evenly('ah ', 0, 0.2), ...nothing(39)])
    expect(log.slice(0, 4)).toEqual(['in 1', 'in 2', 'in 3', 'out 100'])
    const lengths = segments.map(({ pcm }) => (pcm.length / SAMPLE_RATE) * 1000)
    for (const [i, length] of lengths.entries()) {
      const before = lengths.slice(0, i).reduce((sum, one) => sum + one, 0)
      expect(length).toBeLessThanOrEqual(Math.max(100, before))
      expect(segments[i]?.offsetMs).toBeCloseTo(before, 6)
    }
    expect(lengths.length).toBeLessThan(8)
  })

  it('does not wait for ever for the end of a word', async () => {
    const { log } = await run([evenly('b', 0.02, 0.1), ...nothing(20)])
    expect(log.indexOf('out 100')).toBeLessThan(10)
  })

  it.each([
    ['without alignment', fixed, nothing(8)],
    ['without a pronouncer', null, [evenly('bob ', 0, 0.5), ...nothing(7)]],
    ['with words that nobody can say', fixed, [evenly('пиво ', 0, 0.5), ...nothing(7)]],
  ] as const)('follows the sound alone %s', async (_name, text, characters) => {
    const { mouth } = await run(
      characters.map((times) => [...times]),
      text,
    )
    expect(mouth).toHaveLength(0.8 * MOUTH_FPS * WIDTH)
    for (let row = 0; row * WIDTH < mouth.length; row++) expect(mouth[row * WIDTH + VISEMES.indexOf('aa')]).toBe(1)
  })
})
