/** Opening WebSockets inside Durable Objects, and how the Worker tells an object what it has checked. */
import * as z from 'zod'
import { SocketOptions } from '../../shared/events.ts'
import type { Failure } from './result.ts'

/** Only the Worker sets it, on requests that it builds itself; nothing of the outside request is passed on. */
export const SOCKET_HEADER = 'x-avatar-socket'

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

/** A refusal inside an object, in a form that the Worker turns back into an error. */
export function refusal(error: Failure): Response {
  return Response.json({ error }, { status: 409 })
}
