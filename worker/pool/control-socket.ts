/** One origin's control socket, with the origin's hello and latest heartbeat. */
import * as z from 'zod'
import { type ControlDown, OriginHello, OriginLoad, type SessionReport } from '../../shared/link.ts'
import type { Placement, PoolOrigin } from '../objects/contracts.ts'
import { sendQuietly } from '../objects/sockets.ts'
import { storedHello } from './placements.ts'

/** Kept on the socket through hibernation; the whole hello may be too large for it and is kept in storage. */
const Attachment = z.object({ v: z.literal(1), origin_id: z.string(), boot_id: z.string(), load: OriginLoad, draining: z.boolean() })

export class ControlSocket {
  readonly hello: OriginHello
  readonly #ws: WebSocket
  load: OriginLoad
  draining = false
  /** When its last message came, Unix ms. */
  seenAt: number
  /** The latest reports of its sessions; empty after a hibernation until the next ones come. */
  reports = new Map<string, SessionReport>()

  constructor(ws: WebSocket, hello: OriginHello, now: number) {
    this.#ws = ws
    this.hello = hello
    this.load = hello.load
    this.seenAt = now
    this.remember()
  }

  get placement(): Placement {
    return { origin_id: this.hello.origin_id, boot_id: this.hello.boot_id }
  }

  beat(load: OriginLoad, reports: SessionReport[] | undefined, now: number): void {
    this.load = load
    this.seenAt = now
    if (reports !== undefined) this.reports = new Map(reports.map((report) => [report.session_id, report]))
    this.remember()
  }

  /** `on`: it takes no new sessions. */
  drain(on: boolean): void {
    this.draining = on
    this.remember()
  }

  /** False when the socket is closing. */
  send(message: ControlDown): boolean {
    return sendQuietly(this.#ws, JSON.stringify(message))
  }

  /** The origin as operators and metrics see it. @param sessions number of sessions placed on it */
  describe(sessions: number): PoolOrigin {
    const { origin_id, version, started_at, device, avatars } = this.hello
    return {
      origin_id,
      version,
      started_at,
      seen_at: this.seenAt,
      device,
      avatars: avatars.map(({ avatar_id }) => avatar_id),
      draining: this.draining,
      sessions,
      load: this.load,
    }
  }

  remember(): void {
    const { origin_id, boot_id } = this.hello
    // the figures of stages and turns can be larger than an attachment may be (2 KB); the next heartbeat brings them again
    const load = { ...this.load, render: {}, turns: {} }
    this.#ws.serializeAttachment({ v: 1, origin_id, boot_id, load, draining: this.draining } satisfies z.infer<typeof Attachment>)
  }
}

/** The control sockets that are still open after a hibernation. */
export function restoreControls(ctx: DurableObjectState): Map<WebSocket, ControlSocket> {
  const controls = new Map<WebSocket, ControlSocket>()
  for (const ws of ctx.getWebSockets('control')) {
    const attachment = Attachment.safeParse(ws.deserializeAttachment())
    if (!attachment.success || ws.readyState !== WebSocket.OPEN) continue
    const hello = OriginHello.safeParse(storedHello(ctx.storage, attachment.data.origin_id))
    if (!hello.success || hello.data.boot_id !== attachment.data.boot_id) continue
    const control = new ControlSocket(ws, hello.data, Date.now())
    control.load = attachment.data.load
    control.draining = attachment.data.draining
    controls.set(ws, control)
  }
  return controls
}
