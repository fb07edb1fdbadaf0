/** A client of the socket written from the API reference alone. */
import { PATIENCE_MS } from '../patience.ts'

export interface ReceivedEvent {
  type: string
  /** `performance.now()` at receipt. */
  atMs: number
  // the tests look into events by name
  [field: string]: unknown
}

export class SocketClient {
  readonly events: ReceivedEvent[] = []
  readonly openedMs: number
  closed: { code: number; reason: string } | undefined
  readonly #socket: WebSocket
  readonly #waiters = new Set<() => void>()

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.openedMs = performance.now()
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.events.push({ ...(JSON.parse(data) as { type: string }), atMs: performance.now() })
      for (const wake of this.#waiters) wake()
    })
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed = { code, reason }
      for (const wake of this.#waiters) wake()
    })
  }

  static async open(url: string): Promise<SocketClient> {
    const socket = new WebSocket(url)
    // listeners are set before the first message can come
    const client = new SocketClient(socket)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true })
      socket.addEventListener('error', () => reject(new Error(`no socket at ${url}`)), { once: true })
    })
    return client
  }

  send(event: unknown): void {
    this.#socket.send(typeof event === 'string' ? event : JSON.stringify(event))
  }

  of(type: string): ReceivedEvent[] {
    return this.events.filter((event) => event.type === type)
  }

  /** The first event of a type that passes, already received after index `from` or still to come. */
  async next(
    type: string,
    { from = 0, where = () => true }: { from?: number; where?: (event: ReceivedEvent) => boolean } = {},
  ): Promise<ReceivedEvent> {
    const find = (): ReceivedEvent | undefined => this.events.slice(from).find((event) => event.type === type && where(event))
    return await this.#until(
      find,
      () =>
        `${type}; the last events were ${this.events
          .slice(-8)
          .map((event) => event.type)
          .join(', ')}`,
    )
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    return await this.#until(
      () => this.closed,
      () => 'the socket to close',
    )
  }

  close(): void {
    this.#socket.close()
  }

  #until<T>(check: () => T | undefined, what: () => string): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(look)
      }
      const look = (): void => {
        const found = check()
        if (found === undefined) return
        done()
        resolve(found)
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`waited ${PATIENCE_MS / 1000} s for ${what()}`))
      }, PATIENCE_MS)
      this.#waiters.add(look)
      look()
    })
  }
}
