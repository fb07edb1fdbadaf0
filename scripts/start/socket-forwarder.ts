/** Forwards connections to wrangler, which has one port, at an address that only this machine knows. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { REFUSAL, withoutWranglerHeaders } from './wrangler-headers.ts'

export interface ForwarderOptions {
  to: { host: string; port: number }
  /** ms without a byte after which a connection ends whose client will send no more. */
  halfOpenMs?: number
  /** ms that a client has to close its side after the other end is done. */
  lingerMs?: number
}

const HALF_OPEN_MS = 60_000
const LINGER_MS = 5_000
/** A peer that vanished without a word is asked after this much silence, ms. */
const KEEP_ALIVE_MS = 30_000

export function createForwarder({ to, halfOpenMs = HALF_OPEN_MS, lingerMs = LINGER_MS }: ForwarderOptions): Server {
  const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  return createServer(options, (client) => {
    const target = connect({ ...to, ...options })
    join(client, target, halfOpenMs, lingerMs)
  })
}

/** Each side gets what the other one sends, its end included; neither outlives the other by more than its limit. */
function join(client: Socket, target: Socket, halfOpenMs: number, lingerMs: number): void {
  target.pipe(client)
  const destroyBoth = (): void => {
    client.destroy()
    target.destroy()
  }
  const checked = withoutWranglerHeaders(() => {
    target.destroy()
    client.end(REFUSAL)
    client.setTimeout(lingerMs, destroyBoth)
  })
  client.pipe(checked).pipe(target)
  // `close` follows
  client.on('error', () => undefined)
  target.on('error', () => undefined)
  // the answer to what it sent may still come
  client.once('end', () => target.setTimeout(halfOpenMs, destroyBoth))
  // what waits for a slow client still leaves
  target.once('end', () => client.setTimeout(lingerMs, destroyBoth))
  client.once('close', destroyBoth)
  target.once('close', () => {
    if (!target.readableEnded && !client.writableEnded) destroyBoth()
  })
}
