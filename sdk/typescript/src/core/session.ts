/** One session: its socket, its calls, its events. */
import type {
  Cue,
  IceCandidateRequest,
  IceServer,
  InterruptResponse,
  KeepAliveResponse,
  SessionLimits,
  SpeakRequest,
  SpeakResponse,
  StartSessionResponse,
  StopSessionResponse,
} from '../../../../shared/api.ts'
import type { AudioData, ServerEvent } from '../../../../shared/events.ts'
import type { ListenMode } from '../../../../shared/turn-detection.ts'
import { type AudioSource, audioPieces, type RawFormat } from './audio-pieces.ts'
import { type ChatInput, type ChatOptions, type ChatResult, chatStream } from './chat.ts'
import { Emitter, type Handler } from './emitter.ts'
import { AvatarError, avatarError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import { EventWaiter, type WaitOptions } from './event-waiter.ts'
import type { Http } from './http.ts'
import { Listening, type SourceListenOptions } from './listening.ts'
import type { ConnectOptions, Logger } from './options.ts'
import { type EventOf, eventOfBinary, mediaOfBinary, mediaOfEvent, type SessionEventMap } from './session-events.ts'
import { type ConnectionState, SessionSocket, type SessionSocketOptions } from './socket.ts'
import { type SpeechTask, SpeechTasks } from './speech-tasks.ts'

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

/** A session as `streaming.new` answers it; a token alone is enough to come back to one. */
export interface SessionFacts {
  session_id: string
  access_token: string
  ice_servers: IceServer[]
  limits: SessionLimits | undefined
  warnings: string[]
}

export interface SessionSetup {
  facts: SessionFacts
  /** With the session's own token. */
  http: Http
  socket: Pick<SessionSocketOptions, 'url' | 'WebSocket' | 'logger' | 'reconnectForMs'>
  /** Made here, and so ended by `disconnect()`. */
  owned: boolean
}

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

export class Session implements AsyncIterable<ServerEvent> {
  readonly session_id: string
  /** Opens and drives this session only; a browser may hold it. */
  readonly access_token: string
  readonly ice_servers: readonly IceServer[]
  /** Undefined where only the token was known. */
  readonly limits: SessionLimits | undefined
  /** What the server adjusted when the session was created, in words. */
  readonly warnings: readonly string[]
  readonly #http: Http
  readonly #logger: Logger
  readonly #owned: boolean
  readonly #socket: SessionSocket
  readonly #emitter: Emitter<SessionEventMap>
  readonly #tasks = new SpeechTasks()
  readonly #events: EventWaiter
  #ended: EventOf<'session_ended'> | undefined

  /** @internal made by AvatarClient */
  constructor({ facts, http, socket, owned }: SessionSetup) {
    this.session_id = facts.session_id
    this.access_token = facts.access_token
    this.ice_servers = facts.ice_servers
    this.limits = facts.limits
    this.warnings = facts.warnings
    this.#http = http
    this.#logger = socket.logger
    this.#owned = owned
    this.#emitter = new Emitter((error, type) => this.#logger.warn('a handler failed', { type: String(type), error: String(error) }))
    this.#events = new EventWaiter(this.#emitter, () => this.#endedError() ?? closedError())
    this.#socket = new SessionSocket({
      ...socket,
      token: facts.access_token,
      probe: async () => void (await this.#http.json('/streaming.keep_alive', { body: { session_id: this.session_id }, maxRetries: 0 })),
      onEvent: (event) => this.#receive(event),
      onBinary: (message) => this.#receiveBinary(message),
      onConnection: (event) => {
        if (event.state === 'closed') this.#tasks.fail(event.error ?? this.#endedError() ?? closedError())
        this.#emitter.emit('connection', event)
      },
    })
  }

  get connection(): ConnectionState {
    return this.#socket.state
  }

  /** The last event of a session that is over. */
  get ended(): EventOf<'session_ended'> | undefined {
    return this.#ended
  }

  /**
   * Opens the socket. Comes back by itself when the connection is lost, with the events that were missed.
   *
   * @throws AvatarError
   */
  async connect(options: ConnectOptions = {}): Promise<void> {
    const over = this.#endedError()
    if (over) throw over
    await this.#socket.open(options)
  }

  /** While the connection is being restored: tries again at once. */
  retryNow(): void {
    this.#socket.retryNow()
  }

  /** Round trip to the server over the socket, ms. @throws AvatarError NOT_CONNECTED */
  ping(): Promise<number> {
    return this.#socket.ping()
  }

  /** Calls the handler for each event of a type; returns the function that takes it off again. */
  on<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void {
    return this.#emitter.on(type, handler)
  }

  once<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void {
    const off = this.#emitter.on(type, (...args: SessionEventMap[Type]) => {
      off()
      return handler(...args)
    })
    return off
  }

  off<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): void {
    this.#emitter.off(type, handler)
  }

  /** The next event of a type. @throws AvatarError TIMEOUT, SESSION_ENDED or NOT_CONNECTED, or the signal's reason */
  waitFor<Type extends ServerEvent['type']>(type: Type, options: WaitOptions<EventOf<Type>> = {}): Promise<EventOf<Type>> {
    return this.#events.next(type, options)
  }

  /** Every event until the connection is closed for good. A reader that falls behind loses the oldest pictures first. */
  [Symbol.asyncIterator](): AsyncIterator<ServerEvent> {
    return new EventStream(this)
  }

  /** Says the text. @throws AvatarError */
  async speak(text: string, { signal, ...options }: SpeakOptions = {}): Promise<SpeechTask & SpeakResponse> {
    const body = { session_id: this.session_id, text, ...options }
    const response = await this.#http.json<SpeakResponse>('/avatar.speak', { body, signal })
    return this.#tasks.task(response, () => this.#requireOpen())
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
    return chatStream({ http: this.#http, session_id: this.session_id, input, options })
  }

  /** Stops the speech at once; answers what was heard of it. @throws AvatarError */
  async interrupt({ signal }: { signal?: AbortSignal } = {}): Promise<Omit<InterruptResponse, 'status'>> {
    this.#emitter.emit('interrupting', { type: 'interrupting' })
    if (this.connection !== 'open') {
      const body = { session_id: this.session_id }
      return await this.#http.json<InterruptResponse>('/streaming.interrupt', { body, signal, repeatable: true })
    }
    this.#socket.send({ type: 'interrupt' })
    const { task_id, played_ms, spoken_text, dropped_ms } = await this.waitFor('interrupted', { signal })
    return { task_id, played_ms, spoken_text, dropped_ms }
  }

  /**
   * Lets the avatar speak this sound: a file (WAV, MP3, Ogg, WebM, FLAC), raw samples, or a stream of raw samples; at most 60 s.
   *
   * @throws AvatarError
   */
  async speakAudio(
    source: AudioSource,
    { signal, ...format }: RawFormat & { signal?: AbortSignal } = {},
  ): Promise<SpeechTask & { duration_ms: number }> {
    this.#requireOpen()
    try {
      for await (const data of audioPieces(source, format)) {
        this.#socket.send({ type: 'audio_buffer_append', data })
        await this.#events.answer('audio_buffer_appended', { codes: AUDIO_CODES, signal })
      }
      this.#socket.send({ type: 'audio_buffer_commit' })
      const { task_id = '', duration_ms } = await this.#events.answer('audio_buffer_committed', { codes: AUDIO_CODES, signal })
      return this.#tasks.task({ task_id, duration_ms }, () => this.#requireOpen())
    } catch (error) {
      // what was appended must not be spoken with the next sound
      if (this.connection === 'open') this.#socket.send({ type: 'audio_buffer_clear' })
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

  /** Opens the user's ear; `listen()` does that too. @throws AvatarError STT_UNAVAILABLE where nothing recognises speech */
  async startListening({ mode, signal }: { mode?: ListenMode; signal?: AbortSignal } = {}): Promise<void> {
    this.#socket.send({ type: 'start_listening', ...(mode ? { data: { mode } } : {}) })
    try {
      const where = ({ status }: EventOf<'status'>): boolean => status === 'listening'
      await this.#events.answer('status', { codes: LISTEN_CODES, signal, where, timeoutMs: REFUSED_WITHIN_MS })
    } catch (error) {
      if (!(error instanceof AvatarError && error.code === 'TIMEOUT')) throw error
    }
  }

  /** Closes the user's ear; what was heard is answered. @throws AvatarError NOT_CONNECTED */
  stopListening(): void {
    this.#socket.send({ type: 'stop_listening' })
  }

  /** The user's voice, while listening. @throws AvatarError */
  async appendUserAudio(source: AudioSource, format: RawFormat = {}): Promise<void> {
    for await (const data of audioPieces(source, format)) this.#socket.send({ type: 'user_audio_append', data })
  }

  /** @internal One piece of it; left out while the connection is away or far behind. */
  sendUserAudio(data: AudioData): void {
    if (this.connection === 'open' && this.#socket.backlogBytes < MAX_BACKLOG_BYTES) this.#socket.send({ type: 'user_audio_append', data })
  }

  /** Offers a WebRTC connection (`streaming.start`); answers with the SDP of the answer. `startStream()` does all of it. @throws AvatarError */
  async start(sdp: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    const body = { session_id: this.session_id, sdp: { type: 'offer', sdp } }
    const answer = await this.#http.json<StartSessionResponse>('/streaming.start', { body, signal, maxRetries: 0 })
    return answer.sdp.sdp
  }

  /** A candidate that was found after the offer (`streaming.ice`). @throws AvatarError */
  async addIceCandidate(candidate: IceCandidateRequest['candidate'], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#http.json('/streaming.ice', { body: { session_id: this.session_id, candidate }, signal, repeatable: true })
  }

  /** @internal Asks the socket for other media from now on. */
  reopen(options: ConnectOptions): void {
    this.#socket.reopen(options)
  }

  /** Starts the idle time anew. @throws AvatarError */
  async keepAlive({ signal }: { signal?: AbortSignal } = {}): Promise<KeepAliveResponse> {
    return await this.#http.json('/streaming.keep_alive', { body: { session_id: this.session_id }, signal, repeatable: true })
  }

  /** Ends the session for everyone. @throws AvatarError */
  async stop({ signal }: { signal?: AbortSignal } = {}): Promise<StopSessionResponse> {
    return await this.#http.json('/streaming.stop', { body: { session_id: this.session_id }, signal, repeatable: true })
  }

  /**
   * Closes the connection. A session that was created here ends with it; one that was attached by its token goes on for the others.
   *
   * @param options.stop whether to end the session; by default only if it was created here
   */
  async disconnect({ stop = this.#owned, signal }: { stop?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    this.#socket.close()
    if (!stop || this.#ended) return
    try {
      await this.stop({ ...(signal ? { signal } : {}) })
    } catch (error) {
      // over already: that is what was asked for
      if (!(error instanceof AvatarError && error.code === 'SESSION_NOT_FOUND')) throw error
    }
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  #receive(event: ServerEvent): void {
    if (event.type === 'speech_finished') this.#tasks.finish(event)
    if (event.type === 'session_ended') this.#ended = event
    this.#dispatch(event)
    if (event.type === 'frame' || event.type === 'audio') {
      const media = this.#emitter.has('media') ? mediaOfEvent(event) : undefined
      if (media) this.#emitter.emit('media', media)
      if (event.type === 'frame') this.#acknowledge(event.frame_id)
    }
    if (event.type === 'session_ended') this.#socket.close(this.#endedError())
  }

  #receiveBinary(message: ArrayBuffer): void {
    try {
      const { media, binary } = mediaOfBinary(message)
      this.#emitter.emit('media', media)
      const type = media.kind === 'picture' ? 'frame' : 'audio'
      if (this.#emitter.has(type) || this.#emitter.has('event')) this.#dispatch(eventOfBinary(binary, this.session_id))
      if (media.kind === 'picture') this.#acknowledge(media.frameId)
    } catch (error) {
      this.#logger.warn('a media message was not understood', { error: String(error) })
    }
  }

  #dispatch(event: ServerEvent): void {
    this.#emitter.emit('event', event)
    if (event.type === 'frame') this.#emitter.emit('frame', event.data, event)
    else if (event.type === 'audio') this.#emitter.emit('audio', event.data, event)
    else {
      if (event.type === 'error' && !this.#emitter.has('error') && !this.#events.throws(event))
        this.#logger.warn(event.message, { code: event.code })
      // the union of the types' own handlers is what the table says, event by event
      this.#emitter.emit(event.type, ...([event] as never))
    }
  }

  #acknowledge(frame_id: number): void {
    if (this.connection === 'open') this.#socket.send({ type: 'frame_ack', frame_id })
  }

  /** @throws AvatarError NOT_CONNECTED or SESSION_ENDED */
  #requireOpen(): void {
    const over = this.#endedError()
    if (over) throw over
    if (this.connection === 'closed') throw closedError()
  }

  #endedError(): AvatarError | undefined {
    if (!this.#ended) return undefined
    const { reason, duration } = this.#ended
    return avatarError({
      code: 'SESSION_ENDED',
      message: `The session is over (${reason}); create a new one.`,
      details: { reason, duration },
    })
  }
}

function closedError(): AvatarError {
  return avatarError({ code: 'NOT_CONNECTED', message: 'There is no connection; call connect() first.' })
}
