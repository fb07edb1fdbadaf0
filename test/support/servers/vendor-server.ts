/** A local server that plays a vendor: every request is answered by the test's script, byte by byte. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request and the way to answer it. */
export class Exchange {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** Empty for a form. */
  readonly body: Record<string, unknown>
  /** Resolves when the connection is gone before the answer was complete. */
  readonly cancelled: Promise<void>
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, body: string, response: ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://local')
    this.method = request.method ?? ''
    this.path = url.pathname
    this.query = url.searchParams
    this.headers = request.headers
    const isJson = body !== '' && !(this.headers['content-type'] ?? '').startsWith('multipart/')
    this.body = isJson ? (JSON.parse(body) as Record<string, unknown>) : {}
    this.#response = response
    this.cancelled = new Promise((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
  }

  head(status: number, headers: Record<string, string> = {}): void {
    this.#response.writeHead(status, headers).flushHeaders()
  }
  /** @param chunkBytes size of the pieces that it is written in */
  async send(data: string | Uint8Array, chunkBytes = Number.POSITIVE_INFINITY): Promise<void> {
    const bytes = Buffer.from(data)
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      await new Promise<void>((resolve) => this.#response.write(bytes.subarray(at, at + chunkBytes), () => resolve()))
    }
  }
  end(data?: string): void {
    this.#response.end(data)
  }
  json(status: number, body: unknown, headers: Record<string, string> = {}): void {
    this.head(status, { 'content-type': 'application/json', ...headers })
    this.end(JSON.stringify(body))
  }
  /** Ends the connection in the middle of the answer. */
  breakOff(): void {
    this.#response.destroy()
  }
}

type Script = (exchange: Exchange) => Promise<void> | void

export interface VendorServer {
  url: string
  /** What was asked, in order. */
  exchanges: Exchange[]
  /** Answers the next requests, one script each; the last one answers all that follow. */
  answer(...scripts: Script[]): void
  close(): Promise<void>
}

/** @param before answers requests that are not the test's subject; says whether it did */
export async function startVendorServer(before: (exchange: Exchange) => boolean = () => false): Promise<VendorServer> {
  let scripts: Script[] = []
  const exchanges: Exchange[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const exchange = new Exchange(request, body, response)
      if (before(exchange)) return
      exchanges.push(exchange)
      const script = scripts.length > 1 ? scripts.shift() : scripts[0]
      Promise.resolve(script ? script(exchange) : exchange.json(500, { error: 'the test has no script' })).catch(() => exchange.breakOff())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    answer: (...next) => {
      scripts = next
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A tone of this length, 16-bit little-endian at 24 kHz. */
export function pcmBytes(seconds: number): Buffer {
  const samples = Math.round(seconds * 24_000)
  const bytes = Buffer.alloc(samples * 2)
  for (let i = 0; i < samples; i++) bytes.writeInt16LE(Math.round(8000 * Math.sin(i / 8)), i * 2)
  return bytes
}

/** Something that happens when the test says so. */
export class Gate {
  open: () => void = () => undefined
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}
