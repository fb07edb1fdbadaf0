/** A WebSocket that the origin opens to the edge, and opens again when it breaks, with exponential, jittered pauses. */
import { WebSocket } from 'ws'
import type { Logger } from '../log.ts'
import { webSocketAgent } from '../net/proxy.ts'

const FIRST_RETRY_MS = 200
const MAX_RETRY_MS = 5_000
const HANDSHAKE_TIMEOUT_MS = 5_000
/** ms between pings; a link without any message or pong for one period counts as broken. */
const PING_MS = 5_000
/** Largest message from the edge: a minute of audio in base64, with room. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export interface ReconnectingSocketOptions {
  url: string
  key: string
  log: Logger
  onOpen: () => void
  onText: (text: string) => void
  /** The edge rejected the link for good (a status or close code of the 4xx kind): there is no further attempt. */
  onRefused: (why: string) => void
  /** The socket broke; the next attempt follows. */
  onLost?: () => void
}

export class ReconnectingSocket {
  readonly #options: ReconnectingSocketOptions
  #socket: WebSocket | undefined
  #retryMs = FIRST_RETRY_MS
  #retryTimer: NodeJS.Timeout | undefined
  #pingTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ReconnectingSocketOptions) {
    this.#options = options
    this.#dial()
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Bytes that wait in the process because the network is slower. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0
  }

  /** @returns false when the link is down and the message is lost */
  send(message: string | Uint8Array): boolean {
    if (!this.#socket || !this.isOpen) return false
    this.#socket.send(message)
    return true
  }

  /** Closes for good, after what was sent has left. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#retryTimer)
    clearInterval(this.#pingTimer)
    this.#socket?.close(1000)
    // a peer that does not answer the close must not keep the socket open
    const socket = this.#socket
    setTimeout(() => socket?.terminate(), 1_000).unref()
  }

  #dial(): void {
    const { url, key, onOpen, onText, log } = this.#options
    const socket = new WebSocket(url, {
      agent: webSocketAgent(url),
      headers: { authorization: `Bearer ${key}` },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    })
    this.#socket = socket
    let refusal: string | undefined
    let alive = true
    socket.on('open', () => {
      this.#retryMs = FIRST_RETRY_MS
      this.#pingTimer = setInterval(() => {
        if (!alive) socket.terminate()
        alive = false
        socket.ping()
      }, PING_MS)
      onOpen()
    })
    socket.on('pong', () => {
      alive = true
    })
    socket.on('message', (data, isBinary) => {
      alive = true
      if (!isBinary) onText(data.toString())
    })
    socket.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0
      if (status >= 400 && status < 500 && status !== 408 && status !== 429) refusal = `the edge answered ${status}`
      // with a listener for this event, `ws` emits neither `error` nor `close` until the socket is terminated
      socket.terminate()
    })
    socket.on('error', (error) => log.debug({ err: error }, 'link error'))
    socket.on('close', (code) => {
      clearInterval(this.#pingTimer)
      if (this.#closed) return
      if (code >= 4400 && code < 4429) refusal = `the edge closed the link with ${code}`
      if (refusal === undefined) this.#retry()
      else this.#options.onRefused(refusal)
    })
  }

  #retry(): void {
    this.#options.onLost?.()
    const pause = this.#retryMs * (0.5 + Math.random() / 2)
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
    this.#retryTimer = setTimeout(() => this.#dial(), pause)
  }
}
