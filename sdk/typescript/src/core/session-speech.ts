/** What a session can be asked to say. */
import type { Cue, InterruptResponse, SpeakRequest, SpeakResponse } from '../../../../shared/api.ts'
import { type AudioSource, audioPieces, type RawFormat } from './audio-pieces.ts'
import { type ChatInput, type ChatOptions, type ChatResult, chatStream } from './chat.ts'
import type { SessionConnection } from './session-connection.ts'
import type { SpeechTask } from './speech-tasks.ts'
import { abortable } from './wait.ts'

/** Codes of `error` events that answer a message about sound. */
const AUDIO_CODES = [
  'AUDIO_PROCESSING_ERROR',
  'AUDIO_BUFFER_FULL',
  'AUDIO_BUFFER_EMPTY',
  'PAYLOAD_TOO_LARGE',
  'INVALID_REQUEST',
  'RATE_LIMITED',
]

/** A cue; what has a default may be left out. */
export type CueOptions = Cue extends infer Each
  ? Each extends { duration_ms: number }
    ? Omit<Each, 'duration_ms'> & { duration_ms?: number }
    : Each
  : never

export interface SpeakOptions extends Partial<Pick<SpeakRequest, 'voice_id' | 'voice_settings' | 'emotion' | 'mode'>> {
  /** What the face does at moments of the speech. */
  cues?: readonly CueOptions[]
  signal?: AbortSignal
}

export class SessionSpeech {
  readonly #connection: SessionConnection

  constructor(connection: SessionConnection) {
    this.#connection = connection
  }

  /** Says the text. @throws AvatarError */
  async speak(text: string, { signal, ...options }: SpeakOptions = {}): Promise<SpeechTask & SpeakResponse> {
    const body = { session_id: this.#connection.session_id, text, ...options }
    this.#announce(options.mode)
    const response = await this.#connection.http.json<SpeakResponse>('/avatar.speak', { body, signal })
    return this.#connection.tasks.task(response, () => this.#connection.requireOpen())
  }

  /** Answers aloud; resolves with the text of the reply once it is written. @throws AvatarError */
  async chat(input: ChatInput, options: ChatOptions = {}): Promise<string> {
    let reply = ''
    for await (const piece of this.chatStream(input, options)) reply += piece
    return reply
  }

  /** Yields the reply while it is being written. @throws AvatarError, CONNECTION_FAILED when the reply breaks off */
  chatStream(input: ChatInput, options: ChatOptions = {}): AsyncGenerator<string, ChatResult> {
    this.#announce(options.mode)
    return chatStream({ http: this.#connection.http, session_id: this.#connection.session_id, input, options })
  }

  /** Stops the speech at once; answers what was heard of it. @throws AvatarError */
  async interrupt({ signal }: { signal?: AbortSignal } = {}): Promise<Omit<InterruptResponse, 'status'>> {
    this.#connection.emitter.emit('interrupting', { type: 'interrupting', next: false })
    if (this.#connection.state !== 'open') {
      const body = { session_id: this.#connection.session_id }
      return await this.#connection.http.json<InterruptResponse>('/streaming.interrupt', { body, signal, repeatable: true })
    }
    this.#connection.socket.send({ type: 'interrupt' })
    const { task_id, played_ms, spoken_text, dropped_ms } = await this.#connection.waitFor('interrupted', { signal })
    return { task_id, played_ms, spoken_text, dropped_ms }
  }

  /** Sends the sound piece by piece, each once the one before was taken, and has it spoken. @throws AvatarError */
  async speakAudio(
    source: AudioSource,
    { signal, ...format }: RawFormat & { signal?: AbortSignal } = {},
  ): Promise<SpeechTask & { duration_ms: number }> {
    this.#connection.requireOpen()
    try {
      for await (const data of abortable(audioPieces(source, format), signal)) {
        this.#connection.socket.send({ type: 'audio_buffer_append', data })
        await this.#connection.events.answer('audio_buffer_appended', { codes: AUDIO_CODES, signal })
      }
      this.#connection.socket.send({ type: 'audio_buffer_commit' })
      const { task_id = '', duration_ms } = await this.#connection.events.answer('audio_buffer_committed', { codes: AUDIO_CODES, signal })
      return this.#connection.tasks.task({ task_id, duration_ms }, () => this.#connection.requireOpen())
    } catch (error) {
      // what was appended must not be spoken with the next sound
      if (this.#connection.state === 'open') this.#connection.socket.send({ type: 'audio_buffer_clear' })
      throw error
    }
  }

  /** A task that takes the floor silences what plays here at once. */
  #announce(mode: SpeakOptions['mode']): void {
    if (mode === 'interrupt') this.#connection.emitter.emit('interrupting', { type: 'interrupting', next: true })
  }
}
