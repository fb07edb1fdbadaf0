/** Where this caller reaches us: what `ws_url`, `Location` and the description are made of. */
import type { AppContext } from './context.ts'
import { type Forwarded, forwardedOf } from './forwarded.ts'

/** Base of the API without a slash at the end: `https://avatar.example/prefix`. PUBLIC_URL, or the address as it was called. */
export function apiBase(context: AppContext): string {
  const config = context.get('config')
  if (config.PUBLIC_URL !== undefined) return config.PUBLIC_URL
  const forwarded = forwardedOf(context.req.raw.headers, config.TRUSTED_PROXY)
  return `${originOf(new URL(context.req.url), forwarded)}${forwarded.prefix ?? ''}`
}

/** Path of that base, for addresses that leave out the host: empty, or `/prefix`. */
export function pathPrefix(context: AppContext): string {
  return new URL(apiBase(context)).pathname.replace(/\/$/, '')
}

/**
 * Base of `ws_url`: WS_URL; else below the API's, which takes sockets too. A port of its own for sockets counts for whoever called
 * the API's own port: behind a proxy or another mapping of ports it may not be reachable.
 */
export function socketBase(context: AppContext): string {
  const { WS_URL, PUBLIC_URL, TRUSTED_PROXY, SOCKET_PORT, PORT } = context.get('config')
  if (WS_URL !== undefined) return WS_URL
  const base = new URL(apiBase(context))
  const direct = PUBLIC_URL === undefined && Object.keys(forwardedOf(context.req.raw.headers, TRUSTED_PROXY)).length === 0
  if (SOCKET_PORT !== undefined && direct && base.protocol === 'http:' && Number(base.port || 80) === PORT) {
    base.port = String(SOCKET_PORT)
  }
  return `${base.href.replace(/^http/, 'ws').replace(/\/+$/, '')}/ws`
}

function originOf(url: URL, { scheme, host, port }: Forwarded): string {
  const called = new URL(url.origin)
  // the port goes with the host: that of the inner address says nothing about the outer one
  if (host !== undefined) {
    called.hostname = host.name
    called.port = host.port
  }
  if (port !== undefined && called.port === '') called.port = port
  const origin = new URL(called.origin)
  if (scheme !== undefined) origin.protocol = `${scheme}:`
  return origin.origin
}
