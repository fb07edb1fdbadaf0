/** One client's socket: the media it asked for, its message limit and its backpressure. */
import * as z from 'zod'
import { SocketOptions } from '../../shared/events.ts'
import type { MediaWants, RelayClass } from '../../shared/link.ts'
import { closeQuietly, sendQuietly } from '../objects/sockets.ts'
import { FrameBackpressure } from './frame-backpressure.ts'
import { SlidingWindow } from './sliding-window.ts'

/** Kept on the socket through hibernation; `v` lets a later version read old attachments. */
export const ClientAttachment = z.object({
  v: z.literal(1),
  role: z.literal('client'),
  client_id: z.string(),
  options: SocketOptions.omit({ token: true, resume_from: true }),
  /** Has sent a frame_ack. */
  acks: z.boolean(),
  /** Has sent a ping that was not answered by the platform. */
  pings: z.boolean().default(false),
  /** WebRTC carries the media of the session. */
  webrtc: z.boolean().default(false),
})
export type ClientAttachment = z.infer<typeof ClientAttachment>

/** Classes that are requested by name in `events`, independent of the form of media. */
const NAMED_IN_EVENTS: Partial<Record<RelayClass, string>> = { word: 'words', stats: 'stats', level: 'levels' }

export type MediaForm = 'json' | 'binary'

export class ClientSocket {
  readonly ws: WebSocket
  readonly id: string
  readonly slidingWindow: SlidingWindow
  readonly frameBackpressure: FrameBackpressure
  /** When its last message came, Unix ms; after a hibernation, when the session awoke. */
  heardAt = Date.now()
  #attachment: ClientAttachment

  constructor(ws: WebSocket, attachment: ClientAttachment, messagesPerSecond: number) {
    this.ws = ws
    this.id = attachment.client_id
    this.slidingWindow = new SlidingWindow(messagesPerSecond)
    this.frameBackpressure = new FrameBackpressure(attachment.acks)
    this.#attachment = attachment
  }

  /** Acknowledges frames or pings by itself: its silence means something. */
  get tellsPresence(): boolean {
    return this.#attachment.acks || this.#attachment.pings
  }

  /** It has pinged, in words that the platform does not answer by itself. */
  pinged(): void {
    if (!this.#attachment.pings) this.#change({ pings: true })
  }

  get besideWebRtc(): boolean {
    return this.#attachment.options.webrtc === 'beside'
  }

  /** WebRTC carries the media: a socket that does not want media beside it gets none. */
  get webRtc(): boolean {
    return this.#attachment.webrtc
  }

  set webRtc(carries: boolean) {
    if (carries === this.#attachment.webrtc) return
    this.#change({ webrtc: carries })
  }

  /** Whether it gets this kind of media now: it wants it, and WebRTC does not carry it instead. */
  gets(kind: Exclude<RelayClass, 'control'>, form: MediaForm): boolean {
    return this.wants(kind, form) && (NAMED_IN_EVENTS[kind] !== undefined || !this.#attachment.webrtc || this.besideWebRtc)
  }

  wants(kind: Exclude<RelayClass, 'control'>, form: MediaForm): boolean {
    const { media, audio, video, events } = this.#attachment.options
    const name = NAMED_IN_EVENTS[kind]
    if (name !== undefined) return events.split(',').includes(name)
    if (media !== form) return false
    if (kind === 'frame') return video === 'on'
    return audio === (kind === 'clause' ? 'clauses' : 'chunks')
  }

  ack(frameId: number, now: number): void {
    if (this.frameBackpressure.ack(frameId, now)) this.#change({ acks: true })
  }

  /** False when the socket is closing: its close handler follows. */
  send(message: string | ArrayBuffer): boolean {
    return sendQuietly(this.ws, message)
  }

  close(code: number, reason: string): void {
    closeQuietly(this.ws, code, reason)
  }

  /** Kept on the socket, which outlives this object. */
  #change(changes: Partial<ClientAttachment>): void {
    this.#attachment = { ...this.#attachment, ...changes }
    this.ws.serializeAttachment(this.#attachment)
  }
}

/** The media that at least one of these clients wants. */
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
