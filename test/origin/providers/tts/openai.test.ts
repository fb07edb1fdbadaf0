import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createOpenAiVoice, type OpenAiSpeechOptions } from '../../../../origin/providers/tts/openai.ts'
import type { SpeechPiece, SpeechProvider } from '../../../../origin/providers/tts/types.ts'
import { AvatarError } from '../../../../shared/errors.ts'
import { Gate, pcmBytes, startVendorServer, type VendorServer } from '../../../support/servers/vendor-server.ts'

const KEY = 'sk-secret-of-the-operator'
let vendor: VendorServer
let voice: SpeechProvider
const create = (options: Partial<OpenAiSpeechOptions> = {}) =>
  createOpenAiVoice({ apiKey: KEY, model: 'gpt-4o-mini-tts', voice: 'marin', baseUrl: `${vendor.url}/v1`, ...options })

beforeAll(async () => {
  vendor = await startVendorServer()
  voice = create()
})
afterAll(() => vendor.close())
afterEach(() => {
  vi.useRealTimers()
  vendor.exchanges.length = 0
})

const never = new AbortController().signal
const ask = (text: string, settings = {}, voiceId = 'marin') => ({ text, voiceId, settings })
async function samplesOf(pieces: AsyncIterable<SpeechPiece>): Promise<number[]> {
  const samples: number[] = []
  for await (const { pcm } of pieces) samples.push(...pcm)
  return samples
}
const failureOf = async (speech: SpeechProvider): Promise<AvatarError> => {
  const thrown = await samplesOf(speech.speak(ask('Hello.'), never)).catch((error: unknown) => error)
  if (!(thrown instanceof AvatarError)) throw new Error(`no AvatarError: ${String(thrown)}`)
  return thrown
}

describe('a clause by an OpenAI-compatible server', () => {
  it('is asked for as PCM, with the voice and its speed', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200, { 'content-type': 'audio/pcm' })
      await exchange.send(pcmBytes(0.2))
      exchange.end()
    })
    await samplesOf(voice.speak(ask('Hello.', { speed: 1.5, stability: 0.5 }, 'nova'), never))
    await samplesOf(voice.speak(ask('Hello.'), never))
    const [first, second] = vendor.exchanges
    expect(first?.path).toBe('/v1/audio/speech')
    expect(first?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(first?.body).toEqual({ model: 'gpt-4o-mini-tts', voice: 'nova', input: 'Hello.', response_format: 'pcm', speed: 1.5 })
    expect(second?.body).toEqual({ model: 'gpt-4o-mini-tts', voice: 'marin', input: 'Hello.', response_format: 'pcm' })
  })

  it.each([1, 999, 48_000])('has every sample, however the bytes are cut: %i', async (chunkBytes) => {
    const pcm = pcmBytes(chunkBytes === 1 ? 0.05 : 1.1)
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(pcm, chunkBytes)
      exchange.end()
    })
    expect(await samplesOf(voice.speak(ask('Hello.'), never))).toEqual([...new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2)])
  })

  it('sounds before the last byte was sent', async () => {
    const rest = new Gate()
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(pcmBytes(0.3))
      await rest.opened
      exchange.end()
    })
    const pieces = voice.speak(ask('Hello.'), never)[Symbol.asyncIterator]()
    expect((await pieces.next()).value.pcm.length).toBe(2_400)
    rest.open()
    await pieces.return?.(undefined)
  })

  it('waits for a first byte that is slow', async () => {
    const asked = new Gate()
    const first = new Gate()
    vendor.answer(async (exchange) => {
      exchange.head(200)
      asked.open()
      await first.opened
      await exchange.send(pcmBytes(0.2))
      exchange.end()
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const said = samplesOf(voice.speak(ask('Hello.'), never))
    await asked.opened
    await vi.advanceTimersByTimeAsync(5_000)
    vi.useRealTimers()
    first.open()
    expect(await said).toHaveLength(4_800)
  })
})

describe('stopping an OpenAI-compatible voice', () => {
  it.each(['before the headers', 'in the sound'])('closes the connection %s', async (when) => {
    const reached = new Gate()
    vendor.answer(async (exchange) => {
      if (when === 'in the sound') {
        exchange.head(200)
        await exchange.send(pcmBytes(0.5))
      }
      reached.open()
    })
    const turn = new AbortController()
    const ended = expect(samplesOf(voice.speak(ask('Hello.'), turn.signal))).rejects.toThrow('interrupted')
    await reached.opened
    turn.abort(new Error('interrupted'))
    await ended
    await vendor.exchanges[0]?.cancelled
  })
})

describe('failures of an OpenAI-compatible voice', () => {
  it.each([
    [401, 'OPENAI_API_KEY was refused', 1],
    [404, 'OPENAI_TTS_MODEL', 1],
    [400, 'OPENAI_TTS_VOICE', 1],
    [429, 'try again later', 2],
    [500, 'try again', 2],
  ])('%i says what to do', async (status, words, tries) => {
    vendor.answer((exchange) => exchange.json(status, { error: { message: `no: ${KEY}`, code: 'x' } }))
    const error = await failureOf(voice)
    expect(error).toMatchObject({ code: 'PROVIDER_FAILED', details: { provider: 'openai', status } })
    expect(error.message).toContain(words)
    expect(vendor.exchanges).toHaveLength(tries)
    expect(JSON.stringify([error.message, error.details, String(error.cause), { ...(error.cause as Error) }])).not.toContain(KEY)
  })

  it('fails when the sound breaks off', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(pcmBytes(0.5))
      exchange.breakOff()
    })
    expect((await failureOf(voice)).code).toBe('PROVIDER_FAILED')
    expect(vendor.exchanges).toHaveLength(1)
  })

  it('gives up on a server that hangs', async () => {
    vendor.answer(() => undefined)
    expect((await failureOf(create({ firstByteTimeoutMs: 80 }))).details).toMatchObject({ reason: 'timeout' })
    await vendor.exchanges[0]?.cancelled
  })
})

describe('voices of an OpenAI-compatible server', () => {
  it('are those of the API, and the one that the operator names', () => {
    expect(voice.voices.filter((one) => one.default).map(({ voice_id }) => voice_id)).toEqual(['marin'])
    expect(voice.voices).toHaveLength(13)
    const other = create({ voice: 'af_bella' })
    expect(other.defaultVoiceId).toBe('af_bella')
    expect(other.voices[0]).toMatchObject({ voice_id: 'af_bella', default: true })
    expect(other.voices).toHaveLength(14)
  })
})
