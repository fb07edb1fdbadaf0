import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createElevenLabsVoice, type ElevenLabsOptions } from '../../../../../origin/providers/tts/elevenlabs/index.ts'
import type { SpeechPiece, SpeechProvider } from '../../../../../origin/providers/tts/types.ts'
import { AvatarError } from '../../../../../shared/errors.ts'
import { answersVoices, evenly, timestampedLine } from '../../../../support/fakes/elevenlabs-lines.ts'
import { type Exchange, Gate, pcmBytes, startVendorServer, type VendorServer } from '../../../../support/servers/vendor-server.ts'

const KEY = 'sk_secret_of_the_operator'
const SARAH = 'EXAVITQu4vr4xnSDxMaL'
let vendor: VendorServer
let voice: SpeechProvider
const extra: SpeechProvider[] = []
const create = async (options: Partial<ElevenLabsOptions> = {}) => {
  const made = await createElevenLabsVoice({ apiKey: KEY, model: 'eleven_flash_v2_5', baseUrl: vendor.url, ...options })
  extra.push(made)
  return made
}

beforeAll(async () => {
  vendor = await startVendorServer(answersVoices)
  voice = await createElevenLabsVoice({ apiKey: KEY, model: 'eleven_flash_v2_5', baseUrl: vendor.url })
})
afterAll(async () => {
  await voice.close()
  await vendor.close()
})
afterEach(async () => {
  vi.useRealTimers()
  vendor.exchanges.length = 0
  await Promise.all(extra.splice(0).map((one) => one.close()))
})

const never = new AbortController().signal
const ask = (text: string, settings = {}, voiceId = SARAH) => ({ text, voiceId, settings })
async function all(pieces: AsyncIterable<SpeechPiece>): Promise<{ samples: number; pcm: number[]; text: string; pieces: SpeechPiece[] }> {
  const list: SpeechPiece[] = []
  for await (const piece of pieces) list.push(piece)
  const pcm = list.flatMap((piece) => [...piece.pcm])
  return {
    samples: pcm.length,
    pcm,
    pieces: list,
    text: list
      .flatMap((piece) => piece.characters ?? [])
      .map(({ text }) => text)
      .join(''),
  }
}
const failureOf = async (speech: SpeechProvider): Promise<AvatarError> => {
  const thrown = await all(speech.speak(ask('Hello.'), never)).catch((error: unknown) => error)
  if (!(thrown instanceof AvatarError)) throw new Error(`no AvatarError: ${String(thrown)}`)
  return thrown
}
const says = (seconds: number) => async (exchange: Exchange) => {
  exchange.head(200, { 'content-type': 'application/json' })
  await exchange.send(timestampedLine(pcmBytes(seconds), evenly('Hello.', 0, seconds)))
  exchange.end()
}

describe('a clause by ElevenLabs', () => {
  it('is asked for as the API documents it', async () => {
    vendor.answer(says(0.3))
    const settings = { stability: 0.5, similarity_boost: 0.7, style: 0.1, use_speaker_boost: true, speed: 2 }
    await all(voice.speak(ask('Hello.', settings, 'voice_of_ours'), never))
    const [request] = vendor.exchanges
    expect(request?.method).toBe('POST')
    expect(request?.path).toBe('/v1/text-to-speech/voice_of_ours/stream/with-timestamps')
    expect(request?.query.get('output_format')).toBe('pcm_24000')
    expect(request?.headers['xi-api-key']).toBe(KEY)
    expect(request?.body).toEqual({ text: 'Hello.', model_id: 'eleven_flash_v2_5', voice_settings: { ...settings, speed: 1.2 } })
  })

  it.each([1, 7, 1000, 100_000])('has every sample and character, however the bytes are cut: %i', async (chunkBytes) => {
    const pcm = pcmBytes(chunkBytes < 10 ? 0.05 : 1.2)
    vendor.answer(async (exchange) => {
      exchange.head(200)
      // Odd lengths: a sample may be cut between two lines. The last line has no end.
      const cut = Math.round(pcm.length / 2) | 1
      await exchange.send(timestampedLine(pcm.subarray(0, cut), evenly('Héllo ', 0, 0.5)), chunkBytes)
      await exchange.send(`\n${timestampedLine(pcm.subarray(cut), evenly('you.', 0.6, 1.2)).trimEnd()}`, chunkBytes)
      exchange.end()
    })
    const { pcm: heard, text } = await all(voice.speak(ask('Héllo you.'), never))
    expect(heard).toEqual([...new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2)])
    expect(text).toBe('Héllo you.')
  })

  it('sounds before the last byte was sent', async () => {
    const rest = new Gate()
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(0.4), evenly('Hello', 0, 0.4)))
      await rest.opened
      await exchange.send(timestampedLine(pcmBytes(0.4)))
      exchange.end()
    })
    const pieces = voice.speak(ask('Hello.'), never)[Symbol.asyncIterator]()
    const first = await pieces.next()
    expect(first.value.pcm.length).toBe(2_400)
    expect(first.value.characters.map(({ text }: { text: string }) => text).join('')).toBe('Hello')
    rest.open()
    let samples = first.value.pcm.length
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) samples += next.value.pcm.length
    expect(samples).toBe(0.8 * 24_000)
  })

  it('takes lines in the spelling of the sockets, without alignment and without sound', async () => {
    const inMs = { chars: ['H', 'i'], charStartTimesMs: [0, 100], charDurationsMs: [100, 150] }
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(`${JSON.stringify({ audioBase64: pcmBytes(0.3).toString('base64'), normalizedAlignment: inMs })}\n`)
      await exchange.send(`${JSON.stringify({ audio_base64: pcmBytes(0.1).toString('base64'), alignment: null })}\n`)
      await exchange.send(
        `${JSON.stringify({ audio_base64: null, alignment: { characters: ['!'], character_start_times_seconds: [] } })}\n`,
      )
      exchange.end()
    })
    const { samples, pieces } = await all(voice.speak(ask('Hi!'), never))
    expect(samples).toBe(0.4 * 24_000)
    expect(pieces.flatMap(({ characters = [] }) => characters)).toEqual([
      { text: 'H', startS: 0, endS: 0.1 },
      { text: 'i', startS: 0.1, endS: 0.25 },
    ])
  })

  it('prefers the normalized text', async () => {
    const pcm = pcmBytes(0.5).toString('base64')
    const line = (written: string) => {
      const times = evenly(written, 0, 0.5)
      return {
        characters: times.map(({ text }) => text),
        character_start_times_seconds: times.map(({ startS }) => startS),
        character_end_times_seconds: times.map(({ endS }) => endS),
      }
    }
    vendor.answer(async (exchange) => {
      exchange.head(200)
      exchange.end(`${JSON.stringify({ audio_base64: pcm, alignment: line('42'), normalized_alignment: line('forty two') })}\n`)
    })
    expect((await all(voice.speak(ask('42'), never))).text).toBe('forty two')
  })

  it('learns how long its voices take', async () => {
    const own = await create()
    vendor.answer(says(2))
    const before = own.estimateDurationS('Hello.', SARAH, {})
    await all(own.speak(ask('Hello.'), never))
    expect(own.estimateDurationS('Hello.', SARAH, {})).toBe(before)
    vendor.answer(says(0.8))
    await all(own.speak(ask('Hello.'), never))
    expect(own.estimateDurationS('Hello.', SARAH, {})).toBeCloseTo(0.8, 5)
    expect(own.estimateDurationS('Hello.', SARAH, { speed: 1.2 })).toBeCloseTo(0.8 / 1.2, 5)
  })
})

describe('stopping ElevenLabs', () => {
  it.each(['before the headers', 'after the headers', 'in the sound'])('closes the connection %s', async (when) => {
    const reached = new Gate()
    vendor.answer(async (exchange) => {
      if (when !== 'before the headers') exchange.head(200)
      if (when === 'in the sound') await exchange.send(timestampedLine(pcmBytes(0.5)))
      reached.open()
    })
    const turn = new AbortController()
    const speaking = all(voice.speak(ask('Hello.'), turn.signal))
    const ended = expect(speaking).rejects.toThrow('interrupted')
    await reached.opened
    turn.abort(new Error('interrupted'))
    await ended
    await vendor.exchanges[0]?.cancelled
  })

  it('closes the connection when the listener leaves without a word', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(0.5)))
    })
    for await (const piece of voice.speak(ask('Hello.'), never)) {
      expect(piece.pcm.length).toBeGreaterThan(0)
      break
    }
    await vendor.exchanges[0]?.cancelled
  })

  it('sends no request for a turn that is over', async () => {
    await expect(all(voice.speak(ask('Hello.'), AbortSignal.abort(new Error('over'))))).rejects.toThrow('over')
    expect(vendor.exchanges).toHaveLength(0)
  })

  it('ends what is being said when the voice is closed', async () => {
    const own = await create()
    vendor.answer((exchange) => exchange.head(200))
    const speaking = expect(all(own.speak(ask('Hello.'), never))).rejects.toThrow('closed')
    await own.close()
    await speaking
  })
})

describe('failures of ElevenLabs', () => {
  it.each([
    [401, { detail: { status: 'invalid_api_key', message: `bad key ${KEY}` } }, 'ELEVENLABS_API_KEY was refused', 1],
    [401, { detail: { status: 'quota_exceeded', message: 'none left' } }, 'quota or credit is used up', 1],
    [404, { detail: { status: 'voice_not_found', message: 'no' } }, SARAH, 1],
    [422, { detail: [{ msg: 'bad', type: 'x', loc: [] }] }, 'ELEVENLABS_MODEL', 1],
    [429, { detail: { status: 'too_many_concurrent_requests' } }, 'try again later', 2],
    [500, 'no json', 'try again', 2],
  ])('%i says what to do', async (status, body, words, tries) => {
    vendor.answer((exchange) => exchange.json(status, body))
    const error = await failureOf(voice)
    expect(error).toMatchObject({ code: 'PROVIDER_FAILED', details: { provider: 'elevenlabs', status } })
    expect(error.message).toContain(words)
    expect(vendor.exchanges).toHaveLength(tries)
    expect(JSON.stringify([error.message, error.details, String(error.cause), { ...(error.cause as Error) }])).not.toContain(KEY)
    expect((error.cause as Error).stack).not.toContain(KEY)
  })

  it('is tried once more when the vendor is busy for a moment', async () => {
    vendor.answer((exchange) => exchange.json(429, {}, { 'retry-after': '0.05' }), says(0.4))
    expect((await all(voice.speak(ask('Hello.'), never))).samples).toBe(0.4 * 24_000)
    expect(vendor.exchanges).toHaveLength(2)
  })

  it('does not wait as long as a vendor may ask for', async () => {
    const own = await create({ firstByteTimeoutMs: 100 })
    vendor.answer((exchange) => exchange.json(503, {}, { 'retry-after': '3600' }))
    expect((await failureOf(own)).details).toMatchObject({ reason: 'timeout' })
  })

  it('does not say again what was begun: an answer that breaks off fails', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(0.5)))
      exchange.breakOff()
    })
    expect((await failureOf(voice)).code).toBe('PROVIDER_FAILED')
    expect(vendor.exchanges).toHaveLength(1)
  })

  it.each(['{"audio_base64": "AAAA"', 'null\n', '<html>busy</html>\n'])('fails over an answer that is something else: %j', async (text) => {
    vendor.answer((exchange) => {
      exchange.head(200)
      exchange.end(text)
    })
    expect((await failureOf(voice)).code).toBe('PROVIDER_FAILED')
  })

  it.each(['before the first byte', 'in the middle'])('gives up on an answer that hangs %s', async (when) => {
    const own = await create({ firstByteTimeoutMs: 400, stallTimeoutMs: 100 })
    vendor.answer(async (exchange) => {
      exchange.head(200)
      if (when === 'in the middle') await exchange.send(timestampedLine(pcmBytes(0.5)))
    })
    expect(await failureOf(own)).toMatchObject({ code: 'PROVIDER_FAILED', details: { reason: 'timeout' } })
    await vendor.exchanges[0]?.cancelled
  })

  it('does not count the time that the listener takes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(0.2)))
      await exchange.send(timestampedLine(pcmBytes(0.2)))
      exchange.end()
    })
    let samples = 0
    for await (const { pcm } of voice.speak(ask('Hello.'), never)) {
      samples += pcm.length
      // longer than the vendor may take
      vi.advanceTimersByTime(20_000)
    }
    expect(samples).toBe(0.4 * 24_000)
  })

  it('cannot be reached: says so', async () => {
    const own = await create({ baseUrl: 'http://127.0.0.1:9' })
    expect((await failureOf(own)).message).toContain('could not be reached')
  })
})

describe('voices of ElevenLabs', () => {
  it('are those of the account, the documented one first', () => {
    expect(voice.voices).toEqual([
      { voice_id: SARAH, name: 'Sarah', provider: 'elevenlabs', language: 'en', default: true },
      { voice_id: 'voice_of_ours', name: 'Ours', provider: 'elevenlabs', language: 'de', default: false },
    ])
  })

  it.each(['a refusal', 'no connection'])('is the documented one alone after %s', async (what) => {
    const refusing = await startVendorServer()
    refusing.answer((exchange) => (what === 'a refusal' ? exchange.json(401, {}) : exchange.breakOff()))
    const own = await create({ baseUrl: refusing.url })
    expect(own.voices.map(({ voice_id }) => voice_id)).toEqual([SARAH])
    await refusing.close()
  })
})

describe('two clauses of ElevenLabs at once', () => {
  it('keep to themselves', async () => {
    const gate = new Gate()
    vendor.answer(async (exchange) => {
      const seconds = exchange.body.text === 'Long.' ? 1 : 0.5
      exchange.head(200)
      await exchange.send(timestampedLine(pcmBytes(seconds / 2), evenly(String(exchange.body.text), 0, seconds)))
      await gate.opened
      await exchange.send(timestampedLine(pcmBytes(seconds / 2)))
      exchange.end()
    })
    const both = Promise.all([all(voice.speak(ask('Long.'), never)), all(voice.speak(ask('Short'), never))])
    gate.open()
    const [long, short] = await both
    expect([long.samples, long.text]).toEqual([24_000, 'Long.'])
    expect([short.samples, short.text]).toEqual([12_000, 'Short'])
  })
})
