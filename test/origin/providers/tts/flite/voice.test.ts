import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFliteVoice } from '../../../../../origin/providers/tts/flite/index.ts'
import type { Phone, SpeechProvider } from '../../../../../origin/providers/tts/types.ts'
import type { JobReply, JobWorker } from '../../../../../origin/workers/job-worker.ts'
import { threadWorker } from '../../../../../origin/workers/job-worker.ts'
import type { VoiceSettings } from '../../../../../shared/api.ts'

const RATE = 24_000
const never = new AbortController().signal
let voice: SpeechProvider
beforeAll(async () => {
  voice = await createFliteVoice()
})
afterAll(() => voice.close())

interface Said {
  pcm: Int16Array
  phones: Phone[]
  seconds: number
}
async function say(
  text: string,
  { voiceId = 'flite_slt', settings = {} }: { voiceId?: string; settings?: VoiceSettings } = {},
): Promise<Said> {
  const pieces = []
  for await (const piece of voice.speak({ text, voiceId, settings }, never)) pieces.push(piece)
  expect(pieces).toHaveLength(1)
  const [{ pcm, phones }] = pieces as [{ pcm: Int16Array; phones: Phone[] }]
  return { pcm, phones, seconds: pcm.length / RATE }
}
/** dBFS of the samples between two times. */
function levelDb({ pcm }: Said, fromS: number, toS: number): number {
  const part = pcm.subarray(Math.round(fromS * RATE), Math.round(toS * RATE))
  return 10 * Math.log10(part.reduce((sum, x) => sum + (x / 32_768) ** 2, 1e-12) / part.length)
}
const peakDb = ({ pcm }: Said) => 20 * Math.log10(pcm.reduce((peak, x) => Math.max(peak, Math.abs(x)), 0) / 32_768)
const names = ({ phones }: Said) => phones.map((phone) => phone.name).join(' ')

describe('embedded voice', () => {
  it.each([
    ['Hello, café!', undefined],
    ['你好', 'nothing in this text'],
    ['🎉', 'nothing in this text'],
    ['你好 world', 'only the Latin letters'],
  ])('says what of %j it cannot speak', (text, expected) => {
    const shortcoming = voice.shortcoming?.(text)
    if (expected === undefined) expect(shortcoming).toBeUndefined()
    else expect(shortcoming).toContain(expected)
  })

  it('says a sentence with its phones', async () => {
    const said = await say('Hello there.')
    expect(names(said)).toBe('pau hh ax l ow dh eh r pau')
    expect(said.seconds).toBeGreaterThan(0.7)
    expect(said.seconds).toBeLessThan(1.5)
  })

  it.each(['flite_slt', 'flite_rms', 'flite_awb', 'flite_kal16'])('has phones of %s cover its sound without gaps', async (voiceId) => {
    const said = await say('My mother bought a map, but Bob kept it.', { voiceId })
    expect(said.phones[0]?.startS).toBe(0)
    expect(said.phones.at(-1)?.endS).toBeCloseTo(said.seconds, 3)
    for (const [i, phone] of said.phones.entries()) {
      expect(phone.endS).toBeGreaterThan(phone.startS)
      if (i > 0) expect(phone.startS).toBeCloseTo(said.phones[i - 1]?.endS ?? Number.NaN, 6)
    }
  })

  it('starts to sound within 60 ms and ends with the pause that the text asks for', async () => {
    const sentence = await say('We are ready.')
    const clause = await say('We are ready,')
    expect(levelDb(sentence, 0.04, 0.1)).toBeGreaterThan(-45)
    expect(levelDb(sentence, sentence.seconds - 0.05, sentence.seconds)).toBeLessThan(-50)
    const pause = ({ phones }: Said) => (phones.at(-1)?.endS ?? 0) - (phones.at(-1)?.startS ?? 0)
    expect(pause(sentence)).toBeGreaterThan(pause(clause))
  })

  it.each(['flite_slt', 'flite_rms', 'flite_awb', 'flite_kal16'])('peaks of %s lie around -3 dBFS and never clip', async (voiceId) => {
    for (const text of ['The quick brown fox jumps over the lazy dog.', 'Please book a table for two.', 'She sells sea shells.']) {
      const peak = peakDb(await say(text, { voiceId }))
      expect(peak).toBeGreaterThan(-6.5)
      expect(peak).toBeLessThan(-1)
    }
  })

  it('keeps its vowels where the phones say, also beyond the old sample rate', async () => {
    const said = await say('Bob.')
    const vowel = said.phones.find((phone) => phone.name === 'aa')
    const closure = said.phones.find((phone) => phone.name === 'b')
    expect(levelDb(said, vowel?.startS ?? 0, vowel?.endS ?? 0)).toBeGreaterThan(
      levelDb(said, closure?.startS ?? 0, closure?.endS ?? 0) + 10,
    )
  })

  it('speaks faster and slower', async () => {
    const text = 'The quick brown fox jumps over the lazy dog.'
    const [slow, normal, fast] = [
      await say(text, { settings: { speed: 0.5 } }),
      await say(text),
      await say(text, { settings: { speed: 2 } }),
    ]
    expect(slow.seconds / normal.seconds).toBeGreaterThan(1.85)
    expect(normal.seconds / fast.seconds).toBeGreaterThan(1.85)
  })

  it('takes its default voice for one that it does not know', async () => {
    expect((await say('Hello.', { voiceId: 'EXAVITQu4vr4xnSDxMaL' })).pcm).toEqual((await say('Hello.')).pcm)
  })

  it.each(['', '😀', '你好，世界', '...'])('is silent for a moment where there is nothing to say: %j', async (text) => {
    const said = await say(text)
    expect(said.seconds).toBeCloseTo(0.12, 3)
    expect(peakDb(said)).toBe(Number.NEGATIVE_INFINITY)
    expect(names(said)).toBe('pau')
  })

  it('speaks text that looks like options', async () => {
    expect(names(await say('-voice kal -o x.wav'))).toContain('v oy s')
    expect(names(await say('-t'))).toContain('t iy')
  })

  it('takes any text', async () => {
    for (const text of [
      'a'.repeat(5000),
      '1'.repeat(300),
      '<speak>&amp;</speak>',
      '%s%n%d',
      '\\x41\\',
      "';--",
      '\ud800 lone',
      '½ × ² ™ №5',
    ]) {
      expect((await say(text)).seconds).toBeGreaterThan(0.1)
    }
  })

  it('leaves the event loop free', async () => {
    let isSaid = false
    const saying = say('We walked along the river this morning, and then we had some breakfast at home.').then(() => {
      isSaid = true
    })
    let turns = 0
    for (; !isSaid; turns++) await turnOfTheLoop()
    await saying
    expect(turns).toBeGreaterThan(3)
  })
})

describe('estimated duration', () => {
  it.each([
    'Good evening, everybody.',
    'I would like to order a coffee and two croissants.',
    'Our support team answers within 24 hours.',
    'Please visit https://docs.example.com/start for more.',
    'The invoice over $79.90 is due on March 15.',
    'No problem at all!',
    'The train to Boston departs at 8:45 from platform 7.',
    'When the rain had stopped, the children ran outside, laughing and shouting.',
    'Photographers appreciate extraordinary atmospheric conditions.',
    'First, plug it in. Second, press the button. Third, wait for the light to turn green.',
    'She was 31 years old, and he was 29.',
    'An avatar is a picture that speaks, listens and looks at you.',
    'It is what it is.',
    'Could you tell me how to get to the nearest station?',
    'We deliver to France, Spain, Italy, Portugal and Greece.',
    'I am afraid that I cannot do that, but here is what I can do instead.',
    'Nobody knew why the old clock in the hall had stopped.',
    'About 75% of our users come back every week.',
    'Thank you for calling. Your call is important to us. Please stay on the line.',
    'The library closes at six, so hurry up!',
    'A short walk does wonders.',
    'My favourite colours are orange and turquoise.',
  ])('is within 25 %% of the speech: %s', async (text) => {
    for (const [voiceId, settings] of [
      ['flite_slt', {}],
      ['flite_rms', {}],
      ['flite_slt', { speed: 1.5 }],
    ] as const) {
      const sentences = text.match(/[^.!?]+(?:[.!?](?!\s|$)[^.!?]*)*[.!?]*\s*/g) ?? [text]
      let seconds = 0
      for (const sentence of sentences) seconds += (await say(sentence, { voiceId, settings })).seconds
      const ratio = voice.estimateDurationS(text, voiceId, settings) / seconds
      expect(ratio, `${voiceId} ${JSON.stringify(settings)}`).toBeGreaterThan(0.75)
      expect(ratio, `${voiceId} ${JSON.stringify(settings)}`).toBeLessThan(1.25)
    }
  })

  it('holds for long and for empty texts', () => {
    expect(voice.estimateDurationS('', 'flite_slt', {})).toBeCloseTo(0.12)
    const one = voice.estimateDurationS('This is one sentence. ', 'flite_slt', {})
    expect(voice.estimateDurationS('This is one sentence. '.repeat(200), 'flite_slt', {})).toBeCloseTo(200 * one, 1)
  })
})

describe('requests to the embedded voice', () => {
  const request = (text: string) => ({ text, voiceId: 'flite_slt', settings: {} })
  const first = async (speech: SpeechProvider, text: string, signal: AbortSignal) => {
    for await (const piece of speech.speak(request(text), signal)) return piece
    throw new Error('no piece came')
  }

  it('rejects with the reason of an abort, queued or running, and then goes on', async () => {
    const gone = new AbortController()
    const running = first(voice, 'This one is being spoken when it is stopped.', gone.signal)
    const queued = first(voice, 'This one waits.', gone.signal)
    const kept = first(voice, 'And this one is wanted.', never)
    gone.abort(new Error('interrupted'))
    await expect(running).rejects.toThrow('interrupted')
    await expect(queued).rejects.toThrow('interrupted')
    expect((await kept).pcm.length).toBeGreaterThan(RATE / 2)
    await expect(first(voice, 'Too late.', gone.signal)).rejects.toThrow('interrupted')
  })

  it('does not run what was aborted while it waited', async () => {
    const ran: unknown[] = []
    const speech = await createFliteVoice({ spawn: () => fakeWorker(ran) })
    const gone = new AbortController()
    const one = first(speech, 'One.', never)
    const two = first(speech, 'Two.', gone.signal)
    gone.abort(new Error('stop'))
    await expect(two).rejects.toThrow('stop')
    await one
    expect(ran).toEqual(['Hello, how are you today?', 'One.'])
    await speech.close()
  })

  it('fails what ran in a thread that died, and starts another', async () => {
    let started = 0
    const workers: JobWorker[] = []
    const speech = await createFliteVoice({
      spawn: () => {
        started++
        const worker = threadWorker(new URL('../../../../../origin/providers/tts/flite/flite-worker.ts', import.meta.url), 'flite')
        workers.push(worker)
        return worker
      },
    })
    const lost = first(speech, 'The thread dies while it says this.', never)
    await workers[0]?.kill()
    await expect(lost).rejects.toMatchObject({ code: 'PROVIDER_FAILED', details: { reason: 'crashed' } })
    expect((await first(speech, 'Back again.', never)).pcm.length).toBeGreaterThan(RATE / 4)
    expect(started).toBe(2)
    await speech.close()
  })

  it('refuses more than its queue holds, and everything once closed', async () => {
    const speech = await createFliteVoice({ spawn: () => fakeWorker([]) })
    const all = await Promise.allSettled(Array.from({ length: 70 }, () => first(speech, 'Go.', never)))
    const refused = all.filter((one) => one.status === 'rejected')
    expect(refused).toHaveLength(70 - 65)
    for (const one of refused) expect(one.reason).toMatchObject({ code: 'PROVIDER_FAILED', details: { reason: 'busy' } })
    await speech.close()
    await expect(first(speech, 'Hello?', never)).rejects.toMatchObject({ code: 'PROVIDER_FAILED' })
  })
})

/** A worker that answers at once with silence and notes what it was asked to say. */
function fakeWorker(ran: unknown[]): JobWorker {
  let reply = (_reply: JobReply) => {}
  return {
    post: ({ id, job }) => {
      ran.push((job as { text: string }).text)
      setImmediate(() => reply({ id, result: { pcm: new Int16Array(240), phones: [] } }))
    },
    onReply: (listener) => {
      reply = listener
    },
    onGone: () => {},
    setBusy: () => {},
    close: async () => {},
    kill: async () => {},
  }
}
