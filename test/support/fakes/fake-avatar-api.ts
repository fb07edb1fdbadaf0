/**
 * A server that speaks the documented API, for tests of the SDK: sessions, speech, chat, events, frames and tones. It invents
 * nothing: every answer has the contract's form, and the test decides when media comes.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ClientEvent, ServerEvent } from '../../../shared/events.ts'

export interface FakeCall {
  path: string
  body: Record<string, unknown>
  authorization: string | undefined
}
type Answer = { status: number; body?: unknown; headers?: Record<string, string>; raw?: string }
type WithoutCommon<Event> = Event extends { seq: number } ? Omit<Event, 'seq' | 'session_id'> : Event
export type FakeEvent = WithoutCommon<ServerEvent>

export const SESSION_ID = '550e8400-e29b-41d4-a716-446655440000'
/** A token in JWT form for SESSION_ID; nobody checks its signature here. */
export const TOKEN = `e30.${Buffer.from(JSON.stringify({ sub: SESSION_ID })).toString('base64url')}.c2ln`

export class FakeAvatarApi {
  readonly calls: FakeCall[] = []
  /** Every message of a client, in order. */
  readonly received: ClientEvent[] = []
  readonly upgrades: { url: URL; protocols: string }[] = []
  /** Answers that come before the usual ones, by path: taken from the front. */
  readonly scripted = new Map<string, Answer[]>()
  /** What a client's message sets off; by default what the contract says. */
  onEvent: (event: ClientEvent) => void = (event) => this.#react(event)
  /** Refuses sockets while true. */
  refusing = false
  seq = 0
  #sockets: WebSocket[] = []
  readonly #http = createServer((request, response) => void this.#serve(request, response))
  readonly #wss = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has('avatar') ? 'avatar' : false) })

  static async start(): Promise<FakeAvatarApi> {
    const api = new FakeAvatarApi()
    api.#http.on('upgrade', (request, socket, head) => {
      if (api.refusing) return void socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
      api.upgrades.push({
        url: new URL(request.url ?? '/', 'http://fake'),
        protocols: String(request.headers['sec-websocket-protocol'] ?? ''),
      })
      api.#wss.handleUpgrade(request, socket, head, (ws) => api.#accept(ws))
    })
    api.#http.listen(0, '127.0.0.1')
    await once(api.#http, 'listening')
    return api
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }
  get apiUrl(): string {
    return `http://127.0.0.1:${this.port}/v1`
  }
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/ws`
  }

  send(event: FakeEvent): void {
    const text = JSON.stringify({ seq: this.seq++, session_id: SESSION_ID, ...event })
    for (const ws of this.#sockets) ws.send(text)
  }

  sendBinary(message: Uint8Array): void {
    for (const ws of this.#sockets) ws.send(message)
  }

  /** Cuts all sockets. @param code undefined: without a goodbye */
  drop(code?: number): void {
    for (const ws of this.#sockets.splice(0)) code === undefined ? ws.terminate() : ws.close(code)
  }

  async stop(): Promise<void> {
    this.drop()
    this.#wss.close()
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  #accept(ws: WebSocket): void {
    this.#sockets.push(ws)
    ws.on('message', (data) => {
      const event = JSON.parse(String(data)) as ClientEvent
      this.received.push(event)
      this.onEvent(event)
    })
    ws.on('close', () => {
      this.#sockets = this.#sockets.filter((other) => other !== ws)
    })
    const resumed = this.upgrades.at(-1)?.url.searchParams.has('resume_from') ?? false
    this.send({ type: 'session_state', state: 'live', resumed, missed: 0 })
  }

  #react(event: ClientEvent): void {
    if (event.type === 'ping') this.send({ type: 'pong' })
    if (event.type === 'interrupt') {
      this.send({ type: 'interrupted', task_id: 'task_000001', played_ms: 320, spoken_text: 'Once upon', dropped_ms: 900, generation: 1 })
    }
    if (event.type === 'start_listening') this.send({ type: 'status', status: 'listening', message: '' })
    if (event.type === 'stop_listening') this.send({ type: 'status', status: 'idle', message: '' })
    if (event.type === 'audio_buffer_append') this.send({ type: 'audio_buffer_appended', buffered_ms: 100, appended_ms: 100 })
    if (event.type === 'audio_buffer_commit') {
      this.send({ type: 'audio_buffer_committed', task_id: 'task_audio1', duration_ms: 100 })
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const piece of request) text += String(piece)
    const path = (request.url ?? '').replace('/v1', '')
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    this.calls.push({ path, body, authorization: request.headers.authorization })
    const answer = this.scripted.get(path)?.shift() ?? this.#usual(path, body)
    const type = answer.raw === undefined ? 'application/json' : 'text/event-stream'
    response.writeHead(answer.status, { 'content-type': type, 'x-request-id': 'req_fake', ...answer.headers })
    response.end(answer.raw ?? JSON.stringify(answer.body))
  }

  #usual(path: string, { stream }: Record<string, unknown>): Answer {
    switch (path) {
      case '/streaming.new': {
        const limits = { join_timeout_s: 30, idle_timeout_s: 120, max_duration_s: 3600, resume_window_s: 30 }
        const ws_url = `${this.wsUrl}/${SESSION_ID}`
        return { status: 200, body: { session_id: SESSION_ID, ice_servers: [], access_token: TOKEN, ws_url, limits } }
      }
      case '/avatar.speak':
        return { status: 200, body: { task_id: 'task_000001', status: 'processing', duration_estimate: 1.5 } }
      case '/streaming.stop':
        return { status: 200, body: { status: 'stopped', duration: 1.5 } }
      case '/streaming.keep_alive':
        return { status: 200, body: { status: 'ok', expires_in_s: 120 } }
      case '/streaming.interrupt':
        return { status: 200, body: { status: 'interrupted', task_id: 'task_000001', played_ms: 1, spoken_text: '', dropped_ms: 2 } }
      case '/chat.completions':
        return stream === true
          ? { status: 200, raw: sse(['Hello', ' there', '!']) }
          : { status: 400, body: failure('INVALID_REQUEST', 'stream') }
      default:
        return { status: 404, body: failure('NOT_FOUND', `nothing at ${path}`) }
    }
  }
}

/** The documented error body. */
export function failure(code: string, message: string, details: Record<string, unknown> = {}): unknown {
  return { error: { code, message, details } }
}

/** A streamed chat as the reference writes it. @param failed an error body that breaks it off */
export function sse(pieces: readonly string[], failed?: unknown): string {
  const chunks = pieces.map((content) => JSON.stringify({ choices: [{ delta: { content } }] }))
  return [...chunks, ...(failed === undefined ? [] : [JSON.stringify(failed)]), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}
