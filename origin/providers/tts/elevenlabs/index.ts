/** TTS by ElevenLabs: one request a clause, streamed as PCM with the times of its characters. */
import type { ElevenLabs, ElevenLabsClient } from '@elevenlabs/elevenlabs-js'
import type { VoiceInfo, VoiceSettings } from '../../../../shared/api.ts'
import { SAMPLE_RATE } from '../../../../shared/media.ts'
import { log } from '../../../log.ts'
import { statusOf, type VendorHints, vendorFailure } from '../../vendor-failure.ts'
import { streamFromVendor } from '../../vendor-stream.ts'
import { Pace } from '../speaking-rate.ts'
import type { CharacterTime, SpeechPiece, SpeechProvider, SpeechRequest } from '../types.ts'
import { VendorAudio, type VendorAudioOptions } from '../vendor-audio.ts'
import { CharacterClock } from './character-clock.ts'
import { tolerantLines } from './tolerant-lines.ts'

const ELEVENLABS_URL = 'https://api.elevenlabs.io'
/** "Sarah", the voice of the API reference; every account has it. */
const DEFAULT_VOICE: VoiceInfo = {
  voice_id: 'EXAVITQu4vr4xnSDxMaL',
  name: 'Sarah',
  provider: 'elevenlabs',
  language: 'en',
  default: true,
}
/** What the vendor accepts; beyond it the request would be refused. */
const SPEED = { min: 0.7, max: 1.2 }
/** ms that the start of the process waits for the list of voices, and until it is asked for again when it failed. */
const VOICES_TIMEOUT_MS = 3_000
const VOICES_RETRY_MS = [5_000, 30_000, 120_000, 600_000]
/** The most that the vendor gives at once. */
const VOICES_PAGE = 100

export interface ElevenLabsOptions {
  apiKey: string
  model: string
  baseUrl?: string | undefined
  /** Called with every text when its request is sent. */
  onText?: (text: string) => void
  firstByteTimeoutMs?: number | undefined
  stallTimeoutMs?: number | undefined
}

class ElevenLabsSpeech implements SpeechProvider {
  readonly name = 'elevenlabs'
  readonly defaultVoiceId = DEFAULT_VOICE.voice_id
  readonly #client: ElevenLabsClient
  readonly #options: ElevenLabsOptions
  readonly #pace = new Pace()
  readonly #closed = new AbortController()
  #voices: readonly VoiceInfo[] = [DEFAULT_VOICE]
  #retryTimer: NodeJS.Timeout | undefined

  constructor(client: ElevenLabsClient, options: ElevenLabsOptions) {
    this.#client = client
    this.#options = options
  }

  get voices(): readonly VoiceInfo[] {
    return this.#voices
  }

  async *speak({ text, voiceId, settings }: SpeechRequest, signal: AbortSignal): AsyncGenerator<SpeechPiece> {
    const { model, onText, firstByteTimeoutMs, stallTimeoutMs } = this.#options
    signal.throwIfAborted()
    onText?.(text)
    const request = { text, modelId: model, outputFormat: 'pcm_24000', voiceSettings: voiceSettingsOf(settings) } as const
    const chunks = streamFromVendor({
      provider: this.name,
      // The package would wait without regard to the signal before it tries again.
      open: (both) => this.#client.textToSpeech.streamWithTimestamps(voiceId, request, { abortSignal: both, maxRetries: 0 }),
      failure: (thrown) => vendorFailure(thrown, this.#hints(voiceId), reasonOf(thrown)),
      signal: AbortSignal.any([signal, this.#closed.signal]),
      firstByteTimeoutMs,
      stallTimeoutMs,
    })
    const audio = new VendorAudio({ provider: this.name, key: this.#options.apiKey })
    const clock = new CharacterClock()
    let characters: CharacterTime[] = []
    const toPiece = (pcm: Int16Array): SpeechPiece => {
      const piece = { pcm, ...(characters.length > 0 ? { characters } : {}) }
      characters = []
      return piece
    }
    try {
      for await (const chunk of chunks) {
        const alignment = chunk.normalizedAlignment ?? chunk.alignment
        if (alignment) characters.push(...clock.place(alignment, audio.receivedSamples / SAMPLE_RATE))
        for (const pcm of await audio.push(Buffer.from(chunk.audioBase64, 'base64'))) yield toPiece(pcm)
      }
      const rest = await audio.finish()
      this.#pace.learn(text, voiceId, speedOf(settings), audio.receivedSamples)
      for (const pcm of rest) yield toPiece(pcm)
    } catch (thrown) {
      signal.throwIfAborted()
      // what came is said
      for (const pcm of await audio.salvage()) yield toPiece(pcm)
      throw thrown
    } finally {
      audio.close()
    }
  }

  estimateDurationS(text: string, voiceId: string, settings: VoiceSettings): number {
    return this.#pace.estimateS(text, voiceId, speedOf(settings))
  }

  async close(): Promise<void> {
    clearTimeout(this.#retryTimer)
    this.#closed.abort(new DOMException('the voice was closed', 'AbortError'))
  }

  /** Asks for the account's voices; without them only the default is known, and they are asked for again later. */
  async loadVoices(attempt = 0): Promise<void> {
    const signal = AbortSignal.any([AbortSignal.timeout(VOICES_TIMEOUT_MS), this.#closed.signal])
    try {
      const { voices } = await this.#client.voices.search({ pageSize: VOICES_PAGE }, { abortSignal: signal, maxRetries: 0 })
      const others = voices.map(toVoiceInfo).filter(({ voice_id }) => voice_id !== DEFAULT_VOICE.voice_id)
      const ours = voices.find(({ voiceId }) => voiceId === DEFAULT_VOICE.voice_id)
      this.#voices = [ours ? { ...toVoiceInfo(ours), default: true } : DEFAULT_VOICE, ...others]
    } catch (thrown) {
      if (this.#closed.signal.aborted) return
      const error = vendorFailure(thrown, this.#hints('ELEVENLABS_BASE_URL'), reasonOf(thrown))
      log.warn({ detail: error.message, err: error.cause }, 'the list of ElevenLabs voices did not come; only the default voice is known')
      const retryMs = VOICES_RETRY_MS[attempt]
      if (retryMs !== undefined) this.#retryTimer = setTimeout(() => void this.loadVoices(attempt + 1), retryMs).unref()
    }
  }

  #hints(notFound: string): VendorHints {
    return {
      provider: this.name,
      keyVariable: 'ELEVENLABS_API_KEY',
      key: this.#options.apiKey,
      notFound: `voice_id ${JSON.stringify(notFound)} and ELEVENLABS_MODEL`,
    }
  }
}

function speedOf({ speed = 1 }: VoiceSettings): number {
  return Math.min(SPEED.max, Math.max(SPEED.min, speed))
}

function voiceSettingsOf(settings: VoiceSettings): ElevenLabs.VoiceSettings {
  const { stability, similarity_boost: similarityBoost, style, use_speaker_boost: useSpeakerBoost } = settings
  return {
    ...(stability === undefined ? {} : { stability }),
    ...(similarityBoost === undefined ? {} : { similarityBoost }),
    ...(style === undefined ? {} : { style }),
    ...(useSpeakerBoost === undefined ? {} : { useSpeakerBoost }),
    ...(settings.speed === undefined ? {} : { speed: speedOf(settings) }),
  }
}

function toVoiceInfo({ voiceId, name, labels }: ElevenLabs.Voice): VoiceInfo {
  return { voice_id: voiceId, name: name ?? voiceId, provider: 'elevenlabs', language: labels?.language ?? 'multi', default: false }
}

/** The vendor's error code: a used-up quota comes as 401, like a wrong key. */
function reasonOf(thrown: unknown): string | undefined {
  if (statusOf(thrown) === undefined || typeof thrown !== 'object' || thrown === null || !('body' in thrown)) return undefined
  const detail = (thrown.body as { detail?: { status?: unknown } } | undefined)?.detail
  return typeof detail?.status === 'string' ? detail.status : undefined
}

/**
 * The package is loaded here and nowhere else: it takes a second. Waits a little for the account's voices, so that the edge gets
 * them with the first connection.
 */
export async function createElevenLabsVoice(options: ElevenLabsOptions): Promise<SpeechProvider> {
  const { ElevenLabsClient } = await import('@elevenlabs/elevenlabs-js')
  const client = new ElevenLabsClient({
    apiKey: options.apiKey,
    baseUrl: options.baseUrl ?? ELEVENLABS_URL,
    fetch: fetchTolerantly({ provider: 'elevenlabs', key: options.apiKey }),
  })
  const speech = new ElevenLabsSpeech(client, options)
  await speech.loadVoices()
  return speech
}

const fetchTolerantly =
  (options: VendorAudioOptions): typeof fetch =>
  async (input, init) => {
    const response = await fetch(input, init)
    const timestamped = response.ok && response.body && new URL(response.url).pathname.endsWith('/with-timestamps')
    if (!timestamped) return response
    return new Response(response.body.pipeThrough(tolerantLines(options)), { status: response.status, headers: response.headers })
  }
