/** One origin's control socket and what the origin has said of itself. */
import * as z from 'zod'
import { type ControlDown, OriginHello, OriginLoad, type SessionReport } from '../../shared/link.ts'
import type { Placement } from '../session/session-state.ts'
import { storedHello } from './placements.ts'

/** Survives hibernation on the socket; the rest of the hello may be too large for it and stands in storage. */
const Attachment = z.object({ v: z.literal(1), origin_id: z.string(), boot_id: z.string(), load: OriginLoad, draining: z.boolean() })

export class ControlSocket {
  readonly hello: OriginHello
  readonly #ws: WebSocket
  load: OriginLoad
  draining = false
  /** When it was last heard, Unix ms. */
  seenAt: number
  /** What the origin last said of its sessions; empty until it says it again after this object slept. */
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
    try {
      this.#ws.send(JSON.stringify(message))
      return true
    } catch {
      // the socket is closing; its close handler does the rest
      return false
    }
  }

  remember(): void {
    const { origin_id, boot_id } = this.hello
    // the figures of stages and turns can outgrow an attachment (2 KB); the next heartbeat brings them again
    const load = { ...this.load, render: {}, turns: {} }
    this.#ws.serializeAttachment({ v: 1, origin_id, boot_id, load, draining: this.draining } satisfies z.infer<typeof Attachment>)
  }
}

/** The control sockets that are still open after the object slept. */
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
