/** One session: what can be asked of it. */
import type {
  Cue,
  IceCandidateRequest,
  InterruptResponse,
  KeepAliveResponse,
  SpeakRequest,
  SpeakResponse,
  StartSessionResponse,
  StopSessionResponse,
} from '../../../../shared/api.ts'
import type { AudioData } from '../../../../shared/events.ts'
import type { ListenMode } from '../../../../shared/turn-detection.ts'
import { type AudioSource, audioPieces, type RawFormat } from './audio-pieces.ts'
import { type ChatInput, type ChatOptions, type ChatResult, chatStream } from './chat.ts'
import { AvatarError } from './errors.ts'
import { Listening, type SourceListenOptions } from './listening.ts'
import type { ConnectOptions } from './options.ts'
import { SessionConnection, type SessionSetup } from './session-connection.ts'
import type { EventOf } from './session-events.ts'
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
const LISTEN_CODES = ['STT_UNAVAILABLE', 'PROVIDER_FAILED', 'INVALID_REQUEST', 'ORIGIN_UNAVAILABLE']
/** Who speaks does not say that it listens too: a refusal would have come within this time, ms. */
const REFUSED_WITHIN_MS = 2_000
/** Voice that may wait in the socket's buffer before further voice is left out, bytes: about 5 s. */
const MAX_BACKLOG_BYTES = 320_000

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

export class BaseSession extends SessionConnection {
  readonly #owned: boolean

  /** @internal made by AvatarClient */
  constructor(setup: SessionSetup) {
    super(setup)
    this.#owned = setup.owned
  }

  /** Says the text. @throws AvatarError */
  async speak(text: string, { signal, ...options }: SpeakOptions = {}): Promise<SpeechTask & SpeakResponse> {
    const body = { session_id: this.session_id, text, ...options }
    this.#announce(options.mode)
    const response = await this.http.json<SpeakResponse>('/avatar.speak', { body, signal })
    return this.tasks.task(response, () => this.requireOpen())
  }

  /** Answers aloud; resolves with the text of the reply once it is written. @throws AvatarError */
  async chat(input: ChatInput, options: ChatOptions = {}): Promise<string> {
    let reply = ''
    for await (const piece of this.chatStream(input, options)) reply += piece
    return reply
  }

  /**
   * Answers aloud, and yields the reply while it is being written; what it came to is the generator's return value. Leaving the
   * loop early stops it.
   *
   * @throws AvatarError, CONNECTION_FAILED when the reply breaks off
   */
  chatStream(input: ChatInput, options: ChatOptions = {}): AsyncGenerator<string, ChatResult> {
    this.#announce(options.mode)
    return chatStream({ http: this.http, session_id: this.session_id, input, options })
  }

  /** Stops the speech at once; answers what was heard of it. @throws AvatarError */
  async interrupt({ signal }: { signal?: AbortSignal } = {}): Promise<Omit<InterruptResponse, 'status'>> {
    this.emitter.emit('interrupting', { type: 'interrupting', next: false })
    if (this.connection !== 'open') {
      const body = { session_id: this.session_id }
      return await this.http.json<InterruptResponse>('/streaming.interrupt', { body, signal, repeatable: true })
    }
    this.socket.send({ type: 'interrupt' })
    const { task_id, played_ms, spoken_text, dropped_ms } = await this.waitFor('interrupted', { signal })
    return { task_id, played_ms, spoken_text, dropped_ms }
  }

  /**
   * Lets the avatar speak this sound: a file (WAV, MP3, Ogg, WebM, FLAC), raw samples, or a stream of raw samples, which is sent as
   * it comes; at most 60 s. It is spoken once all of it is there.
   *
   * @throws AvatarError
   */
  async speakAudio(
    source: AudioSource,
    { signal, ...format }: RawFormat & { signal?: AbortSignal } = {},
  ): Promise<SpeechTask & { duration_ms: number }> {
    this.requireOpen()
    try {
      for await (const data of abortable(audioPieces(source, format), signal)) {
        this.socket.send({ type: 'audio_buffer_append', data })
        await this.events.answer('audio_buffer_appended', { codes: AUDIO_CODES, signal })
      }
      this.socket.send({ type: 'audio_buffer_commit' })
      const { task_id = '', duration_ms } = await this.events.answer('audio_buffer_committed', { codes: AUDIO_CODES, signal })
      return this.tasks.task({ task_id, duration_ms }, () => this.requireOpen())
    } catch (error) {
      // what was appended must not be spoken with the next sound
      if (this.connection === 'open') this.socket.send({ type: 'audio_buffer_clear' })
      throw error
    }
  }

  /**
   * Hears the user: sound of a source, as it comes.
   *
   * @throws AvatarError STT_UNAVAILABLE where nothing recognises speech
   */
  async listen(options: SourceListenOptions): Promise<Listening> {
    const listening = new Listening(this, options)
    await listening.start(options.signal)
    void listening.read(options)
    return listening
  }

  /** Opens the user's ear; connects if that was not done. `listen()` does that too. @throws AvatarError STT_UNAVAILABLE where nothing recognises speech */
  async startListening({ mode, signal }: { mode?: ListenMode; signal?: AbortSignal } = {}): Promise<void> {
    await this.whenOpen(signal)
    this.socket.send({ type: 'start_listening', ...(mode ? { data: { mode } } : {}) })
    try {
      const where = ({ status }: EventOf<'status'>): boolean => status === 'listening'
      await this.events.answer('status', { codes: LISTEN_CODES, signal, where, timeoutMs: REFUSED_WITHIN_MS })
    } catch (error) {
      if (!(error instanceof AvatarError && error.code === 'TIMEOUT')) throw error
    }
  }

  /** Closes the user's ear; what was heard is answered. @throws AvatarError NOT_CONNECTED */
  stopListening(): void {
    this.socket.send({ type: 'stop_listening' })
  }

  /** The user's voice, while listening. @throws AvatarError */
  async appendUserAudio(source: AudioSource, { signal, ...format }: RawFormat & { signal?: AbortSignal } = {}): Promise<void> {
    for await (const data of abortable(audioPieces(source, format), signal)) this.socket.send({ type: 'user_audio_append', data })
  }

  /** @internal One piece of it; left out while the connection is away or far behind. */
  sendUserAudio(data: AudioData): void {
    if (this.connection === 'open' && this.socket.backlogBytes < MAX_BACKLOG_BYTES) this.socket.send({ type: 'user_audio_append', data })
  }

  /** Offers a WebRTC connection (`streaming.start`); answers with the SDP of the answer. `startStream()` does all of it. @throws AvatarError */
  async start(sdp: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    const body = { session_id: this.session_id, sdp: { type: 'offer', sdp } }
    const answer = await this.http.json<StartSessionResponse>('/streaming.start', { body, signal, maxRetries: 0 })
    return answer.sdp.sdp
  }

  /** A candidate that was found after the offer (`streaming.ice`). @throws AvatarError */
  async addIceCandidate(candidate: IceCandidateRequest['candidate'], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.http.json('/streaming.ice', { body: { session_id: this.session_id, candidate }, signal, repeatable: true })
  }

  /** @internal Asks the socket for other media from now on. */
  reopen(options: ConnectOptions): void {
    this.socket.reopen(options)
  }

  /** Starts the idle time anew. @throws AvatarError */
  async keepAlive({ signal }: { signal?: AbortSignal } = {}): Promise<KeepAliveResponse> {
    return await this.http.json('/streaming.keep_alive', { body: { session_id: this.session_id }, signal, repeatable: true })
  }

  /** Ends the session for everyone. @throws AvatarError */
  async stop({ signal }: { signal?: AbortSignal } = {}): Promise<StopSessionResponse> {
    return await this.http.json('/streaming.stop', { body: { session_id: this.session_id }, signal, repeatable: true })
  }

  /**
   * Closes the connection. A session that was created here ends with it; one that was attached by its token goes on for the others.
   *
   * @param options.stop whether to end the session; by default only if it was created here
   */
  async disconnect({ stop = this.#owned, signal }: { stop?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    this.socket.close()
    if (!stop || this.ended) return
    try {
      await this.stop({ ...(signal ? { signal } : {}) })
    } catch (error) {
      // over already: that is what was asked for
      if (!(error instanceof AvatarError && error.code === 'SESSION_NOT_FOUND')) throw error
    }
  }

  /** A task that takes the floor silences what plays here at once. */
  #announce(mode: SpeakOptions['mode']): void {
    if (mode === 'interrupt') this.emitter.emit('interrupting', { type: 'interrupting', next: true })
  }
}
