/** A local server that speaks OpenAI's realtime transcription over a WebSocket, as the test wants it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface RealtimeMessage {
  type: string
  event_id?: string
  audio?: string
  session?: unknown
}

/** One connection of a client. */
export class RealtimeLine {
  readonly messages: RealtimeMessage[] = []
  readonly url: string
  readonly authorization: string | undefined
  readonly #socket: WebSocket
  #items = 0

  constructor(socket: WebSocket, url: string, authorization: string | undefined) {
    this.#socket = socket
    this.url = url
    this.authorization = authorization
  }

  /** Samples of 24 kHz that were appended since the last clear. */
  get samples(): number {
    const since = this.messages.slice(this.messages.findLastIndex(({ type }) => type === 'input_audio_buffer.clear') + 1)
    return since.reduce((sum, { audio = '' }) => sum + Buffer.from(audio, 'base64').length / 2, 0)
  }

  send(event: Record<string, unknown>): void {
    this.#socket.send(JSON.stringify(event))
  }

  /** Acknowledges a commit. @returns the item's id */
  committed(): string {
    this.#items += 1
    const item_id = `item_${this.#items}`
    this.send({ type: 'input_audio_buffer.committed', item_id })
    return item_id
  }

  delta(item_id: string, delta: string): void {
    this.send({ type: 'conversation.item.input_audio_transcription.delta', item_id, delta })
  }

  completed(item_id: string, transcript: string): void {
    this.send({ type: 'conversation.item.input_audio_transcription.completed', item_id, transcript })
  }

  breakOff(): void {
    this.#socket.terminate()
  }
}

export interface RealtimeServer {
  url: string
  lines: RealtimeLine[]
  /** Connections are refused with this HTTP status. */
  refuse: number | undefined
  close(): Promise<void>
}

/** @param onMessage called for every message of a client */
export async function startRealtimeServer(onMessage: (line: RealtimeLine, message: RealtimeMessage) => void): Promise<RealtimeServer> {
  const http = createServer()
  const sockets = new WebSocketServer({ noServer: true })
  const started: RealtimeServer = {
    url: '',
    lines: [],
    refuse: undefined,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate()
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
  http.on('upgrade', (request, socket, head) => {
    if (started.refuse !== undefined) {
      socket.end(`HTTP/1.1 ${started.refuse} Refused\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const line = new RealtimeLine(client, request.url ?? '', request.headers.authorization)
      started.lines.push(line)
      client.on('message', (data) => {
        const message = JSON.parse(String(data)) as RealtimeMessage
        line.messages.push(message)
        onMessage(line, message)
      })
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  started.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`
  return started
}
