/** One client's socket: what it asked for, what it may send, what it is sent. */
import * as z from 'zod'
import { SocketOptions } from '../../shared/events.ts'
import type { MediaWants, RelayClass } from '../../shared/link.ts'
import { FrameFlow } from './frame-backpressure.ts'
import { MessageLimit } from './sliding-window.ts'

/** Survives hibernation on the socket itself; `v` lets a later version read old sockets. */
export const ClientAttachment = z.object({
  v: z.literal(1),
  role: z.literal('client'),
  client_id: z.string(),
  options: SocketOptions.omit({ token: true, resume_from: true }),
  /** Has sent a frame_ack. */
  acks: z.boolean(),
  /** WebRTC carries the media of the session. */
  webrtc: z.boolean().default(false),
})
export type ClientAttachment = z.infer<typeof ClientAttachment>

/** Classes that are asked for by name, whatever form media has. */
const FURTHER: Partial<Record<RelayClass, string>> = { word: 'words', stats: 'stats', level: 'levels' }

export type MediaForm = 'json' | 'binary'

export class ClientSocket {
  readonly ws: WebSocket
  readonly id: string
  readonly limit: MessageLimit
  readonly flow: FrameFlow
  #attachment: ClientAttachment

  constructor(ws: WebSocket, attachment: ClientAttachment, messagesPerSecond: number) {
    this.ws = ws
    this.id = attachment.client_id
    this.limit = new MessageLimit(messagesPerSecond)
    this.flow = new FrameFlow(attachment.acks)
    this.#attachment = attachment
  }

  get besideWebRtc(): boolean {
    return this.#attachment.options.webrtc === 'beside'
  }

  /** WebRTC carries the media: a socket that does not want it beside has none. */
  get webRtc(): boolean {
    return this.#attachment.webrtc
  }

  set webRtc(carries: boolean) {
    if (carries === this.#attachment.webrtc) return
    this.#attachment = { ...this.#attachment, webrtc: carries }
    this.ws.serializeAttachment(this.#attachment)
  }

  /** What it gets now of what it wants. */
  gets(kind: Exclude<RelayClass, 'control'>, form: MediaForm): boolean {
    return this.wants(kind, form) && (FURTHER[kind] !== undefined || !this.#attachment.webrtc || this.besideWebRtc)
  }

  wants(kind: Exclude<RelayClass, 'control'>, form: MediaForm): boolean {
    const { media, audio, video, events } = this.#attachment.options
    const further = FURTHER[kind]
    if (further !== undefined) return events.split(',').includes(further)
    if (media !== form) return false
    if (kind === 'frame') return video === 'on'
    return audio === (kind === 'clause' ? 'clauses' : 'chunks')
  }

  ack(frameId: number, now: number): void {
    if (!this.flow.ack(frameId, now)) return
    this.#attachment = { ...this.#attachment, acks: true }
    this.ws.serializeAttachment(this.#attachment)
  }

  /** False when the socket is closing: its close handler follows. */
  send(message: string | ArrayBuffer): boolean {
    try {
      this.ws.send(message)
      return true
    } catch {
      // send throws once the socket is closing; webSocketClose does the rest
      return false
    }
  }

  close(code: number, reason: string): void {
    closeQuietly(this.ws, code, reason)
  }
}

export function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  try {
    ws.close(code, reason.slice(0, 120))
  } catch {
    // closed already: closing twice is fine
  }
}

/** What any of these clients wants. */
export function mediaWants(clients: readonly ClientSocket[]): MediaWants {
  const any = (kind: Exclude<RelayClass, 'control'>, form: MediaForm) => clients.some((client) => client.wants(kind, form))
  return {
    frame_json: any('frame', 'json'),
    frame_binary: any('frame', 'binary'),
    clause_json: any('clause', 'json'),
    clause_binary: any('clause', 'binary'),
    chunk_json: any('chunk', 'json'),
    chunk_binary: any('chunk', 'binary'),
    words: any('word', 'json'),
    stats: any('stats', 'json'),
    levels: any('level', 'json'),
  }
}
