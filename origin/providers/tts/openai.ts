/** TTS by OpenAI's speech endpoint, or a compatible server: one request a clause, asked for as PCM and streamed in whatever comes. */
import type OpenAI from 'openai'
import type { VoiceInfo, VoiceSettings } from '../../../shared/api.ts'
import { createOpenAiClient, openAiFailure } from '../openai-client.ts'
import { streamFromVendor } from '../vendor-stream.ts'
import { Pace } from './speaking-rate.ts'
import type { SpeechPiece, SpeechProvider, SpeechRequest } from './types.ts'
import { VendorAudio } from './vendor-audio.ts'

/** The built-in voices of OpenAI. */
const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'fable', 'marin', 'nova', 'onyx', 'sage', 'shimmer', 'verse', 'cedar']

export interface OpenAiSpeechOptions {
  apiKey: string
  baseUrl?: string | undefined
  model: string
  /** The default voice; one that OpenAI does not have belongs to another server. */
  voice: string
  firstByteTimeoutMs?: number | undefined
  stallTimeoutMs?: number | undefined
}

class OpenAiSpeech implements SpeechProvider {
  readonly name = 'openai'
  readonly voices: readonly VoiceInfo[]
  readonly defaultVoiceId: string
  readonly #client: OpenAI
  readonly #options: OpenAiSpeechOptions
  readonly #pace = new Pace()
  readonly #closed = new AbortController()

  constructor(options: OpenAiSpeechOptions) {
    this.#options = options
    this.#client = createOpenAiClient(options)
    this.defaultVoiceId = options.voice
    this.voices = [...new Set([options.voice, ...VOICES])].map((id) => ({
      voice_id: id,
      name: id.charAt(0).toUpperCase() + id.slice(1),
      provider: 'openai',
      language: 'multi',
      default: id === options.voice,
    }))
  }

  async *speak({ text, voiceId, settings }: SpeechRequest, signal: AbortSignal): AsyncGenerator<SpeechPiece> {
    const { apiKey, model, firstByteTimeoutMs, stallTimeoutMs } = this.#options
    signal.throwIfAborted()
    const speed = speedOf(settings)
    const request = { model, voice: voiceId, input: text, response_format: 'pcm', ...(speed === 1 ? {} : { speed }) } as const
    let contentType: string | null = null
    const chunks = streamFromVendor<Uint8Array>({
      provider: this.name,
      open: async (both) => {
        const { body, headers } = await this.#client.audio.speech.create(request, { signal: both, maxRetries: 0 })
        if (!body) throw new Error('The answer has no body.')
        contentType = headers.get('content-type')
        return body
      },
      failure: (thrown) => openAiFailure(thrown, { apiKey, notFound: 'OPENAI_TTS_MODEL, OPENAI_TTS_VOICE and OPENAI_TTS_BASE_URL' }),
      signal: AbortSignal.any([signal, this.#closed.signal]),
      firstByteTimeoutMs,
      stallTimeoutMs,
    })
    const audio = new VendorAudio({ provider: this.name, key: apiKey })
    try {
      for await (const bytes of chunks) for (const pcm of await audio.push(bytes, contentType)) yield { pcm }
      const rest = await audio.finish()
      this.#pace.learn(text, voiceId, speed, audio.receivedSamples)
      for (const pcm of rest) yield { pcm }
    } catch (thrown) {
      signal.throwIfAborted()
      // what came is said
      for (const pcm of await audio.salvage()) yield { pcm }
      throw thrown
    } finally {
      audio.close()
    }
  }

  estimateDurationS(text: string, voiceId: string, settings: VoiceSettings): number {
    return this.#pace.estimateS(text, voiceId, speedOf(settings))
  }

  async close(): Promise<void> {
    this.#closed.abort(new DOMException('the voice was closed', 'AbortError'))
  }
}

function speedOf({ speed = 1 }: VoiceSettings): number {
  return Math.min(2, Math.max(0.5, speed))
}

export function createOpenAiVoice(options: OpenAiSpeechOptions): SpeechProvider {
  return new OpenAiSpeech(options)
}
