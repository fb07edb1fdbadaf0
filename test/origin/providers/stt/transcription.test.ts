/** Recognisers against local servers that speak the vendors' protocols. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { parseWav } from '../../../../origin/codec/wav.ts'
import { chooseStt } from '../../../../origin/providers/stt/choose.ts'
import { createOpenAiTranscription } from '../../../../origin/providers/stt/openai.ts'
import { createOpenAiLiveTranscription } from '../../../../origin/providers/stt/openai-realtime.ts'
import { createSherpaTranscription, type SherpaModule } from '../../../../origin/providers/stt/sherpa.ts'
import type { Transcript, TranscriptionProvider } from '../../../../origin/providers/stt/types.ts'
import {
  type RealtimeLine,
  type RealtimeMessage,
  type RealtimeServer,
  startRealtimeServer,
} from '../../../support/servers/realtime-server.ts'

const KEY = 'sk-secret-of-the-test'
const SECOND = new Int16Array(16_000).fill(1000)

function begin(
  provider: TranscriptionProvider,
  signal = new AbortController().signal,
): { transcript: Transcript; partials: string[]; close: () => void } {
  const partials: string[] = []
  const transcriber = provider.open({ language: 'en' })
  return { transcript: transcriber.begin({ signal, onPartial: (text) => partials.push(text) }), partials, close: () => transcriber.close() }
}

describe('whole utterances', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  /** @param answer undefined: never */
  async function serve(
    answer: { status: number; body: unknown } | undefined,
  ): Promise<{ url: string; forms: FormData[]; gone: () => number }> {
    const forms: FormData[] = []
    let gone = 0
    server = createServer((request, response) => {
      response.on('close', () => {
        if (!response.writableFinished) gone += 1
      })
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const type = request.headers['content-type'] ?? ''
        void new Response(Buffer.concat(parts), { headers: { 'content-type': type } }).formData().then((form) => {
          forms.push(form)
          if (answer) response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
        })
      })
    })
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, forms, gone: () => gone }
  }

  it('goes over as one WAV of 16 kHz, with model and language', async () => {
    const { url, forms } = await serve({ status: 200, body: { text: ' What time is it? ' } })
    const { transcript } = begin(createOpenAiTranscription({ apiKey: KEY, baseUrl: url, model: 'listens-well' }))
    transcript.push(SECOND)
    transcript.push(SECOND)
    expect(await transcript.finish()).toBe('What time is it?')
    expect([forms[0]?.get('model'), forms[0]?.get('language')]).toEqual(['listens-well', 'en'])
    const file = forms[0]?.get('file')
    if (!(file instanceof File)) throw new Error('no file came')
    const wav = parseWav(new Uint8Array(await file.arrayBuffer()))
    expect([wav.sampleRate, wav.channels, wav.frames]).toEqual([16_000, 1, 32_000])
  })

  it('says what to set when the key is refused, without the key', async () => {
    const { url } = await serve({ status: 401, body: { error: { message: `bad key ${KEY}` } } })
    const { transcript } = begin(createOpenAiTranscription({ apiKey: KEY, baseUrl: url, model: 'm' }))
    transcript.push(SECOND)
    const failure: unknown = await transcript.finish().catch((thrown: unknown) => thrown)
    expect(failure).toMatchObject({ code: 'PROVIDER_FAILED', message: expect.stringContaining('STT_API_KEY') })
    expect(String((failure as Error).cause)).not.toContain(KEY)
  })

  it('cancels its request when nobody waits any more', async () => {
    const { url, forms, gone } = await serve(undefined)
    const abort = new AbortController()
    const { transcript } = begin(createOpenAiTranscription({ apiKey: KEY, baseUrl: url, model: 'm' }), abort.signal)
    transcript.push(SECOND)
    const text = transcript.finish()
    await expect.poll(() => forms).toHaveLength(1)
    abort.abort(new DOMException('enough', 'AbortError'))
    await expect(text).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => gone()).toBe(1)
  })
})

describe('while the user speaks', () => {
  let server: RealtimeServer | undefined
  let provider: TranscriptionProvider | undefined
  afterEach(async () => {
    await provider?.close()
    await server?.close()
  })

  async function connect(onMessage: (line: RealtimeLine, message: RealtimeMessage) => void = () => undefined): Promise<RealtimeServer> {
    server = await startRealtimeServer(onMessage)
    provider = createOpenAiLiveTranscription({ apiKey: KEY, baseUrl: server.url, model: 'live-model' })
    return server
  }
  const open = (signal?: AbortSignal): ReturnType<typeof begin> => {
    if (!provider) throw new Error('no provider')
    return begin(provider, signal)
  }

  it('sends sound as it comes, commits at the end, and gives words as they come', async () => {
    const { lines } = await connect((line, { type }) => {
      if (type !== 'input_audio_buffer.commit') return
      const item = line.committed()
      line.delta(item, 'What ')
      line.delta(item, 'time?')
      line.completed(item, 'What time is it?')
    })
    const { transcript, partials } = open()
    transcript.push(SECOND)
    await expect.poll(() => lines[0]?.samples).toBeGreaterThan(20_000)
    expect(lines[0]?.messages.map(({ type }) => type)).not.toContain('input_audio_buffer.commit')
    expect(await transcript.finish()).toBe('What time is it?')
    expect(partials).toEqual(['What', 'What time?'])
    // one second, at the vendor's rate
    expect(Math.abs((lines[0]?.samples ?? 0) - 24_000)).toBeLessThan(100)
    expect(lines[0]).toMatchObject({ url: '/v1/realtime?intent=transcription', authorization: `Bearer ${KEY}` })
    expect(lines[0]?.messages[0]).toMatchObject({
      type: 'session.update',
      session: {
        type: 'transcription',
        audio: {
          input: {
            format: { type: 'audio/pcm', rate: 24_000 },
            transcription: { model: 'live-model', language: 'en' },
            turn_detection: null,
          },
        },
      },
    })
  })

  it('gives words that come before the commit to what is being said', async () => {
    const { lines } = await connect((line, { type }) => {
      if (type === 'input_audio_buffer.commit') {
        line.send({ type: 'input_audio_buffer.committed', item_id: 'early' })
        line.completed('early', 'Early bird.')
      }
    })
    const { transcript, partials } = open()
    transcript.push(SECOND)
    await expect.poll(() => lines[0]?.samples).toBeGreaterThan(0)
    lines[0]?.delta('early', 'Early')
    await expect.poll(() => partials).toEqual(['Early'])
    expect(await transcript.finish()).toBe('Early bird.')
  })

  it('keeps two utterances apart, in whatever order their texts come', async () => {
    const items: string[] = []
    const { lines } = await connect((line, { type }) => {
      if (type === 'input_audio_buffer.commit') items.push(line.committed())
      if (items.length === 2 && type === 'input_audio_buffer.commit') {
        line.completed(items[1] ?? '', 'second')
        line.completed(items[0] ?? '', 'first')
      }
    })
    const transcriber = provider?.open({ language: undefined })
    const options = { signal: new AbortController().signal, onPartial: () => undefined }
    const first = transcriber?.begin(options)
    first?.push(SECOND)
    const firstText = first?.finish()
    await expect.poll(() => items).toHaveLength(1)
    const second = transcriber?.begin(options)
    second?.push(SECOND)
    expect(await Promise.all([firstText, second?.finish()])).toEqual(['first', 'second'])
    expect(lines).toHaveLength(1)
  })

  it('says all of it again on another line when one breaks, once', async () => {
    const { lines } = await connect((line, { type }) => {
      if (type !== 'input_audio_buffer.commit') return
      if (lines.length === 1) line.breakOff()
      else line.completed(line.committed(), 'At last.')
    })
    const { transcript } = open()
    transcript.push(SECOND)
    expect(await transcript.finish()).toBe('At last.')
    expect(lines).toHaveLength(2)
    expect(Math.abs((lines[1]?.samples ?? 0) - 24_000)).toBeLessThan(100)
  })

  it('fails when every line breaks, and works again with the next utterance', async () => {
    let broken = true
    await connect((line, { type }) => {
      if (type !== 'input_audio_buffer.commit') return
      if (broken) line.breakOff()
      else line.completed(line.committed(), 'Works.')
    })
    const { transcript } = open()
    transcript.push(SECOND)
    await expect(transcript.finish()).rejects.toMatchObject({ code: 'PROVIDER_FAILED' })
    broken = false
    const next = open()
    next.transcript.push(SECOND)
    expect(await next.transcript.finish()).toBe('Works.')
  })

  it('says what to set when the key is refused', async () => {
    const refusing = await connect()
    refusing.refuse = 401
    const { transcript } = open()
    transcript.push(SECOND)
    await expect(transcript.finish()).rejects.toMatchObject({ code: 'PROVIDER_FAILED', message: expect.stringContaining('STT_API_KEY') })
  })

  it('fails an utterance that the service could not read', async () => {
    await connect((line, { type }) => {
      if (type !== 'input_audio_buffer.commit') return
      const item_id = line.committed()
      line.send({ type: 'conversation.item.input_audio_transcription.failed', item_id, error: { message: 'unreadable' } })
    })
    const { transcript } = open()
    transcript.push(SECOND)
    await expect(transcript.finish()).rejects.toMatchObject({ code: 'PROVIDER_FAILED' })
  })

  it('takes an utterance too short to be heard for an empty one', async () => {
    await connect((line, { type, event_id }) => {
      if (type === 'input_audio_buffer.commit') line.send({ type: 'error', error: { code: 'input_audio_buffer_commit_empty', event_id } })
    })
    const { transcript } = open()
    transcript.push(new Int16Array(160))
    expect(await transcript.finish()).toBe('')
  })

  it('takes back the sound of an utterance that nobody waits for', async () => {
    const { lines } = await connect()
    const abort = new AbortController()
    const { transcript } = open(abort.signal)
    transcript.push(SECOND)
    await expect.poll(() => lines[0]?.samples).toBeGreaterThan(0)
    abort.abort(new DOMException('enough', 'AbortError'))
    await expect(transcript.finish()).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => lines[0]?.messages.at(-1)?.type).toBe('input_audio_buffer.clear')
  })
})

describe('on this machine', () => {
  const folder = (...files: string[]): string => {
    const dir = mkdtempSync(join(tmpdir(), 'model-'))
    for (const file of files) writeFileSync(join(dir, file), '')
    return dir
  }

  it('reads what kind of model a folder holds, and gives it the sound', async () => {
    const configs: Record<string, unknown>[] = []
    let samples = 0
    const engine: SherpaModule = {
      OfflineRecognizer: {
        createAsync: async (config) => {
          configs.push(config.modelConfig as Record<string, unknown>)
          return {
            createStream: () => ({
              acceptWaveform: (sound) => {
                samples += sound.samples.length
              },
            }),
            decodeAsync: async () => ({ text: ' heard here ' }),
          }
        },
      },
    }
    const load = async (): Promise<SherpaModule> => engine
    const whisper = folder('tiny-encoder.int8.onnx', 'tiny-encoder.onnx', 'tiny-decoder.int8.onnx', 'tiny-tokens.txt')
    const { transcript } = begin(await createSherpaTranscription({ modelDir: whisper, load }))
    transcript.push(SECOND)
    expect(await transcript.finish()).toBe('heard here')
    expect(samples).toBe(16_000)
    const transducer = folder('encoder.onnx', 'decoder.onnx', 'joiner.onnx', 'tokens.txt')
    const moonshine = folder('preprocess.onnx', 'encode.int8.onnx', 'uncached_decode.int8.onnx', 'cached_decode.int8.onnx', 'tokens.txt')
    const sense = folder('model.int8.onnx', 'tokens.txt')
    for (const modelDir of [transducer, moonshine, sense]) await createSherpaTranscription({ modelDir, load })
    expect(configs).toMatchObject([
      { whisper: { encoder: join(whisper, 'tiny-encoder.int8.onnx') }, tokens: join(whisper, 'tiny-tokens.txt') },
      { transducer: { joiner: join(transducer, 'joiner.onnx') } },
      { moonshine: { encoder: join(moonshine, 'encode.int8.onnx'), cachedDecoder: join(moonshine, 'cached_decode.int8.onnx') } },
      { senseVoice: { model: join(sense, 'model.int8.onnx') } },
    ])
  })

  it('says what is missing: a model, or the package', async () => {
    await expect(createSherpaTranscription({ modelDir: folder() })).rejects.toThrow('tokens.txt is missing')
    await expect(createSherpaTranscription({ modelDir: folder('tokens.txt') })).rejects.toThrow('no model of a known kind')
    await expect(createSherpaTranscription({ modelDir: '/nowhere' })).rejects.toThrow('there is no such folder')
  })
})

describe('who hears', () => {
  it('follows from what is configured', async () => {
    const name = async (env: Parameters<typeof chooseStt>[0]): Promise<string | undefined> => (await chooseStt(env))?.name
    expect(await name({})).toBeUndefined()
    expect(await name({ OPENAI_API_KEY: KEY })).toBe('openai')
    expect(await name({ STT_BASE_URL: 'http://127.0.0.1:1/v1' })).toBe('openai')
    expect(await name({ STT_API_KEY: KEY, STT_PROVIDER: 'openai-live' })).toBe('openai-live')
    await expect(chooseStt({ STT_PROVIDER: 'openai-live' })).rejects.toThrow('STT_API_KEY')
    await expect(chooseStt({ STT_PROVIDER: 'sherpa' })).rejects.toThrow('SHERPA_MODEL_DIR')
  })
})
