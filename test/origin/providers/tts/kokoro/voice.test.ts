import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPronouncer } from '../../../../../origin/providers/tts/flite/index.ts'
import { createKokoroVoice } from '../../../../../origin/providers/tts/kokoro/index.ts'
import { VOICES } from '../../../../../origin/providers/tts/kokoro/voices.ts'
import type { CharacterTime, Phone, SpeechProvider } from '../../../../../origin/providers/tts/types.ts'
import type { JobReply, JobWorker } from '../../../../../origin/workers/job-worker.ts'
import type { VoiceSettings } from '../../../../../shared/api.ts'

const RATE = 24_000
const never = new AbortController().signal
let voice: SpeechProvider
beforeAll(async () => {
  voice = await createKokoroVoice({ pronouncer: await createPronouncer() })
})
afterAll(() => voice.close())

interface Said {
  pcm: Int16Array
  phones: Phone[]
  words: CharacterTime[]
  seconds: number
}
async function say(text: string, voiceId = 'af_heart', settings: VoiceSettings = {}): Promise<Said> {
  const [piece, ...others] = await Array.fromAsync(voice.speak({ text, voiceId, settings }, never))
  expect(others).toEqual([])
  const { pcm = new Int16Array(0), phones = [], characters = [] } = piece ?? {}
  return { pcm, phones, words: characters.filter(({ text: word }) => word !== ' '), seconds: pcm.length / RATE }
}
const rms = ({ pcm }: Said, fromS: number, toS: number) => {
  const part = pcm.subarray(Math.round(fromS * RATE), Math.round(toS * RATE))
  return Math.sqrt(part.reduce((sum, x) => sum + (x / 32_768) ** 2, 0) / Math.max(1, part.length))
}

describe('the neural voice', () => {
  it('says a sentence with its phones and words', async () => {
    const said = await say('Hello there, Bob.')
    expect(said.phones.map(({ name }) => name).join(' ')).toMatch(/^pau hh \w+ l ow (?:pau )?dh eh r (?:pau )?b aa b pau$/)
    expect(said.words.map(({ text }) => text)).toEqual(['Hello', 'there,', 'Bob.'])
    expect(said.seconds).toBeGreaterThan(0.9)
    expect(said.seconds).toBeLessThan(2)
  })

  it.each(['af_heart', 'am_michael', 'bf_emma'])('has phones and words of %s in its sound, in order', async (voiceId) => {
    const said = await say('My mother bought 3 maps, but Bob kept them.', voiceId)
    let at = 0
    for (const { startS, endS } of said.phones) {
      expect(startS).toBeCloseTo(at, 6)
      expect(endS).toBeGreaterThan(startS)
      at = endS
    }
    expect(at).toBeCloseTo(said.seconds, 2)
    expect(said.words.map(({ text }) => text)).toEqual(['My', 'mother', 'bought', '3', 'maps,', 'but', 'Bob', 'kept', 'them.'])
    for (const [i, { startS, endS }] of said.words.entries()) {
      expect(startS).toBeGreaterThanOrEqual(said.words[i - 1]?.endS ?? 0)
      expect(endS).toBeGreaterThan(startS)
      expect(rms(said, startS, endS)).toBeGreaterThan(0.01)
    }
  })

  it('closes the lips where its sound closes', async () => {
    const said = await say('A baby pig, a paper boat, a happy puppy.')
    const closures = said.phones.filter(({ name }) => name === 'b' || name === 'p')
    expect(closures.length).toBeGreaterThanOrEqual(9)
    const vowels = said.phones.filter(({ name }) => /^(?:ah|ax|ey|iy|ih|aa|ae|ow|er)$/.test(name))
    const loud = vowels.reduce((sum, { startS, endS }) => sum + rms(said, startS, endS), 0) / vowels.length
    const gap = ({ startS, endS }: Phone) => {
      const steps = Array.from({ length: Math.floor((endS - startS - 0.02) / 0.005) + 1 }, (_, i) => startS + i * 0.005)
      return Math.min(...steps.map((at) => rms(said, at, at + 0.02)))
    }
    expect(closures.filter((closure) => gap(closure) < loud / 4).length / closures.length).toBeGreaterThan(0.85)
  })

  it('is as long as it is estimated', async () => {
    for (const text of [
      'Hello! I am Anna, a face made by code.',
      'It costs $12.50, or 24 hrs a day.',
      'We met at the old bridge and talked for an hour.',
    ]) {
      const ratio = voice.estimateDurationS(text, 'af_heart', {}) / (await say(text)).seconds
      expect(ratio, text).toBeGreaterThan(0.75)
      expect(ratio, text).toBeLessThan(1.25)
    }
  })

  it('speaks faster where that is asked for', async () => {
    const [normal, fast] = [await say('How are you doing today?'), await say('How are you doing today?', 'af_heart', { speed: 1.5 })]
    expect(fast.seconds).toBeLessThan(normal.seconds * 0.8)
  })

  it('says the same again to the sample, and no voice like another', async () => {
    const [once, again, other] = [await say('One two.'), await say('One two.'), await say('One two.', 'bm_george')]
    expect(again.pcm).toEqual(once.pcm)
    expect(other.pcm).not.toEqual(once.pcm)
  })

  it('begins and ends without a click or a long silence', async () => {
    const said = await say('Fine.')
    expect(Math.abs(said.pcm[0] ?? 1)).toBeLessThan(10)
    expect(Math.abs(said.pcm.at(-1) ?? 1)).toBeLessThan(10)
    expect(rms(said, 0, 0.03)).toBeLessThan(0.01)
    expect(said.words[0]?.startS).toBeLessThan(0.1)
    expect(said.seconds - (said.words[0]?.endS ?? 0)).toBeLessThan(0.5)
  })

  it.each(['🎉', '你好', '...'])('is silent for a moment where nothing can be said: %j', async (text) => {
    const said = await say(text)
    expect(said.seconds).toBeLessThan(0.3)
    expect(said.pcm.every((value) => value === 0)).toBe(true)
  })

  it('says a text that is longer than one run of the network', async () => {
    const text = 'Then she took another step and looked around the corner of the house, '.repeat(9)
    const said = await say(text)
    expect(said.words).toHaveLength(text.trim().split(/\s+/).length)
    expect(said.words.at(-1)?.endS).toBeGreaterThan(25)
  })

  it('tells its voices, one of which is the default', () => {
    expect(VOICES.filter((one) => one.default).map(({ voice_id }) => voice_id)).toEqual([voice.defaultVoiceId])
    expect(new Set(voice.voices.map(({ voice_id }) => voice_id)).size).toBeGreaterThanOrEqual(12)
    expect(voice.shortcoming?.('你好 world')).toContain('only the Latin letters')
  })

  it('stops waiting when it is aborted', async () => {
    const leaving = new AbortController()
    const speech = Array.fromAsync(voice.speak({ text: 'Never mind.', voiceId: 'af_heart', settings: {} }, leaving.signal))
    leaving.abort(new Error('gone'))
    await expect(speech).rejects.toThrow('gone')
  })
})

it('a process that dies is told by name, and another takes over', async () => {
  const workers: { die: () => void }[] = []
  const spawn = (): JobWorker => {
    let reply = (_reply: JobReply) => {}
    let gone = (_cause: Error) => {}
    workers.push({ die: () => gone(new Error('SIGKILL')) })
    return {
      post: ({ id }) => {
        // the second job of the first worker never ends
        if (workers.length === 1 && id > 1) return
        queueMicrotask(() => reply({ id, result: { sound: new Float32Array(24_000), frames: new Float32Array(100) } }))
      },
      onReply: (listener) => {
        reply = listener
        queueMicrotask(() => listener({ ready: true }))
      },
      onGone: (listener) => {
        gone = listener
      },
      setBusy: () => undefined,
      close: async () => undefined,
      kill: async () => undefined,
    }
  }
  const pronouncer = { pronounce: async () => [], close: async () => undefined }
  const frail = await createKokoroVoice({ pronouncer, spawn })
  const failing = Array.fromAsync(frail.speak({ text: 'Yes.', voiceId: 'af_heart', settings: {} }, never))
  await expect.poll(() => workers.length).toBe(1)
  await new Promise((resolve) => setImmediate(resolve))
  workers[0]?.die()
  await expect(failing).rejects.toMatchObject({ code: 'PROVIDER_FAILED', details: { provider: 'kokoro', reason: 'crashed' } })
  await expect.poll(() => workers.length).toBe(2)
  await frail.close()
})
