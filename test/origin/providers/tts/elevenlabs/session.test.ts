import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMouthFromText } from '../../../../../origin/lipsync/text-mouth.ts'
import { createElevenLabsVoice } from '../../../../../origin/providers/tts/elevenlabs/index.ts'
import type { SpeechProvider } from '../../../../../origin/providers/tts/types.ts'
import { answersVoices, evenly, timestampedLine } from '../../../../support/fakes/elevenlabs-lines.ts'
import { createRig, type Rig } from '../../../../support/fakes/session-fakes.ts'
import { type Exchange, Gate, pcmBytes, startVendorServer, type VendorServer } from '../../../../support/servers/vendor-server.ts'

const SESSION = '550e8400-e29b-41d4-a716-446655440000'
const say = (text: string) => ({ session_id: SESSION, text })
let vendor: VendorServer
let voice: SpeechProvider
beforeAll(async () => {
  vendor = await startVendorServer(answersVoices)
  voice = await createElevenLabsVoice({ apiKey: 'sk_test', model: 'eleven_flash_v2_5', baseUrl: vendor.url })
})
afterAll(async () => {
  await voice.close()
  await vendor.close()
})
afterEach(() => {
  vendor.exchanges.length = 0
})

const mouthFromText = createMouthFromText({ pronounce: async (words) => words.map(() => ['m', 'aa']), close: async () => undefined })
const rig = () => createRig({ tts: voice, mouthFromText })
const finished = (one: Rig, count = 1) => one.runUntil('the end of the task', () => one.sink.of('speech_finished').length === count)
const secondsOf = ({ sink }: Rig) =>
  sink
    .of('audio')
    .filter(({ format }) => format === 'wav')
    .reduce((sum, { duration }) => sum + duration, 0)
const says = (seconds: number) => async (exchange: Exchange) => {
  exchange.head(200)
  const text = String(exchange.body.text)
  for (let part = 0; part < 4; part++) {
    const characters = evenly(
      text.slice((part * text.length) / 4, ((part + 1) * text.length) / 4),
      (part * seconds) / 4,
      ((part + 1) * seconds) / 4,
    )
    await exchange.send(timestampedLine(pcmBytes(seconds / 4), characters))
  }
  exchange.end()
}

describe('a session that speaks with ElevenLabs', () => {
  it('says every sample of every sentence, once', async () => {
    vendor.answer(says(1.2))
    const one = rig()
    one.session.speech.speak(say('The first sentence is here. And the second one too.'))
    await finished(one)
    expect(secondsOf(one)).toBeCloseTo(2.4, 5)
    expect(one.sink.of('chat').map(({ content }) => content)).toEqual(['The first sentence is here.', 'And the second one too.'])
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: 2400 }])
  })

  it('gives the words of an error that came as a success', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send('{"detail":{"status":"voice_limit","message":"Your voice slots are full."}}\n')
      exchange.end()
    })
    const one = rig()
    one.session.speech.speak(say('Hello.'))
    await finished(one)
    expect(one.sink.of('error')).toMatchObject([{ code: 'PROVIDER_FAILED', details: { provider: 'elevenlabs', clause: 0 } }])
    expect(one.sink.of('error')[0]?.message).toContain('Your voice slots are full.')
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'failed' }])
  })

  it('takes its default voice for one that the account does not have, and says so', async () => {
    vendor.answer(says(0.4))
    const one = rig()
    expect(one.session.speech.speak({ ...say('Hello.'), voice_id: 'nobody' }).warnings?.[0]).toContain('nobody')
    await finished(one)
    expect(vendor.exchanges[0]?.path).toContain('EXAVITQu4vr4xnSDxMaL')
  })

  it('starts to sound before the sentence is complete', async () => {
    const rest = new Gate()
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(1), evenly('Hello there my ', 0, 1)))
      await rest.opened
      await exchange.send(timestampedLine(pcmBytes(0.5), evenly('friend.', 1, 1.5)))
      exchange.end()
    })
    const one = rig()
    one.session.speech.speak(say('Hello there my friend.'))
    await one.runUntil('the first sound', () => one.sink.of('speech_started').length === 1)
    expect(one.sink.of('speech_finished')).toEqual([])
    rest.open()
    await finished(one)
    expect(secondsOf(one)).toBeCloseTo(1.5, 5)
  })

  it('waits for a slow first byte', async () => {
    const first = new Gate()
    vendor.answer(async (exchange) => {
      await first.opened
      await says(0.4)(exchange)
    })
    const one = rig()
    one.session.speech.speak(say('Hello.'))
    await one.run(50)
    expect(one.sink.of('speech_started')).toEqual([])
    first.open()
    await finished(one)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
  })

  it.each(['in the middle of a sentence', 'before its first sound'])('lives on after a failure %s', async (when) => {
    vendor.answer(async (exchange) => {
      if (when === 'before its first sound') return exchange.json(401, { detail: { status: 'invalid_api_key' } })
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(1), evenly('Hello there ', 0, 1)))
      exchange.breakOff()
    }, says(0.4))
    const one = rig()
    const { task_id } = one.session.speech.speak(say('Hello there my friend.'))
    await finished(one)
    expect(one.sink.of('speech_finished')).toMatchObject([{ task_id, reason: 'failed' }])
    expect(one.sink.of('error')).toMatchObject([{ task_id, code: 'PROVIDER_FAILED' }])
    one.session.speech.speak(say('Again.'))
    await finished(one, 2)
    expect(one.sink.of('speech_finished')[1]).toMatchObject({ reason: 'completed', played_ms: 400 })
    expect(one.sink.ended).toBeUndefined()
  })

  it('cancels the request when it is interrupted', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(1), evenly('Hello there my ', 0, 1)))
    }, says(0.4))
    const one = rig()
    one.session.speech.speak(say('Hello there my friend.'))
    await one.runUntil('the first sound', () => one.sink.of('speech_started').length === 1)
    one.session.speech.interrupt()
    await vendor.exchanges[0]?.cancelled
    const heard = one.sink.of('audio').length
    await one.run(5)
    expect(one.sink.of('audio')).toHaveLength(heard)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted' }])
    one.session.speech.speak(say('Again.'))
    await finished(one, 2)
    expect(one.sink.of('speech_finished')[1]).toMatchObject({ reason: 'completed' })
  })

  it('is not disturbed by another one', async () => {
    const hanging = new Gate()
    vendor.answer(async (exchange) => {
      if (exchange.body.text === 'Slow.') await hanging.opened
      await says(exchange.body.text === 'Slow.' ? 0.8 : 0.4)(exchange)
    })
    const [slow, quick] = [rig(), rig()]
    slow.session.speech.speak(say('Slow.'))
    quick.session.speech.speak(say('Quick.'))
    await finished(quick)
    expect(slow.sink.of('speech_started')).toEqual([])
    hanging.open()
    await finished(slow)
    expect([secondsOf(slow), secondsOf(quick)]).toEqual([0.8, 0.4])
  })
})
