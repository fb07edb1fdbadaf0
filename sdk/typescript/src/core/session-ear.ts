/** The user's voice, and the server's ear for it. */
import type { AudioData } from '../../../../shared/events.ts'
import type { ListenMode } from '../../../../shared/turn-detection.ts'
import { type AudioSource, audioPieces, type RawFormat } from './audio-pieces.ts'
import { AvatarError } from './errors.ts'
import { type Listening, type ListeningSession, type SourceListenOptions, VoiceSender } from './listening.ts'
import type { SessionConnection } from './session-connection.ts'
import type { EventOf, EventSource } from './session-events.ts'
import type { ConnectionState } from './socket.ts'
import { abortable } from './wait.ts'

const LISTEN_CODES = ['STT_UNAVAILABLE', 'PROVIDER_FAILED', 'INVALID_REQUEST', 'ORIGIN_UNAVAILABLE']
/** Who speaks does not say that it listens too: a refusal would have come within this time, ms. */
const REFUSED_WITHIN_MS = 2_000
/** Voice that may wait in the socket's buffer before further voice is left out, bytes: about 5 s. */
const MAX_BACKLOG_BYTES = 320_000

export class SessionEar implements ListeningSession {
  readonly on: EventSource['on']
  readonly #connection: SessionConnection

  constructor(connection: SessionConnection) {
    this.#connection = connection
    this.on = connection.on.bind(connection)
  }

  get connection(): ConnectionState {
    return this.#connection.state
  }

  /** Hears a source, as its sound comes. @throws AvatarError STT_UNAVAILABLE where nothing recognises speech */
  async listen(options: SourceListenOptions): Promise<Listening> {
    const listening = new VoiceSender(this, options)
    await listening.start(options.signal)
    void listening.read(options)
    return listening
  }

  /** Connects if that was not done. @throws AvatarError STT_UNAVAILABLE where nothing recognises speech */
  async startListening({ mode, signal }: { mode?: ListenMode; signal?: AbortSignal } = {}): Promise<void> {
    await this.#connection.whenOpen(signal)
    this.#connection.socket.send({ type: 'start_listening', ...(mode ? { data: { mode } } : {}) })
    try {
      const where = ({ status }: EventOf<'status'>): boolean => status === 'listening'
      await this.#connection.events.answer('status', { codes: LISTEN_CODES, signal, where, timeoutMs: REFUSED_WITHIN_MS })
    } catch (error) {
      if (!(error instanceof AvatarError && error.code === 'TIMEOUT')) throw error
    }
  }

  /** Closes the user's ear; what was heard is answered. @throws AvatarError NOT_CONNECTED */
  stopListening(): void {
    this.#connection.socket.send({ type: 'stop_listening' })
  }

  /** The user's voice, while listening. @throws AvatarError */
  async appendUserAudio(source: AudioSource, { signal, ...format }: RawFormat & { signal?: AbortSignal } = {}): Promise<void> {
    for await (const data of abortable(audioPieces(source, format), signal))
      this.#connection.socket.send({ type: 'user_audio_append', data })
  }

  /** One piece of it; left out while the connection is away or far behind. */
  sendUserAudio(data: AudioData): void {
    if (this.#connection.state === 'open' && this.#connection.socket.backlogBytes < MAX_BACKLOG_BYTES)
      this.#connection.socket.send({ type: 'user_audio_append', data })
  }
}
