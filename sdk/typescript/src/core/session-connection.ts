/** The connection of a session: what the session is known by, its socket, and the events that come over it. */
import type { IceServer, KeepAliveResponse, SessionLimits, StopSessionResponse } from '../../../../shared/api.ts'
import type { ServerEvent } from '../../../../shared/events.ts'
import { Emitter, type Handler } from './emitter.ts'
import { AvatarError, avatarError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import { EventWaiter, type WaitOptions } from './event-waiter.ts'
import type { Http } from './http.ts'
import type { ConnectOptions, Logger } from './options.ts'
import { type EventOf, eventOfBinary, mediaOfBinary, mediaOfEvent, type SessionEventMap } from './session-events.ts'
import { type ConnectionState, SessionSocket, type SessionSocketOptions } from './socket.ts'
import { SpeechTasks } from './speech-tasks.ts'
import { withSignal } from './wait.ts'

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

/** What a session is known by, its socket, and what comes over it. */
export class SessionConnection implements AsyncIterable<ServerEvent> {
  readonly session_id: string
  /** Opens and drives this session only; a browser may hold it. */
  readonly access_token: string
  readonly ice_servers: readonly IceServer[]
  /** Undefined where only the token was known. */
  readonly limits: SessionLimits | undefined
  /** What the server adjusted when the session was created, in words. */
  readonly warnings: readonly string[]
  /** With the session's own token. */
  readonly http: Http
  readonly socket: SessionSocket
  readonly emitter: Emitter<SessionEventMap>
  readonly events: EventWaiter
  readonly tasks = new SpeechTasks()
  readonly #logger: Logger
  readonly #owned: boolean
  #ended: EventOf<'session_ended'> | undefined

  constructor({ facts, http, socket, owned }: SessionSetup) {
    this.#owned = owned
    this.session_id = facts.session_id
    this.access_token = facts.access_token
    this.ice_servers = facts.ice_servers
    this.limits = facts.limits
    this.warnings = facts.warnings
    this.http = http
    this.#logger = socket.logger
    this.emitter = new Emitter((error, type) => this.#logger.warn('a handler failed', { type: String(type), error: String(error) }))
    this.events = new EventWaiter(this.emitter, () => this.#endedError() ?? closedError())
    this.socket = new SessionSocket({
      ...socket,
      token: facts.access_token,
      probe: async () => void (await this.http.json('/streaming.keep_alive', { body: { session_id: this.session_id }, maxRetries: 0 })),
      onEvent: (event) => this.#receive(event),
      onBinary: (message) => this.#receiveBinary(message),
      onConnection: (event) => {
        if (event.state === 'closed') this.tasks.fail(event.error ?? this.#endedError() ?? closedError())
        this.emitter.emit('connection', event)
      },
    })
  }

  get state(): ConnectionState {
    return this.socket.state
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
    await this.socket.open(options)
  }

  /** Connects where that was not done, and waits where it is being done. @throws AvatarError, or the signal's reason */
  async whenOpen(signal: AbortSignal | undefined): Promise<void> {
    if (this.state === 'closed') return await this.connect(signal ? { signal } : {})
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const off = this.on('connection', ({ state, error }) => {
      if (state === 'open') resolve()
      else if (state === 'closed') reject(error ?? this.#endedError() ?? closedError())
    })
    if (this.state === 'open') resolve()
    await withSignal(promise, signal).finally(off)
  }

  /** While the connection is being restored: tries again at once. */
  retryNow(): void {
    this.socket.retryNow()
  }

  /** Round trip to the server over the socket, ms. @throws AvatarError NOT_CONNECTED */
  ping(): Promise<number> {
    return this.socket.ping()
  }

  /** Calls the handler for each event of a type; returns the function that takes it off again. */
  on<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void {
    return this.emitter.on(type, handler)
  }

  once<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void {
    const off = this.emitter.on(type, (...args: SessionEventMap[Type]) => {
      off()
      return handler(...args)
    })
    return off
  }

  off<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): void {
    this.emitter.off(type, handler)
  }

  /** The next event of a type. @throws AvatarError TIMEOUT, SESSION_ENDED or NOT_CONNECTED, or the signal's reason */
  waitFor<Type extends ServerEvent['type']>(type: Type, options: WaitOptions<EventOf<Type>> = {}): Promise<EventOf<Type>> {
    return this.events.next(type, options)
  }

  /** Every event until the connection is closed for good. A reader that falls behind loses the oldest frames first. */
  [Symbol.asyncIterator](): AsyncIterator<ServerEvent> {
    return new EventStream(this)
  }

  /** @throws AvatarError NOT_CONNECTED or SESSION_ENDED */
  requireOpen(): void {
    const over = this.#endedError()
    if (over) throw over
    if (this.state === 'closed') throw closedError()
  }

  /** Asks the socket for other media from now on. */
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

  // --- inside -----------------------------------------------------------------------------------------------------

  #receive(event: ServerEvent): void {
    if (event.type === 'speech_finished') this.tasks.finish(event)
    if (event.type === 'session_ended') this.#ended = event
    this.#dispatch(event)
    if (event.type === 'frame' || event.type === 'audio') {
      const media = this.emitter.has('media') ? mediaOfEvent(event) : undefined
      if (media) this.emitter.emit('media', media)
      if (event.type === 'frame') this.#acknowledge(event.frame_id)
    }
    if (event.type === 'session_ended') this.socket.close(this.#endedError())
  }

  #receiveBinary(message: ArrayBuffer): void {
    try {
      const { media, binary } = mediaOfBinary(message)
      this.emitter.emit('media', media)
      const type = media.kind === 'frame' ? 'frame' : 'audio'
      if (this.emitter.has(type) || this.emitter.has('event')) this.#dispatch(eventOfBinary(binary, this.session_id))
      if (media.kind === 'frame') this.#acknowledge(media.frameId)
    } catch (error) {
      this.#logger.warn('a media message was not understood', { error: String(error) })
    }
  }

  #dispatch(event: ServerEvent): void {
    this.emitter.emit('event', event)
    if (event.type === 'frame') this.emitter.emit('frame', event.data, event)
    else if (event.type === 'audio') this.emitter.emit('audio', event.data, event)
    else {
      if (event.type === 'error' && !this.emitter.has('error') && !this.events.throws(event))
        this.#logger.warn(event.message, { code: event.code })
      // the union of the types' own handlers is what the table says, event by event
      this.emitter.emit(event.type, ...([event] as never))
    }
  }

  #acknowledge(frame_id: number): void {
    if (this.state === 'open') this.socket.send({ type: 'frame_ack', frame_id })
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
