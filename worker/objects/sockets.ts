/** WebSockets of Durable Objects: opening them by a request of the Worker, sending and closing. */
import * as z from 'zod'
import { ERRORS } from '../../shared/errors.ts'
import { SocketOptions } from '../../shared/events.ts'
import { PROTOCOL_VERSION } from '../../shared/version.ts'
import type { Failure } from './result.ts'

/** Set by the Worker alone, on requests that it builds itself; nothing of the outside request is passed on. */
const SOCKET_HEADER = 'x-avatar-socket'

export const SocketRole = z.discriminatedUnion('role', [
  z.object({ role: z.literal('client'), tenant: z.string(), options: SocketOptions, protocol: z.string().nullable() }),
  z.object({ role: z.literal('origin') }),
])
export type SocketRole = z.infer<typeof SocketRole>

/** The request that opens a socket at an object. */
export function socketRequest(role: SocketRole): Request {
  return new Request('https://object/socket', { headers: { upgrade: 'websocket', [SOCKET_HEADER]: JSON.stringify(role) } })
}

export function socketRole(request: Request): SocketRole {
  return SocketRole.parse(JSON.parse(request.headers.get(SOCKET_HEADER) ?? 'null'))
}

/**
 * The 101 that hands `ws` out. The header declines compression, which would cost more than it saves on JPEG and WAV;
 * the runtime would otherwise agree to it with every browser.
 */
export function socketResponse(ws: WebSocket, protocol: string | null = null): Response {
  const headers = new Headers({ 'sec-websocket-extensions': 'none' })
  if (protocol !== null) headers.set('sec-websocket-protocol', protocol)
  return new Response(null, { status: 101, webSocket: ws, headers })
}

/** An object's refusal of a socket, which the Worker turns back into an error. */
export function refusal(error: Failure): Response {
  return Response.json({ error }, { status: 409 })
}

/** Closes a socket that may be closed already. */
export function closeQuietly(ws: WebSocket, code: number, reason: string): void {
  try {
    ws.close(code, reason.slice(0, 120))
  } catch {
    // closed already: closing twice is fine
  }
}

/** Answers the other side's close; 1005 and 1006 stand for "no code" and must not be sent. */
export function answerClose(ws: WebSocket, code: number): void {
  closeQuietly(ws, code === 1005 || code === 1006 ? 1000 : code, '')
}

/** False when the socket is closing: its close handler does the rest. */
export function sendQuietly(ws: WebSocket, message: string | ArrayBuffer): boolean {
  try {
    ws.send(message)
    return true
  } catch {
    // send throws once the socket is closing
    return false
  }
}

/** Refuses an origin that speaks another version of the protocol; true when it was refused. */
export function refuseOtherProtocol(ws: WebSocket, protocolVersion: number): boolean {
  if (protocolVersion === PROTOCOL_VERSION) return false
  closeQuietly(ws, ERRORS.INVALID_REQUEST.close, `this edge speaks protocol ${PROTOCOL_VERSION}`)
  return true
}
