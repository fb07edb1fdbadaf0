/**
 * The socket of one session, kept alive: opens it, notices when it is dead, comes back with what was missed.
 * Knows nothing of what the events mean, besides their number.
 */
import { BINARY_SEQ_OFFSET } from '../../../../shared/binary-media.ts'
import { ERRORS } from '../../../../shared/errors.ts'
import type { ClientEvent, ServerEvent } from '../../../../shared/events.ts'
import { type AvatarError, avatarError } from './errors.ts'
import type { ConnectOptions, Logger, WebSocketConstructor } from './options.ts'
import { backoffMs, delay, withSignal } from './wait.ts'

const OPEN_TIMEOUT_MS = 10_000
const RECONNECT_BASE_MS = 300
const RECONNECT_MAX_MS = 5_000
/** Silence after which the server is asked for a sign of life, and after which it is taken for gone, ms. */
const PING_AFTER_MS = 8_000
const DEAD_AFTER_MS = 20_000
const WATCH_EVERY_MS = 4_000

export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closed'

/** What happens to the connection; `error` says why it is closed for good, where it was not closed by you. */
export interface ConnectionEvent {
  type: 'connection'
  state: ConnectionState
  /** Attempt number while reconnecting, from 1. */
  attempt?: number
  error?: AvatarError
}

export interface SessionSocketOptions {
  url: string
  token: string
  WebSocket: WebSocketConstructor
  logger: Logger
  reconnectForMs: number
  /** Asks over HTTP why a socket was refused, which a browser does not tell; throws that reason. */
  probe: () => Promise<void>
  onEvent: (event: ServerEvent) => void
  onBinary: (message: ArrayBuffer) => void
  onConnection: (event: ConnectionEvent) => void
}

export class SessionSocket {
  readonly #options: SessionSocketOptions
  #query: Omit<ConnectOptions, 'signal'> = {}
  #ws: WebSocket | undefined
  #state: ConnectionState = 'closed'
  #lastSeq: number | undefined
  #heardAtMs = 0
  #pingedAtMs: number | undefined
  #pongs: { resolve: (ms: number) => void; reject: (error: AvatarError) => void }[] = []
  #watch: ReturnType<typeof setInterval> | undefined
  #stop = new AbortController()
  #hurry: (() => void) | undefined

  constructor(options: SessionSocketOptions) {
    this.#options = options
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** @throws AvatarError, or the signal's reason */
  async open({ signal, ...query }: ConnectOptions): Promise<void> {
    if (this.#state !== 'closed') throw avatarError({ code: 'INVALID_REQUEST', message: 'This session is connected already.' })
    this.#query = query
    this.#stop = new AbortController()
    this.#change({ type: 'connection', state: 'connecting' })
    try {
      await this.#dial(signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** @throws AvatarError NOT_CONNECTED */
  send(event: ClientEvent): void {
    if (this.#ws?.readyState !== 1) {
      throw lostError()
    }
    this.#ws.send(JSON.stringify(event))
  }

  /** Round trip to the server, ms. @throws AvatarError NOT_CONNECTED, also when the connection is lost meanwhile */
  async ping(): Promise<number> {
    this.#sendPing()
    return await new Promise((resolve, reject) => this.#pongs.push({ resolve, reject }))
  }

  /** While reconnecting: tries again at once, as when the network is back. */
  retryNow(): void {
    this.#hurry?.()
  }

  /** Asks for other media from now on, with a socket in the place of this one. */
  reopen(query: Omit<ConnectOptions, 'signal'>): void {
    this.#query = { ...this.#query, ...query }
    if (!this.#ws) return
    this.#lost(this.#ws, 1006)
    this.retryNow()
  }

  /** Bytes that wait to be sent. */
  get backlogBytes(): number {
    return this.#ws?.bufferedAmount ?? 0
  }

  /** Closes for good. @param error why, where it was not asked for */
  close(error?: AvatarError): void {
    this.#stop.abort(error ?? avatarError({ code: 'NOT_CONNECTED', message: 'The connection was closed.' }))
    this.#drop(1000)
    if (this.#state !== 'closed') this.#change({ type: 'connection', state: 'closed', ...(error ? { error } : {}) })
  }

  #url(): string {
    const url = new URL(this.#options.url)
    const { media = 'json', audio = 'clauses', video = 'on', webrtc, events = [] } = this.#query
    for (const [name, value] of Object.entries({ media, audio, video })) url.searchParams.set(name, value)
    if (webrtc) url.searchParams.set('webrtc', webrtc)
    if (events.length > 0) url.searchParams.set('events', events.join(','))
    if (this.#lastSeq !== undefined) url.searchParams.set('resume_from', String(this.#lastSeq))
    return url.href
  }

  async #dial(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    // the token rides in a subprotocol: addresses are written into logs, these are not
    const ws = new this.#options.WebSocket(this.#url(), ['avatar', `avatar.token.${this.#options.token}`])
    ws.binaryType = 'arraybuffer'
    const opened = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(unreachable(`No connection within ${OPEN_TIMEOUT_MS} ms.`)), OPEN_TIMEOUT_MS)
      const done = (act: () => void): void => {
        clearTimeout(timer)
        act()
      }
      ws.addEventListener('open', () => done(resolve), { once: true })
      ws.addEventListener('close', () => done(() => reject(unreachable('The connection was refused.'))), { once: true })
      ws.addEventListener('error', () => done(() => reject(unreachable('The connection was refused.'))), { once: true })
    })
    // set before the first message can come
    ws.addEventListener('message', ({ data }) => this.#receive(ws, data))
    try {
      await withSignal(opened, signal)
    } catch (error) {
      quietlyClose(ws, 1000)
      signal.throwIfAborted()
      await withSignal(this.#options.probe(), signal)
      throw error
    }
    this.#ws = ws
    this.#heardAtMs = now()
    ws.addEventListener('close', ({ code }) => this.#lost(ws, code))
    this.#watch = setInterval(() => this.#look(ws), WATCH_EVERY_MS)
    this.#change({ type: 'connection', state: 'open' })
  }

  #receive(ws: WebSocket, data: unknown): void {
    if (this.#ws !== undefined && ws !== this.#ws) return
    this.#heardAtMs = now()
    if (data instanceof ArrayBuffer) {
      if (data.byteLength >= BINARY_SEQ_OFFSET + 4) this.#count(new DataView(data).getUint32(BINARY_SEQ_OFFSET, true))
      this.#options.onBinary(data)
      return
    }
    const event = parseEvent(data)
    if (event === undefined) {
      this.#options.logger.warn('a message of the server was not understood', { length: String(data).length })
      return
    }
    if (event.type === 'pong') this.#ponged()
    else this.#count(event.seq)
    this.#options.onEvent(event)
  }

  #count(seq: number): void {
    if (seq > (this.#lastSeq ?? -1)) this.#lastSeq = seq
  }

  #sendPing(): void {
    this.#pingedAtMs ??= now()
    this.send({ type: 'ping' })
  }

  #ponged(): void {
    const tookMs = now() - (this.#pingedAtMs ?? now())
    this.#pingedAtMs = undefined
    for (const { resolve } of this.#pongs.splice(0)) resolve(tookMs)
  }

  #look(ws: WebSocket): void {
    const silentMs = now() - this.#heardAtMs
    if (silentMs > DEAD_AFTER_MS) this.#lost(ws, 1006)
    else if (silentMs > PING_AFTER_MS && ws.readyState === 1) this.#sendPing()
  }

  #drop(code: number): void {
    clearInterval(this.#watch)
    const ws = this.#ws
    this.#ws = undefined
    this.#pingedAtMs = undefined
    for (const { reject } of this.#pongs.splice(0)) reject(lostError())
    if (ws) quietlyClose(ws, code)
  }

  #lost(ws: WebSocket, code: number): void {
    if (ws !== this.#ws) return
    this.#drop(1000)
    const [name, row] = Object.entries(ERRORS).find(([, { close }]) => close === code) ?? []
    if (row && !row.retryable) {
      const error = avatarError({ code: name as keyof typeof ERRORS, message: `The server closed the connection (${code}).` })
      this.close(error)
      return
    }
    void this.#comeBack().catch((error: AvatarError) => {
      if (!this.#stop.signal.aborted) this.close(error)
    })
  }

  /** @throws AvatarError when the session is gone, or when it took too long */
  async #comeBack(): Promise<void> {
    const { signal } = this.#stop
    const giveUpAtMs = now() + this.#options.reconnectForMs
    for (let attempt = 1; ; attempt++) {
      this.#change({ type: 'connection', state: 'reconnecting', attempt })
      const hurried = new Promise<void>((resolve) => {
        this.#hurry = resolve
      })
      const pause = new AbortController()
      // given up below, when the hurry wins: nobody waits for this pause any more
      const paused = delay(backoffMs(attempt, RECONNECT_BASE_MS, RECONNECT_MAX_MS), pause.signal).catch(() => undefined)
      await withSignal(Promise.race([paused, hurried]), signal)
      pause.abort()
      try {
        return await this.#dial(signal)
      } catch (thrown) {
        signal.throwIfAborted()
        const error = thrown as AvatarError
        if (!error.retryable || now() > giveUpAtMs) throw error
        this.#options.logger.debug('connecting again failed', { attempt, code: error.code })
      }
    }
  }

  #change(event: ConnectionEvent): void {
    this.#state = event.state
    this.#options.onConnection(event)
  }
}

function lostError(): AvatarError {
  return avatarError({ code: 'NOT_CONNECTED', message: 'There is no connection now; call connect() first, or wait until it is back.' })
}

function unreachable(message: string): AvatarError {
  return avatarError({ code: 'CONNECTION_FAILED', message })
}

function quietlyClose(ws: WebSocket, code: number): void {
  try {
    ws.close(code)
  } catch {
    // it never opened, or is closed: closing twice is fine
  }
}

function parseEvent(data: unknown): ServerEvent | undefined {
  try {
    const event: unknown = JSON.parse(String(data))
    return typeof event === 'object' && event !== null && 'type' in event ? (event as ServerEvent) : undefined
  } catch {
    // undefined says so; the caller logs it
    return undefined
  }
}

function now(): number {
  return performance.now()
}
