import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { closeDecoders } from '../../../../origin/codec/audio.ts'
import { MULAW } from '../../../../origin/codec/g711.ts'
import { resample } from '../../../../origin/codec/resample.ts'
import { encodeWav } from '../../../../origin/codec/wav.ts'
import { concatPcm } from '../../../../origin/dsp/pcm.ts'
import { createOpenAiVoice } from '../../../../origin/providers/tts/openai.ts'
import type { SpeechProvider } from '../../../../origin/providers/tts/types.ts'
import { AvatarError } from '../../../../shared/errors.ts'
import { createRig } from '../../../support/fakes/session-fakes.ts'
import { type Exchange, startVendorServer, type VendorServer } from '../../../support/servers/vendor-server.ts'
import { correlation } from '../../../support/signals/compare-sound.ts'
import { encodeAudio } from '../../../support/signals/encode-audio.ts'

const KEY = 'sk-secret-of-the-operator'
/** A second of a rising tone. */
const sound = Int16Array.from({ length: 24_000 }, (_, i) => 12_000 * Math.sin((2 * Math.PI * (200 + i / 60) * i) / 24_000))
const bytesOf = (pcm: Int16Array) => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
const ulaw = (pcm: Int16Array) =>
  Uint8Array.from(pcm, (value) =>
    MULAW.reduce(
      (best, level, byte) => (Math.abs(level - value / 32_768) < Math.abs((MULAW[best] ?? 9) - value / 32_768) ? byte : best),
      0,
    ),
  )
/** By Park and Miller's minimal standard generator. */
const randomBytes = (length: number) => {
  let state = 20_261_129
  return Uint8Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647
    return state >> 12
  })
}
let vendor: VendorServer
let voice: SpeechProvider
beforeAll(async () => {
  vendor = await startVendorServer()
  voice = createOpenAiVoice({ apiKey: KEY, model: 'tts', voice: 'marin', baseUrl: `${vendor.url}/v1` })
})
afterAll(async () => {
  await vendor.close()
  await closeDecoders()
})
afterEach(() => {
  vendor.exchanges.length = 0
})

const answer = (contentType: string | undefined, body: Uint8Array | string, chunkBytes?: number) => async (exchange: Exchange) => {
  exchange.head(200, contentType === undefined ? {} : { 'content-type': contentType })
  await exchange.send(body, chunkBytes)
  exchange.end()
}
const breaksOff = (body: Uint8Array) => async (exchange: Exchange) => {
  exchange.head(200, { 'content-type': 'audio/pcm' })
  await exchange.send(body)
  exchange.breakOff()
}
async function say(): Promise<Int16Array> {
  const parts: Int16Array[] = []
  const request = { text: 'Hello.', voiceId: 'marin', settings: {} }
  for await (const { pcm } of voice.speak(request, new AbortController().signal)) parts.push(pcm)
  return concatPcm(parts)
}

describe('the answer of a voice', () => {
  const at = (rate: number) => resample(sound, 24_000, rate)
  it.each<[string, string | undefined, () => Promise<Uint8Array> | Uint8Array]>([
    ['PCM', 'audio/pcm', () => bytesOf(sound)],
    ['PCM without a type', undefined, () => bytesOf(sound)],
    ['PCM that is called MP3', 'audio/mpeg', () => bytesOf(sound)],
    ['PCM of a rate', 'audio/pcm; rate=16000', () => bytesOf(at(16_000))],
    ['L16', 'audio/L16;rate=44100', () => Buffer.from(bytesOf(at(44_100))).swap16()],
    ['L16 in the other order', 'audio/L16; codec=pcm; rate=22050', () => bytesOf(at(22_050))],
    ['WAV', 'audio/wav', () => encodeWav(sound, 24_000)],
    ['WAV that is called PCM', 'audio/pcm', () => encodeWav(at(44_100), 44_100)],
    ['WAV at 8 kHz', 'application/octet-stream', () => encodeWav(at(8_000), 8_000)],
    ['MP3', 'audio/mpeg', () => encodeAudio(sound, { codec: 'libmp3lame', muxer: 'mp3', sampleRate: 44_100 })],
    ['MP3 that is called PCM', 'audio/pcm', () => encodeAudio(sound, { codec: 'libmp3lame', muxer: 'mp3' })],
    ['Opus', 'audio/ogg', () => encodeAudio(sound, { codec: 'libopus', muxer: 'ogg', sampleRate: 48_000 })],
    ['FLAC', 'audio/flac', () => encodeAudio(sound, { codec: 'flac', muxer: 'flac' })],
    ['AAC', 'audio/aac', () => encodeAudio(sound, { codec: 'aac', muxer: 'adts', sampleRate: 44_100 })],
    ['mu-law', 'audio/basic', () => ulaw(at(8_000))],
  ])('is read as what it is: %s', async (_what, contentType, make) => {
    const body = await make()
    for (const chunkBytes of [undefined, 1_697]) {
      vendor.answer(answer(contentType, body, chunkBytes))
      const said = await say()
      expect(Math.abs(said.length / sound.length - 1)).toBeLessThan(0.08)
      expect(correlation(sound, said)).toBeGreaterThan(0.9)
    }
  })

  it.each<[string, string | undefined, string | Uint8Array, RegExp]>([
    [
      'JSON',
      'application/json',
      JSON.stringify({ error: { message: `The voice is busy, ${KEY}`, type: 'x' } }),
      /"The voice is busy, \[hidden\]"/,
    ],
    [
      'JSON that is called sound',
      'audio/pcm',
      JSON.stringify({ detail: { message: 'quota of the month is used up, ask again later' } }),
      /quota of the month/,
    ],
    ['short JSON without a type', undefined, '{"error":"no"}', /"no"/],
    ['a page', 'text/html', `<html><style>a{}</style><body><h1>502</h1> Bad gateway ${'x'.repeat(9_000)}</body></html>`, /502 Bad gateway/],
    ['words', 'text/plain; charset=utf-8', 'model is loading', /model is loading/],
    ['nothing', 'audio/pcm', '', /without any sound/],
    ['a WAV without samples', 'audio/wav', encodeWav(new Int16Array(0), 24_000), /cannot be used: it has no samples/],
    ['a picture', 'audio/pcm', Buffer.from(`\x89PNG\r\n\x1a\n${'\0'.repeat(90)}`, 'latin1'), /PNG/],
    ['random bytes', 'audio/pcm', randomBytes(20_000), /noise/],
    ['mu-law that is called PCM', 'audio/pcm', ulaw(resample(sound, 24_000, 8_000)), /mu-law/],
  ])('is a named failure where it is %s', async (_what, contentType, body, words) => {
    vendor.answer(answer(contentType, body))
    const error = await say().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AvatarError)
    const { code, message, details } = error as AvatarError
    expect(code).toBe('PROVIDER_FAILED')
    expect(details).toMatchObject({ provider: 'openai', reason: /without any/.test(message) ? 'empty' : 'no_sound' })
    expect(message).toMatch(words)
    expect(message.length).toBeLessThan(600)
    expect(message).not.toContain(KEY)
  })
})

describe('a turn of several clauses', () => {
  const whole = answer('audio/pcm', bytesOf(sound))
  async function turn(...scripts: ((exchange: Exchange) => Promise<void>)[]) {
    vendor.answer(...scripts)
    const rig = createRig({ tts: voice })
    const { task_id } = rig.session.speech.speak({
      session_id: '550e8400-e29b-41d4-a716-446655440000',
      text: 'The first sentence is here. The second one comes after it. The third one ends it all.',
    })
    await rig.runUntil('the end of the task', () => rig.sink.of('speech_finished').length === 1)
    const [{ reason, played_ms } = { reason: '', played_ms: 0 }] = rig.sink.of('speech_finished')
    return { reason, playedMs: played_ms, errors: rig.sink.of('error'), task_id, said: rig.sink.of('chat').map(({ content }) => content) }
  }

  it('says what came of a clause that breaks off, tells it, and says the others', async () => {
    const { reason, playedMs, errors, task_id } = await turn(whole, breaksOff(bytesOf(sound.subarray(0, 12_000))), whole)
    expect(errors).toMatchObject([{ task_id, code: 'PROVIDER_FAILED', details: { provider: 'openai', clause: 1 } }])
    expect(reason).toBe('completed')
    expect(playedMs).toBe(2_500)
  })

  it.each([
    ['the first', [answer('audio/pcm', ''), whole, whole], 0],
    ['the second', [whole, answer('application/json', '{"error":"x"}'), whole], 1],
  ] as const)('leaves out %s where there is no sound of it', async (_which, scripts, clause) => {
    const { reason, playedMs, errors } = await turn(...scripts)
    expect(errors).toMatchObject([{ code: 'PROVIDER_FAILED', details: { clause } }])
    expect(reason).toBe('completed')
    expect(playedMs).toBe(2_000)
  })

  it('fails with its last clause, after what came of it', async () => {
    const { reason, playedMs, errors } = await turn(whole, whole, breaksOff(bytesOf(sound.subarray(0, 12_480))))
    expect(errors).toMatchObject([{ code: 'PROVIDER_FAILED', details: { clause: 2 } }])
    expect(reason).toBe('failed')
    expect(playedMs).toBe(2_520)
  })

  it('fails when one clause after the other does, and is never completed in silence', async () => {
    const { reason, playedMs, errors } = await turn(answer('audio/pcm', ''))
    expect(reason).toBe('failed')
    expect(playedMs).toBe(0)
    expect(errors.map(({ details }) => details?.clause)).toEqual([0, 1])
    expect(vendor.exchanges).toHaveLength(2)
  })
})
