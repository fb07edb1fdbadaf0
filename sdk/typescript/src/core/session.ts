/** One session: its socket, its calls, its events. */
import type {
  IceServer,
  InterruptResponse,
  KeepAliveResponse,
  SessionLimits,
  SpeakResponse,
  StopSessionResponse,
  VoiceSettings,
} from '../../../../shared/api.ts'
import type { ChatChunk, ChatMessage } from '../../../../shared/chat.ts'
import type { ServerEvent } from '../../../../shared/events.ts'
import { type AudioSource, audioPieces, type RawFormat } from './audio-pieces.ts'
import { Emitter, type Handler } from './emitter.ts'
import { AvatarError, avatarError, isErrorCode } from './errors.ts'
import { EventStream } from './event-stream.ts'
import type { Http } from './http.ts'
import type { ConnectOptions, Logger } from './options.ts'
import { type EventOf, eventOfBinary, mediaOfBinary, mediaOfEvent, type SessionEventMap } from './session-events.ts'
import { type ConnectionState, SessionSocket, type SessionSocketOptions } from './socket.ts'
import { type SpeechTask, SpeechTasks } from './speech-tasks.ts'
import { eventData } from './sse.ts'
import { withSignal } from './wait.ts'

/** Longest wait for the server's answer to a message on the socket, ms. */
const ANSWER_TIMEOUT_MS = 15_000
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

export interface SpeakOptions {
  voice_id?: string
  voice_settings?: VoiceSettings
  signal?: AbortSignal
}

export interface ChatOptions {
  model?: string
  signal?: AbortSignal
}

export interface WaitOptions<Event> {
  signal?: AbortSignal | undefined
  timeoutMs?: number
  /** @default the first one */
  where?: (event: Event) => boolean
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
  #ended: EventOf<'session_ended'> | undefined
  /** The error event that some call throws: it needs no other listener. */
  #thrown: ServerEvent | undefined

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
  async waitFor<Type extends ServerEvent['type']>(
    type: Type,
    { signal, timeoutMs = ANSWER_TIMEOUT_MS, where = () => true }: WaitOptions<EventOf<Type>> = {},
  ): Promise<EventOf<Type>> {
    return await this.#next((event): event is EventOf<Type> => event.type === type && where(event as EventOf<Type>), {
      signal,
      timeoutMs,
      what: type,
    })
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
  async chat(input: string | readonly ChatMessage[], options: ChatOptions = {}): Promise<string> {
    let reply = ''
    for await (const piece of this.chatStream(input, options)) reply += piece
    return reply
  }

  /** Answers aloud, and yields the reply while it is being written. Leaving the loop early stops it. @throws AvatarError */
  async *chatStream(input: string | readonly ChatMessage[], { model, signal }: ChatOptions = {}): AsyncGenerator<string, void> {
    const messages = typeof input === 'string' ? [{ role: 'user', content: input }] : input
    const body = { session_id: this.session_id, messages, stream: true, ...(model === undefined ? {} : { model }) }
    const stream = await this.#http.stream('/chat.completions', { body, signal })
    for await (const data of eventData(stream)) {
      signal?.throwIfAborted()
      if (data === '[DONE]') return
      const content = contentOf(data)
      if (content !== '') yield content
    }
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
        await this.#answer('audio_buffer_appended', AUDIO_CODES, signal)
      }
      this.#socket.send({ type: 'audio_buffer_commit' })
      const { task_id = '', duration_ms } = await this.#answer('audio_buffer_committed', AUDIO_CODES, signal)
      return this.#tasks.task({ task_id, duration_ms }, () => this.#requireOpen())
    } catch (error) {
      // what was appended must not be spoken with the next sound
      if (this.connection === 'open') this.#socket.send({ type: 'audio_buffer_clear' })
      throw error
    }
  }

  /** Opens the user's ear. @throws AvatarError STT_UNAVAILABLE where nothing recognises speech */
  async startListening({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    this.#socket.send({ type: 'start_listening' })
    await this.#answer('status', LISTEN_CODES, signal, (event) => event.status === 'listening')
  }

  /** Closes the user's ear; what was heard is answered. @throws AvatarError NOT_CONNECTED */
  stopListening(): void {
    this.#socket.send({ type: 'stop_listening' })
  }

  /** The user's voice, while listening. @throws AvatarError */
  async appendUserAudio(source: AudioSource, format: RawFormat = {}): Promise<void> {
    for await (const data of audioPieces(source, format)) this.#socket.send({ type: 'user_audio_append', data })
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
      if (event.type === 'error' && !this.#emitter.has('error') && event !== this.#thrown)
        this.#logger.warn(event.message, { code: event.code })
      // the union of the types' own handlers is what the table says, event by event
      this.#emitter.emit(event.type, ...([event] as never))
    }
  }

  #acknowledge(frame_id: number): void {
    if (this.connection === 'open') this.#socket.send({ type: 'frame_ack', frame_id })
  }

  /** The event that answers a message; an error event with one of the codes is thrown. */
  async #answer<Type extends ServerEvent['type']>(
    type: Type,
    codes: readonly string[],
    signal: AbortSignal | undefined,
    where: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    const answers = (event: ServerEvent): event is EventOf<Type> | EventOf<'error'> => {
      if (event.type !== 'error') return event.type === type && where(event as EventOf<Type>)
      if (!codes.includes(event.code)) return false
      this.#thrown = event
      return true
    }
    const event = await this.#next(answers, { signal, timeoutMs: ANSWER_TIMEOUT_MS, what: type })
    if (event.type !== 'error') return event as EventOf<Type>
    const { code, message, details } = event as EventOf<'error'>
    throw avatarError({ code, message, details })
  }

  #next<Event extends ServerEvent>(
    fits: (event: ServerEvent) => event is Event,
    { signal, timeoutMs, what }: { signal: AbortSignal | undefined; timeoutMs: number; what: string },
  ): Promise<Event> {
    const { promise, resolve, reject } = Promise.withResolvers<Event>()
    const offs = [
      this.#emitter.on('event', (event) => {
        if (fits(event)) resolve(event)
      }),
      this.#emitter.on('connection', ({ state, error }) => {
        if (state === 'closed') reject(error ?? this.#endedError() ?? closedError())
      }),
    ]
    const late = (): void => reject(avatarError({ code: 'TIMEOUT', message: `No ${what} within ${timeoutMs} ms.` }))
    const timer = setTimeout(late, timeoutMs)
    return withSignal(promise, signal).finally(() => {
      clearTimeout(timer)
      for (const off of offs) off()
    })
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

/** @throws AvatarError when the stream carries a failure */
function contentOf(data: string): string {
  const chunk = JSON.parse(data) as Partial<ChatChunk> & {
    error?: { code?: unknown; message?: unknown; details?: Record<string, unknown> }
  }
  if (chunk.error) {
    const { code, message, details } = chunk.error
    throw avatarError({ code: isErrorCode(code) ? code : 'INTERNAL_ERROR', message: String(message ?? 'The reply broke off.'), details })
  }
  return chunk.choices?.[0]?.delta?.content ?? ''
}
