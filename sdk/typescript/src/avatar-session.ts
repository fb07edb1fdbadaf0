/** The session as customers hold it: its connection, what it says and hears, and in a browser the ways onto the page. */
import type {
  IceCandidateRequest,
  IceServer,
  InterruptResponse,
  KeepAliveResponse,
  SessionLimits,
  SpeakResponse,
  StopSessionResponse,
} from '../../../shared/api.ts'
import type { ServerEvent } from '../../../shared/events.ts'
import type { ListenMode } from '../../../shared/turn-detection.ts'
import type { MicrophoneListening, MicrophoneOptions } from './browser/listen.ts'
import { SessionMedia } from './browser/session-media.ts'
import type { View, ViewOptions } from './browser/view.ts'
import type { AudioSource, RawFormat } from './core/audio-pieces.ts'
import type { ChatInput, ChatOptions, ChatResult } from './core/chat.ts'
import type { Handler } from './core/emitter.ts'
import type { WaitOptions } from './core/event-waiter.ts'
import type { Listening, SourceListenOptions } from './core/listening.ts'
import type { ConnectOptions } from './core/options.ts'
import { SessionConnection, type SessionSetup } from './core/session-connection.ts'
import { SessionEar } from './core/session-ear.ts'
import type { EventOf, SessionEventMap } from './core/session-events.ts'
import { SessionSpeech, type SpeakOptions } from './core/session-speech.ts'
import { Signalling } from './core/signalling.ts'
import type { ConnectionState } from './core/socket.ts'
import type { SpeechTask } from './core/speech-tasks.ts'

interface Cancelable {
  signal?: AbortSignal
}

export class AvatarSession implements AsyncIterable<ServerEvent> {
  readonly session_id: string
  /** Opens and drives this session only; a browser may hold it. */
  readonly access_token: string
  readonly ice_servers: readonly IceServer[]
  /** Undefined where only the token was known. */
  readonly limits: SessionLimits | undefined
  /** What the server adjusted when the session was created, in words. */
  readonly warnings: readonly string[]
  readonly #connection: SessionConnection
  readonly #speech: SessionSpeech
  readonly #ear: SessionEar
  readonly #signalling: Signalling
  readonly #media: SessionMedia

  /** @internal made by AvatarClient */
  constructor(setup: SessionSetup) {
    const { facts } = setup
    this.session_id = facts.session_id
    this.access_token = facts.access_token
    this.ice_servers = facts.ice_servers
    this.limits = facts.limits
    this.warnings = facts.warnings
    const connection = new SessionConnection(setup)
    this.#connection = connection
    this.#speech = new SessionSpeech(connection)
    this.#ear = new SessionEar(connection)
    this.#signalling = new Signalling(connection)
    this.#media = new SessionMedia({ connection, ear: this.#ear, signalling: this.#signalling })
  }

  // --- connection -------------------------------------------------------------------------------------------------

  get connection(): ConnectionState {
    return this.#connection.state
  }

  /** The last event of a session that is over. */
  get ended(): EventOf<'session_ended'> | undefined {
    return this.#connection.ended
  }

  /**
   * Opens the socket. Comes back by itself when the connection is lost, with the events that were missed.
   *
   * @throws AvatarError
   */
  connect(options: ConnectOptions = {}): Promise<void> {
    return this.#connection.connect(options)
  }

  /** While the connection is being restored: tries again at once. */
  retryNow(): void {
    this.#connection.retryNow()
  }

  /** Round trip to the server over the socket, ms. @throws AvatarError NOT_CONNECTED */
  ping(): Promise<number> {
    return this.#connection.ping()
  }

  /** Starts the idle time anew. @throws AvatarError */
  keepAlive(options: Cancelable = {}): Promise<KeepAliveResponse> {
    return this.#connection.keepAlive(options)
  }

  /** Ends the session for everyone. @throws AvatarError */
  stop(options: Cancelable = {}): Promise<StopSessionResponse> {
    return this.#connection.stop(options)
  }

  /**
   * Closes the connection. A session that was created here ends with it; one that was attached by its token goes on for the others.
   *
   * @param options.stop whether to end the session; by default only if it was created here
   */
  async disconnect(options: Cancelable & { stop?: boolean } = {}): Promise<void> {
    this.#media.end()
    await this.#connection.disconnect(options)
  }

  // --- events -----------------------------------------------------------------------------------------------------

  /** Calls the handler for each event of a type; returns the function that takes it off again. */
  on<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void {
    return this.#connection.on(type, handler)
  }

  once<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void {
    return this.#connection.once(type, handler)
  }

  off<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): void {
    this.#connection.off(type, handler)
  }

  /** The next event of a type. @throws AvatarError TIMEOUT, SESSION_ENDED or NOT_CONNECTED, or the signal's reason */
  waitFor<Type extends ServerEvent['type']>(type: Type, options: WaitOptions<EventOf<Type>> = {}): Promise<EventOf<Type>> {
    return this.#connection.waitFor(type, options)
  }

  /** Every event until the connection is closed for good. A reader that falls behind loses the oldest frames first. */
  [Symbol.asyncIterator](): AsyncIterator<ServerEvent> {
    return this.#connection[Symbol.asyncIterator]()
  }

  // --- what it says -----------------------------------------------------------------------------------------------

  /** Says the text. @throws AvatarError */
  speak(text: string, options: SpeakOptions = {}): Promise<SpeechTask & SpeakResponse> {
    return this.#speech.speak(text, options)
  }

  /** Answers aloud; resolves with the text of the reply once it is written. @throws AvatarError */
  chat(input: ChatInput, options: ChatOptions = {}): Promise<string> {
    return this.#speech.chat(input, options)
  }

  /**
   * Answers aloud, and yields the reply while it is being written; what it came to is the generator's return value. Leaving the
   * loop early stops it.
   *
   * @throws AvatarError, CONNECTION_FAILED when the reply breaks off
   */
  chatStream(input: ChatInput, options: ChatOptions = {}): AsyncGenerator<string, ChatResult> {
    return this.#speech.chatStream(input, options)
  }

  /** Stops the speech at once; answers what was heard of it. @throws AvatarError */
  interrupt(options: Cancelable = {}): Promise<Omit<InterruptResponse, 'status'>> {
    return this.#speech.interrupt(options)
  }

  /**
   * Lets the avatar speak this sound: a file (WAV, MP3, Ogg, WebM, FLAC), raw samples, or a stream of raw samples, which is sent as
   * it comes; at most 60 s. It is spoken once all of it is there.
   *
   * @throws AvatarError
   */
  speakAudio(source: AudioSource, options: RawFormat & Cancelable = {}): Promise<SpeechTask & { duration_ms: number }> {
    return this.#speech.speakAudio(source, options)
  }

  // --- what it hears ----------------------------------------------------------------------------------------------

  /**
   * Hears the user: by the microphone of a browser, or from a source of sound.
   *
   * @throws AvatarError MICROPHONE_DENIED, MICROPHONE_MISSING, MICROPHONE_BUSY or MICROPHONE_UNAVAILABLE, with what to do;
   *   STT_UNAVAILABLE where nothing recognises speech
   * @example const listening = await session.listen({ mode: 'vad', onLevel: (level) => { meter.value = level } })
   */
  listen(options: SourceListenOptions): Promise<Listening>
  listen(options?: MicrophoneOptions): Promise<MicrophoneListening>
  listen(options: SourceListenOptions | MicrophoneOptions = {}): Promise<Listening> {
    return 'source' in options ? this.#ear.listen(options) : this.#media.listen(options)
  }

  /** Opens the user's ear; connects if that was not done. `listen()` does that too. @throws AvatarError STT_UNAVAILABLE where nothing recognises speech */
  startListening(options: Cancelable & { mode?: ListenMode } = {}): Promise<void> {
    return this.#ear.startListening(options)
  }

  /** Closes the user's ear; what was heard is answered. @throws AvatarError NOT_CONNECTED */
  stopListening(): void {
    this.#ear.stopListening()
  }

  /** The user's voice, while listening. @throws AvatarError */
  appendUserAudio(source: AudioSource, options: RawFormat & Cancelable = {}): Promise<void> {
    return this.#ear.appendUserAudio(source, options)
  }

  // --- where it is shown ------------------------------------------------------------------------------------------

  /** Where it is shown; undefined before `attach()` or `startStream()`. */
  get view(): View | undefined {
    return this.#media.view
  }

  /**
   * Shows the session in an element and lets it sound, by whatever transport works; connects if that was not done. The element's
   * position is set to `relative` where it was `static`. Connection failures reach handlers of `connection`; call `connect()`
   * first to await them. A session is in one place of a page: attaching it again moves it.
   *
   * @example session.attach(document.querySelector('#stage'))
   */
  attach(element: HTMLElement, options: ViewOptions = {}): View {
    return this.#media.attach(element, options)
  }

  /**
   * Shows the session in a video element of the page: by WebRTC, and while that does not work, by frames that are drawn over it.
   * Connects if that was not done. Resolves when there is a frame, or after 3 s.
   *
   * @throws AvatarError when the session cannot be connected to, or the signal's reason; an abort later stops it
   * @example const view = await session.startStream(document.querySelector('video'))
   */
  startStream(video: HTMLVideoElement, options: ViewOptions & Cancelable = {}): Promise<View> {
    return this.#media.startStream(video, options)
  }

  /** Offers a WebRTC connection (`streaming.start`); answers with the SDP of the answer. `startStream()` does all of it. @throws AvatarError */
  start(sdp: string, options: Cancelable = {}): Promise<string> {
    return this.#signalling.start(sdp, options)
  }

  /** A candidate that was found after the offer (`streaming.ice`). @throws AvatarError */
  addIceCandidate(candidate: IceCandidateRequest['candidate'], options: Cancelable = {}): Promise<void> {
    return this.#signalling.addIceCandidate(candidate, options)
  }
}
