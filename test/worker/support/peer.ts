/** A WebSocket end of a test, with waiters that say what they waited for. */
import { PATIENCE_MS } from '../../support/patience.ts'

export type Json = Record<string, unknown>
type Received = string | ArrayBuffer

export class Peer {
  readonly ws: WebSocket
  /** Everything received and not yet taken. */
  readonly inbox: Received[] = []
  closed: { code: number; reason: string } | undefined
  #wake: (() => void)[] = []

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.binaryType = 'arraybuffer'
    ws.addEventListener('message', ({ data }) => {
      this.inbox.push(data as Received)
      this.#notify()
    })
    ws.addEventListener('close', ({ code, reason }) => {
      this.closed ??= { code, reason }
      this.#notify()
    })
    ws.accept()
  }

  send(message: unknown): void {
    this.ws.send(message instanceof ArrayBuffer || typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Takes the first message that `pick` returns something for; others before it stay. */
  async take<T>(what: string, pick: (message: Received) => T | undefined): Promise<T> {
    for (;;) {
      for (const [index, message] of this.inbox.entries()) {
        const picked = pick(message)
        if (picked === undefined) continue
        this.inbox.splice(index, 1)
        return picked
      }
      await this.#next(what)
    }
  }

  /** Takes the next JSON message of this type. */
  next(type: string): Promise<Json> {
    return this.take(`an event ${type}`, (message) => {
      const json = asJson(message)
      return json?.type === type ? json : undefined
    })
  }

  nextBinary(): Promise<ArrayBuffer> {
    return this.take('a binary message', (message) => (typeof message === 'string' ? undefined : message))
  }

  async closing(): Promise<{ code: number; reason: string }> {
    while (this.closed === undefined) await this.#next('the socket to close')
    return this.closed
  }

  /** What of this type has arrived and was not taken. */
  waiting(type: string): Json[] {
    return this.inbox.flatMap((message) => {
      const json = asJson(message)
      return json?.type === type ? [json] : []
    })
  }

  async #next(what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = this.inbox.map((message) => (typeof message === 'string' ? message.slice(0, 120) : `${message.byteLength} bytes`))
        reject(new Error(`waited in vain for ${what}; closed: ${JSON.stringify(this.closed)}; inbox: ${seen.join(' | ')}`))
      }, PATIENCE_MS)
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

function asJson(message: Received): Json | undefined {
  if (typeof message !== 'string' || !message.startsWith('{')) return undefined
  return JSON.parse(message) as Json
}
