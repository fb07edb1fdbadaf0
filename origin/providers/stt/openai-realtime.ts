/**
 * Live transcription by OpenAI's realtime API over a WebSocket (platform.openai.com/docs/guides/realtime-transcription), and by servers
 * with the same protocol. Our own turn detector decides when an utterance is over and commits it.
 */
import { WebSocket } from 'ws'
import { AvatarError } from '../../../shared/errors.ts'
import { createResampler, type Resampler } from '../../codec/resample.ts'
import { webSocketAgent } from '../../net/proxy.ts'
import { transcriptionFailure } from './openai.ts'
import { STT_SAMPLE_RATE, type Transcriber, type Transcript, type TranscriptionProvider, type TranscriptOptions } from './types.ts'

/** The only rate that the service takes. */
const VENDOR_SAMPLE_RATE = 24_000
const DEFAULT_BASE_URL = 'https://api.openai.com/v1'
const CONNECT_TIMEOUT_MS = 8_000
/** Connections tried for one utterance: one that breaks is replaced once. */
const ATTEMPTS = 2
/** The service's error code for an utterance that is too short to be transcribed. */
const TOO_SHORT = 'input_audio_buffer_commit_empty'

export interface OpenAiLiveOptions {
  apiKey: string
  baseUrl?: string | undefined
  model: string
}

export function createOpenAiLiveTranscription(options: OpenAiLiveOptions): TranscriptionProvider {
  const open = new Set<LiveTranscriber>()
  return {
    name: 'openai-live',
    live: true,
    open: ({ language }) => {
      const transcriber = new LiveTranscriber({ ...options, language, onClose: () => open.delete(transcriber) })
      open.add(transcriber)
      return transcriber
    },
    close: async () => {
      for (const transcriber of open) transcriber.close()
    },
  }
}

interface ServerEvent {
  type: string
  item_id?: string
  delta?: string
  transcript?: string
  error?: { code?: string | null; message?: string; event_id?: string | null }
}

type ConnectionOptions = OpenAiLiveOptions & { language: string | undefined; onClose: () => void }
type UtteranceOptions = TranscriptOptions & { send: (event: Record<string, unknown>) => void; onSettled: () => void }

/** The connection of one session. Utterances are committed in order, and the server confirms them in that order. */
class LiveTranscriber implements Transcriber {
  readonly #options: ConnectionOptions
  #socket: WebSocket | undefined
  #ready: Promise<WebSocket> | undefined
  /** Started and not settled, oldest first. */
  #utterances: LiveUtterance[] = []
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    // opened before the first word; a failure is reported by the utterance that needs the connection
    this.#connect().catch(() => undefined)
  }

  begin(options: TranscriptOptions): Transcript {
    const utterance = new LiveUtterance({
      ...options,
      send: (event) => this.#send(event),
      onSettled: () => {
        this.#utterances = this.#utterances.filter((other) => other !== utterance)
      },
    })
    this.#utterances.push(utterance)
    this.#sendAll(utterance)
    return utterance
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#options.onClose()
    this.#socket?.terminate()
    for (const utterance of [...this.#utterances]) utterance.fail(new DOMException('listening has ended', 'AbortError'))
  }

  /** Sends an utterance's audio from its beginning, on the open connection or a new one. */
  #sendAll(utterance: LiveUtterance): void {
    utterance.attempts += 1
    this.#connect().then(
      () => utterance.start(),
      (thrown: unknown) => this.#retryOrFail(utterance, thrown),
    )
  }

  #retryOrFail(utterance: LiveUtterance, thrown: unknown): void {
    const lost = !(thrown instanceof AvatarError) || thrown.details.status === undefined || Number(thrown.details.status) >= 500
    if (lost && utterance.attempts < ATTEMPTS && !this.#closed) this.#sendAll(utterance)
    else utterance.fail(thrown)
  }

  #connect(): Promise<WebSocket> {
    this.#ready ??= this.#dial()
    return this.#ready
  }

  #dial(): Promise<WebSocket> {
    const { apiKey, baseUrl = DEFAULT_BASE_URL, model, language } = this.#options
    const url = `${baseUrl.replace(/^http/, 'ws').replace(/\/$/, '')}/realtime?intent=transcription`
    const socket = new WebSocket(url, {
      agent: webSocketAgent(url),
      headers: { authorization: `Bearer ${apiKey}` },
      handshakeTimeout: CONNECT_TIMEOUT_MS,
    })
    this.#socket = socket
    return new Promise((resolve, reject) => {
      let status: number | undefined
      let why = 'the connection was closed'
      socket.on('open', () => {
        const transcription = { model, ...(language ? { language } : {}) }
        const input = { format: { type: 'audio/pcm', rate: VENDOR_SAMPLE_RATE }, transcription, turn_detection: null }
        socket.send(JSON.stringify({ type: 'session.update', session: { type: 'transcription', audio: { input } } }))
        resolve(socket)
      })
      socket.on('unexpected-response', (_request, response) => {
        status = response.statusCode
        response.resume()
        socket.terminate()
      })
      socket.on('error', (error) => {
        why = error.message
      })
      socket.on('close', () => {
        const failure = this.#failure(Object.assign(new Error(why), status === undefined ? {} : { status }))
        reject(failure)
        if (this.#socket !== socket) return
        this.#socket = undefined
        this.#ready = undefined
        for (const utterance of this.#utterances.filter(({ started }) => started)) this.#retryOrFail(utterance, failure)
      })
      socket.on('message', (data) => this.#receive(String(data)))
    })
  }

  #send(event: Record<string, unknown>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event))
  }

  #receive(text: string): void {
    const event = parse(text)
    if (!event) return
    const about = this.#utterances.find(({ itemId }) => itemId !== undefined && itemId === event.item_id)
    switch (event.type) {
      case 'input_audio_buffer.committed': {
        const next = this.#utterances.find(({ committed, itemId }) => committed && itemId === undefined)
        if (next) next.itemId = event.item_id
        return
      }
      case 'conversation.item.input_audio_transcription.delta': {
        const heard = about ?? this.#utterances.find(({ itemId, started }) => itemId === undefined && started)
        if (heard) heard.itemId ??= event.item_id
        heard?.add(event.delta ?? '')
        return
      }
      case 'conversation.item.input_audio_transcription.completed':
        about?.complete(event.transcript ?? '')
        return
      case 'conversation.item.input_audio_transcription.failed':
        about?.fail(this.#failure(new Error(event.error?.message ?? 'the transcription failed')))
        return
      case 'error':
        this.#refused(event)
    }
  }

  /** An error is about the utterance whose message it names, else about all that wait. */
  #refused({ error }: ServerEvent): void {
    const named = this.#utterances.filter(({ commitId }) => commitId === error?.event_id)
    for (const utterance of named.length > 0 ? named : this.#utterances.filter(({ committed }) => committed)) {
      if (error?.code === TOO_SHORT) utterance.complete('')
      else utterance.fail(this.#failure(new Error(error?.message ?? 'the request was refused')))
    }
  }

  #failure(thrown: unknown): Error {
    return transcriptionFailure(thrown, 'openai-live', this.#options.apiKey)
  }
}

class LiveUtterance implements Transcript {
  readonly commitId = `commit_${crypto.randomUUID()}`
  itemId: string | undefined
  attempts = 0
  committed = false
  /** Its audio is sent as it arrives. */
  started = false
  readonly #options: UtteranceOptions
  readonly #resampler: Resampler = createResampler(STT_SAMPLE_RATE, VENDOR_SAMPLE_RATE)
  readonly #result = Promise.withResolvers<string>()
  readonly #leave = (): void => this.fail(this.#options.signal.reason)
  /** All of its audio, at the vendor's rate: sent again where the connection breaks. */
  readonly #pieces: Int16Array[] = []
  #text = ''
  #settled = false

  constructor(options: UtteranceOptions) {
    this.#options = options
    // after an abort nobody awaits the result, and its failure must not become an unhandled rejection
    this.#result.promise.catch(() => undefined)
    options.signal.addEventListener('abort', this.#leave, { once: true })
  }

  push(pcm: Int16Array): void {
    if (!this.#settled) this.#append(this.#resampler.push(pcm))
  }

  finish(): Promise<string> {
    if (!this.#settled && !this.committed) {
      this.#append(this.#resampler.flush())
      this.committed = true
      if (this.started) this.#commit()
    }
    return this.#result.promise
  }

  /** Sends what there is, on a new connection. */
  start(): void {
    if (this.#settled) return
    this.started = true
    this.itemId = undefined
    this.#text = ''
    for (const piece of this.#pieces) this.#sendSound(piece)
    if (this.committed) this.#commit()
  }

  add(delta: string): void {
    if (this.#settled || delta === '') return
    this.#text += delta
    this.#options.onPartial(this.#text.trim())
  }

  complete(transcript: string): void {
    this.#settle()
    this.#result.resolve(transcript.trim())
  }

  fail(thrown: unknown): void {
    // audio of an utterance that failed before its commit must not become part of the next
    if (this.started && !this.committed && !this.#settled) this.#options.send({ type: 'input_audio_buffer.clear' })
    this.#settle()
    this.#result.reject(thrown)
  }

  #append(pcm: Int16Array): void {
    if (pcm.length === 0) return
    this.#pieces.push(pcm)
    if (this.started) this.#sendSound(pcm)
  }

  #sendSound(pcm: Int16Array): void {
    const audio = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString('base64')
    this.#options.send({ type: 'input_audio_buffer.append', audio })
  }

  #commit(): void {
    this.#options.send({ type: 'input_audio_buffer.commit', event_id: this.commitId })
  }

  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    this.#options.signal.removeEventListener('abort', this.#leave)
    this.#resampler.close()
    this.#options.onSettled()
  }
}

function parse(text: string): ServerEvent | undefined {
  try {
    const event: unknown = JSON.parse(text)
    return typeof event === 'object' && event !== null && 'type' in event ? (event as ServerEvent) : undefined
  } catch {
    // what is no JSON is no event
    return undefined
  }
}
