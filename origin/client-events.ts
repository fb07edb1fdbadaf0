/** What clients send over the socket: sound to speak, and the user's voice. Acts in order of arrival. */
import { AvatarError, toAvatarError } from '../shared/errors.ts'
import type { OriginEvent } from '../shared/events.ts'
import type { ForwardedEvent } from '../shared/link.ts'
import { SAMPLE_RATE } from '../shared/media.ts'
import { AudioBuffer, toMs } from './audio-buffer.ts'
import { EAR_SAMPLE_RATE } from './codec/opus.ts'
import { createResampler, type Resampler } from './codec/resample.ts'
import type { SpeechControl } from './ears/types.ts'
import type { SessionParts } from './session-parts.ts'
import type { Turn } from './turn.ts'

/** Messages that may wait for the one before them. */
const MAX_PENDING = 64

export type QueuedEvent = Exclude<ForwardedEvent, { type: 'interrupt' }>

export interface ClientEventsOptions {
  sessionId: string
  parts: SessionParts
  emit: (event: OriginEvent, to?: string) => void
  /** @param to who caused it; everyone without */
  sendError: (error: AvatarError, to?: string) => void
  /** Queues the client's sound to be spoken. */
  speakAudio: (pcm: Int16Array) => Turn
  /** What hearing may do to the avatar's speech. */
  speech: SpeechControl
  onListeningChange: () => void
}

export class ClientEvents {
  readonly #options: ClientEventsOptions
  readonly #audioBuffer = new AudioBuffer()
  #heard: Int16Array[] | undefined
  /** From the microphone's rate to the one that is transcribed; undefined before its first sound. */
  #mic: Resampler | undefined
  /** What was heard is as much as one utterance may be. */
  #deaf = false
  #queue: Promise<void> = Promise.resolve()
  #pending = 0

  constructor(options: ClientEventsOptions) {
    this.#options = options
  }

  get listening(): boolean {
    return this.#heard !== undefined
  }

  handle(event: QueuedEvent, clientId: string): void {
    const { sendError } = this.#options
    if (this.#pending >= MAX_PENDING) {
      const message = 'Messages come faster than they can be worked on; this one was left out.'
      sendError(new AvatarError('RATE_LIMITED', message, { type: event.type }), clientId)
      return
    }
    this.#pending += 1
    this.#queue = this.#queue
      .then(() => this.#act(event, clientId))
      .catch((thrown: unknown) => sendError(toAvatarError(thrown), clientId))
      .finally(() => {
        this.#pending -= 1
      })
  }

  /** Sound of the WebRTC microphone, at EAR_SAMPLE_RATE; kept while listening. */
  hear(pcm: Int16Array): void {
    const { parts, sendError } = this.#options
    if (!this.#heard || this.#deaf) return
    this.#mic ??= createResampler(EAR_SAMPLE_RATE, SAMPLE_RATE)
    try {
      parts.appendHeard(this.#heard, this.#mic.push(pcm))
    } catch (thrown) {
      this.#deaf = true
      sendError(toAvatarError(thrown))
    }
  }

  #stopMic(): void {
    this.#mic?.close()
    this.#mic = undefined
    this.#deaf = false
  }

  async #act(event: QueuedEvent, clientId: string): Promise<void> {
    const { sessionId: session_id, parts, emit, speakAudio, onListeningChange } = this.#options
    switch (event.type) {
      case 'audio_buffer_append': {
        const { pcm } = await parts.decodeAudio(event.data)
        this.#audioBuffer.append(pcm)
        const buffered_ms = Math.round(this.#audioBuffer.bufferedMs)
        emit({ type: 'audio_buffer_appended', session_id, buffered_ms, appended_ms: Math.round(toMs(pcm.length)) }, clientId)
        return
      }
      case 'audio_buffer_commit': {
        const duration_ms = Math.round(this.#audioBuffer.bufferedMs)
        if (duration_ms === 0) throw new AvatarError('AUDIO_BUFFER_EMPTY', 'There is nothing to speak: append sound first.')
        const turn = speakAudio(this.#audioBuffer.take())
        emit({ type: 'audio_buffer_committed', session_id, task_id: turn.taskId, duration_ms })
        return
      }
      case 'audio_buffer_clear':
        emit({ type: 'audio_buffer_cleared', session_id, cleared_ms: Math.round(toMs(this.#audioBuffer.take().length)) })
        return
      case 'start_listening':
        parts.requireTranscription()
        this.#heard ??= []
        onListeningChange()
        return
      case 'user_audio_append': {
        if (!this.#heard) throw new AvatarError('INVALID_REQUEST', 'Send start_listening before user_audio_append.')
        parts.appendHeard(this.#heard, (await parts.decodeAudio(event.data)).pcm)
        return
      }
      case 'stop_listening': {
        const heard = this.#heard
        if (!heard) throw new AvatarError('INVALID_REQUEST', 'Nothing is being listened to: send start_listening before stop_listening.')
        this.#heard = undefined
        this.#stopMic()
        onListeningChange()
        const text = heard.length > 0 ? await parts.transcribe(heard) : ''
        if (text !== '') this.#options.speech.answer(text)
        return
      }
    }
  }
}
