/** The user's voice on its way to the server: pieces for the socket, and what keeps the server's ear open. */
import type { AudioData } from '../../../../shared/events.ts'
import type { ListenMode } from '../../../../shared/turn-detection.ts'
import { joined, toBase64 } from './bytes.ts'
import { AvatarError } from './errors.ts'
import type { EventSource } from './session-events.ts'
import type { ConnectionState } from './socket.ts'
import { delay } from './wait.ts'

/** Sound of one message, ms. */
const PIECE_MS = 100
/** How far a source may run ahead of the time that its sound takes, ms: the server takes 100 messages a second. */
const MAX_AHEAD_MS = 1_000

export interface ListenOptions {
  /** `vad`: pauses end a turn, hands free; `manual`: push to talk, `stop()` ends it. @default the session's */
  mode?: ListenMode
  /** Stops listening. */
  signal?: AbortSignal
}

export interface SourceListenOptions extends ListenOptions {
  /** 16-bit mono samples, or their bytes (little endian). */
  source: AsyncIterable<Int16Array | Uint8Array>
  /** Hz. @default 24000 */
  sampleRate?: number
}

/** What listening needs of its session. */
export interface ListeningSession extends EventSource {
  readonly connection: ConnectionState
  startListening(options: { mode?: ListenMode; signal?: AbortSignal }): Promise<void>
  stopListening(): void
  sendUserAudio(data: AudioData): void
}

/** What `listen()` gives: the user is being heard. */
export interface Listening {
  /** Resolves when it is over: stopped, or the source has ended. Rejects with what ended it otherwise. */
  readonly finished: Promise<void>
  readonly active: boolean
  readonly muted: boolean
  /** Sends silence instead of sound, or sound again. */
  mute(muted?: boolean): void
  /**
   * Closes the ear; in `manual` mode what was heard is answered now. Safe to call twice.
   *
   * @param error what `finished` rejects with, where it was not asked for
   */
  stop(error?: unknown): Promise<void>
}

/** Sends the voice over the socket, in pieces, while the server listens. */
export class VoiceSender implements Listening {
  readonly #session: ListeningSession
  readonly #lastSound: () => Promise<void>
  readonly #mode: ListenMode | undefined
  readonly #offs: (() => void)[] = []
  readonly #finish: { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void }
  #pending: Int16Array[] = []
  #pendingMs = 0
  #sampleRate = 24_000
  #lost = false
  #asked = false
  #muted = false
  #stopping: Promise<void> | undefined

  /** @param lastSound resolves when the last of the voice is on its way, where it goes another way too */
  constructor(session: ListeningSession, { mode, signal }: ListenOptions, lastSound = async (): Promise<void> => {}) {
    this.#session = session
    this.#lastSound = lastSound
    this.#mode = mode
    this.#finish = Promise.withResolvers()
    // whoever waits for it hears of a failure; who does not has the other ways
    this.#finish.promise.catch(() => undefined)
    const stop = (): void => void this.stop()
    signal?.addEventListener('abort', stop, { once: true })
    this.#offs.push(
      () => signal?.removeEventListener('abort', stop),
      session.on('session_state', ({ state, resumed }) => this.#follow(state, resumed)),
      session.on('connection', ({ state, error }) => {
        if (state === 'closed') this.end(error)
      }),
    )
  }

  get finished(): Promise<void> {
    return this.#finish.promise
  }

  get active(): boolean {
    return this.#stopping === undefined
  }

  get muted(): boolean {
    return this.#muted
  }

  mute(muted = true): void {
    this.#muted = muted
  }

  stop(error?: unknown): Promise<void> {
    this.#stopping ??= this.#stop(error)
    return this.#stopping
  }

  /** @throws AvatarError */
  async start(signal: AbortSignal | undefined): Promise<void> {
    this.#asked = true
    try {
      await this.#session.startListening({ ...(this.#mode ? { mode: this.#mode } : {}), ...(signal ? { signal } : {}) })
    } catch (error) {
      this.end(error)
      throw error
    }
  }

  /** Sound for the socket: sent in pieces of 100 ms. */
  push(pcm: Int16Array, sampleRate: number): void {
    if (!this.active) return
    this.#sampleRate = sampleRate
    this.#pending.push(this.#muted ? new Int16Array(pcm.length) : pcm)
    this.#pendingMs += (pcm.length / sampleRate) * 1000
    if (this.#pendingMs >= PIECE_MS) this.#flush()
  }

  /** Sound that waits to be a whole piece is not to be sent any more. */
  discard(): void {
    this.#pending = []
    this.#pendingMs = 0
  }

  /** Reads the source to its end. */
  async read({ source, sampleRate = 24_000, signal }: SourceListenOptions): Promise<void> {
    const startedMs = performance.now()
    let sentMs = 0
    const samples = wholeSamples(source)
    try {
      for (;;) {
        const read = await Promise.race([samples.next(), this.#finish.promise])
        if (!read || !this.active) return
        if (read.done) return await this.stop()
        this.push(read.value, sampleRate)
        sentMs += (read.value.length / sampleRate) * 1000
        const aheadMs = sentMs - (performance.now() - startedMs) - MAX_AHEAD_MS
        if (aheadMs > 0) await delay(aheadMs, signal)
      }
    } catch (error) {
      if (this.active) await this.stop(signal?.aborted ? undefined : error)
    } finally {
      // not awaited: a source that gives nothing does not end either
      samples.return(undefined).catch(() => undefined)
    }
  }

  /** It is over without a word to the server. */
  end(error?: unknown): void {
    this.#stopping ??= Promise.resolve()
    for (const off of this.#offs.splice(0)) off()
    if (error === undefined) this.#finish.resolve()
    else this.#finish.reject(error)
  }

  /** What is to be let go of with it. */
  onEnd(off: () => void): void {
    if (this.active) this.#offs.push(off)
    else off()
  }

  async #stop(error: unknown): Promise<void> {
    try {
      this.#flush()
      await this.#lastSound()
      if (this.#asked && this.#session.connection === 'open') this.#session.stopListening()
    } catch (thrown) {
      // lost in this moment: then nobody listens any more
      if (!(thrown instanceof AvatarError)) throw thrown
    } finally {
      this.end(error)
    }
  }

  #flush(): void {
    const pcm = new Int16Array(this.#pending.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of this.#pending) {
      pcm.set(part, at)
      at += part.length
    }
    this.discard()
    if (pcm.length === 0) return
    const about = { format: 'pcm_s16le', sample_rate: this.#sampleRate, channels: 1 } as const
    this.#session.sendUserAudio({ audio: toBase64(new Uint8Array(pcm.buffer)), ...about })
  }

  /** A server that took over has not been told to listen. */
  #follow(state: 'live' | 'reconnecting', resumed: boolean): void {
    if (state === 'live' && !resumed && this.#lost) void this.start(undefined).catch(() => undefined)
    this.#lost = state === 'reconnecting'
  }
}

/** Whole samples; a byte that a chunk has over waits for the next. */
async function* wholeSamples(source: AsyncIterable<Int16Array | Uint8Array>): AsyncGenerator<Int16Array> {
  let rest: Uint8Array = new Uint8Array()
  for await (const chunk of source) {
    if (chunk instanceof Int16Array) {
      yield chunk
      continue
    }
    const bytes = joined(rest, chunk)
    // copied: bytes may begin at an odd place
    yield new Int16Array(bytes.slice(0, bytes.length & ~1).buffer)
    rest = bytes.slice(bytes.length & ~1)
  }
}
