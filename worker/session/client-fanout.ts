/** The clients of one session: numbers each event and sends it to the clients that asked for it. Does not read media. */
import { BINARY_HEADER_BYTES, BINARY_KIND, BINARY_SEQ_OFFSET } from '../../shared/binary-media.ts'
import { type AvatarError, ERRORS } from '../../shared/errors.ts'
import type { OriginEvent } from '../../shared/events.ts'
import { type MediaWants, type RelayHeader, withSeq } from '../../shared/link.ts'
import { ClientAttachment, ClientSocket, mediaWants } from './client-socket.ts'
import type { EventLog } from './event-log.ts'

/** An event that the edge itself makes. */
export type EdgeEvent = OriginEvent extends infer Event ? (Event extends { session_id: string } ? Omit<Event, 'session_id'> : never) : never

/** ms without a message or a ping after which a client is gone; a page in the background may ping once a minute only. */
const SILENT_MS = 90_000

/** Byte offset of `frame_id` in a binary frame. */
const FRAME_ID_OFFSET = 8
const KINDS = { [BINARY_KIND.frame]: 'frame', [BINARY_KIND.clause]: 'clause', [BINARY_KIND.chunk]: 'chunk' } as const

export interface ClientFanoutOptions {
  sessionId: string
  messagesPerSecond: number
  events: EventLog
  /** Sockets that are open already, after a hibernation. */
  sockets: WebSocket[]
}

export class ClientFanout {
  readonly #sessionId: string
  readonly #messagesPerSecond: number
  readonly #events: EventLog
  readonly #clients = new Map<WebSocket, ClientSocket>()
  /** WebRTC carries the media, by the origin's last transport event. */
  #webRtc = false

  constructor({ sessionId, messagesPerSecond, events, sockets }: ClientFanoutOptions) {
    this.#sessionId = sessionId
    this.#messagesPerSecond = messagesPerSecond
    this.#events = events
    for (const ws of sockets) {
      const attachment = ClientAttachment.safeParse(ws.deserializeAttachment())
      if (attachment.success && ws.readyState === WebSocket.OPEN) this.#webRtc = this.#add(ws, attachment.data).webRtc || this.#webRtc
    }
  }

  get size(): number {
    return this.#clients.size
  }

  find(ws: WebSocket): ClientSocket | undefined {
    return this.#clients.get(ws)
  }

  /** A new socket: gets session_state first, then the events that it missed. */
  join(ws: WebSocket, attachment: Omit<ClientAttachment, 'webrtc'>, state: 'live' | 'reconnecting', resumeFrom: number | undefined): void {
    const placed = { ...attachment, webrtc: this.#webRtc }
    ws.serializeAttachment(placed)
    const client = this.#add(ws, placed)
    const replay = resumeFrom === undefined ? { events: [], missed: 0 } : this.#events.since(resumeFrom, Date.now())
    this.tell(client, { type: 'session_state', state, resumed: resumeFrom !== undefined, missed: replay.missed })
    for (const event of replay.events) client.send(event)
  }

  #carryByWebRtc(carries: boolean): void {
    this.#webRtc = carries
    // also on each socket: sockets outlive this object
    for (const client of this.#clients.values()) client.webRtc = carries
  }

  /** @returns false when it was no client's socket */
  leave(ws: WebSocket): boolean {
    return this.#clients.delete(ws)
  }

  /** The media that any socket wants, and the part of it that is wanted also while WebRTC carries the media. */
  wants(): { wants: MediaWants; beside: MediaWants } {
    const clients = [...this.#clients.values()]
    return { wants: mediaWants(clients), beside: mediaWants(clients.filter((client) => client.besideWebRtc)) }
  }

  /** An event that the origin made, as JSON without `seq`. */
  relay(header: RelayHeader, eventJson: string): void {
    const seq = this.#events.nextSeq()
    const json = withSeq(eventJson, seq)
    if (header.class !== 'control') {
      for (const client of this.#clients.values()) {
        if (!client.gets(header.class, 'json')) continue
        if (header.class === 'frame') this.#sendFrame(client, json, header.frame_id)
        else client.send(json)
      }
    } else if (header.to === undefined) {
      if (header.transport !== undefined) this.#carryByWebRtc(header.transport === 'webrtc')
      this.#events.keep(seq, json, Date.now())
      for (const client of this.#clients.values()) client.send(json)
    } else {
      for (const client of this.#clients.values()) if (client.id === header.to) client.send(json)
    }
  }

  /** One binary frame or sound; `seq` is written into its header. */
  relayBinary(message: ArrayBuffer): void {
    if (message.byteLength < BINARY_HEADER_BYTES) return
    const view = new DataView(message)
    const kind = KINDS[view.getUint8(1) as keyof typeof KINDS]
    if (kind === undefined) return
    view.setUint32(BINARY_SEQ_OFFSET, this.#events.nextSeq(), true)
    for (const client of this.#clients.values()) {
      if (!client.gets(kind, 'binary')) continue
      if (kind === 'frame') this.#sendFrame(client, message, view.getUint32(FRAME_ID_OFFSET, true))
      else client.send(message)
    }
  }

  /** Sends an event of the edge to everyone. `kept`: clients that resume get it too. */
  announce(event: EdgeEvent, { kept = false }: { kept?: boolean } = {}): void {
    // another process of the origin: the WebRTC connection ended with the one before
    if (event.type === 'session_state' && event.state === 'live' && !event.resumed) this.#carryByWebRtc(false)
    const seq = this.#events.nextSeq()
    const json = this.#numbered(event, seq)
    if (kept) this.#events.keep(seq, json, Date.now())
    for (const client of this.#clients.values()) client.send(json)
  }

  tell(client: ClientSocket, event: EdgeEvent): void {
    client.send(this.#numbered(event, this.#events.nextSeq()))
  }

  tellError(client: ClientSocket, { code, message, details }: Pick<AvatarError, 'code' | 'message' | 'details'>): void {
    this.tell(client, { type: 'error', code, message, details })
  }

  /**
   * Clients that used to tell that they are there, and have been silent for SILENT_MS. One that never pings nor acknowledges says
   * nothing about itself, and is not among them.
   *
   * @param pongedAt when the platform last answered a ping of a socket, Unix ms
   */
  silent(now: number, pongedAt: (ws: WebSocket) => number | undefined): ClientSocket[] {
    return [...this.#clients.values()].filter((client) => {
      const ponged = pongedAt(client.ws)
      const heardAt = Math.max(ponged ?? 0, client.heardAt ?? 0)
      return (ponged !== undefined || client.tellsPresence) && now - heardAt >= SILENT_MS
    })
  }

  closeAll(code: number, reason: string): void {
    for (const client of this.#clients.values()) client.close(code, reason)
    this.#clients.clear()
  }

  #add(ws: WebSocket, attachment: ClientAttachment): ClientSocket {
    const client = new ClientSocket(ws, attachment, this.#messagesPerSecond)
    this.#clients.set(ws, client)
    return client
  }

  #numbered(event: EdgeEvent, seq: number): string {
    return JSON.stringify({ seq, session_id: this.#sessionId, ...event })
  }

  #sendFrame(client: ClientSocket, message: string | ArrayBuffer, frameId: number): void {
    const now = Date.now()
    // some runtimes have no bufferedAmount on server sockets; its type does not say so
    const verdict = client.frameBackpressure.admit(frameId, now, (client.ws as { bufferedAmount?: number }).bufferedAmount)
    if (verdict === 'close') {
      this.tellError(client, { code: 'SLOW_CLIENT', message: 'No frame was taken for 10 s; connect again.', details: {} })
      client.close(ERRORS.SLOW_CLIENT.close, 'too slow')
      return
    }
    if (verdict === 'send') client.send(message)
    const report = client.frameBackpressure.takeReport(now)
    if (report !== undefined) this.tell(client, { type: 'frames_dropped', ...report })
  }
}
