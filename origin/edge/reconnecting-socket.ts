/** A socket that the origin dials to the edge and dials again when it breaks, with growing, jittered pauses. */
import { WebSocket } from 'ws'
import type { Logger } from '../log.ts'
import { webSocketAgent } from '../net/proxy.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
const HANDSHAKE_TIMEOUT_MS = 5_000
/** A link without any traffic is pinged; unanswered for one more period it counts as broken. */
const PING_MS = 5_000
/** Largest message from the edge: a minute of sound in base64, with room. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export interface LinkSocketOptions {
  url: string
  key: string
  log: Logger
  onOpen: () => void
  onText: (text: string) => void
  /** The edge refused the link for good (a status or close code of the 4xx kind): no further try. */
  onRefused: (why: string) => void
  /** The socket broke; the next try follows. */
  onLost?: () => void
}

export class LinkSocket {
  readonly #options: LinkSocketOptions
  #socket: WebSocket | undefined
  #pauseMs = FIRST_PAUSE_MS
  #timer: NodeJS.Timeout | undefined
  #pings: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LinkSocketOptions) {
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

  /** False when the link is down: the message is gone. */
  send(message: string | Uint8Array): boolean {
    if (!this.#socket || !this.isOpen) return false
    this.#socket.send(message)
    return true
  }

  /** Closes for good, after what was sent has left. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    clearInterval(this.#pings)
    this.#socket?.close(1000)
    // a peer that does not answer the close must not keep the socket
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
      this.#pauseMs = FIRST_PAUSE_MS
      this.#pings = setInterval(() => {
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
      // who listens to this must end the attempt, or neither `error` nor `close` follows
      socket.terminate()
    })
    socket.on('error', (error) => log.debug({ err: error }, 'link error'))
    socket.on('close', (code) => {
      clearInterval(this.#pings)
      if (this.#closed) return
      if (code >= 4400 && code < 4429) refusal = `the edge closed the link with ${code}`
      if (refusal === undefined) this.#retry()
      else this.#options.onRefused(refusal)
    })
  }

  #retry(): void {
    this.#options.onLost?.()
    const pause = this.#pauseMs * (0.5 + Math.random() / 2)
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    this.#timer = setTimeout(() => this.#dial(), pause)
  }
}
