/** What a proxy in front says about the address that was called. Read only where TRUSTED_PROXY says that there is one. */
import { type NamedHost, parseHost } from './host-names.ts'

export interface Forwarded {
  scheme?: 'http' | 'https'
  host?: NamedHost
  port?: string
  /** Path that the proxy took away, `/avatar`. */
  prefix?: string
}

const SCHEMES: Readonly<Record<string, 'http' | 'https'>> = { http: 'http', https: 'https', ws: 'http', wss: 'https' }

/**
 * X-Forwarded-Proto, -Host, -Port and -Prefix, each falling back to its part of Forwarded (RFC 7239). Proxies that add to a header
 * write at its end; what stands further left than our own proxies wrote may come from anybody.
 *
 * @param proxies how many stand in front: the value that counts is so many from the right, or the only one there is
 */
export function forwardedOf(headers: Headers, proxies: number): Forwarded {
  if (proxies === 0) return {}
  const pick = (values: string[]): string | undefined => values[Math.max(0, values.length - proxies)]
  const single = (name: string): string | undefined => pick(listOf(headers.get(name)))
  const standard = parseElement(pick(listOf(headers.get('forwarded'))) ?? '')
  const scheme = SCHEMES[(single('x-forwarded-proto') ?? standard.get('proto') ?? '').toLowerCase()]
  const host = parseHost(single('x-forwarded-host') ?? standard.get('host') ?? '')
  const port = portOf(single('x-forwarded-port'))
  const prefix = prefixOf(single('x-forwarded-prefix'))
  return {
    ...(scheme === undefined ? {} : { scheme }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(prefix === undefined ? {} : { prefix }),
  }
}

/** Elements of a list (RFC 9110 section 5.6.1); a comma within quotes separates nothing. */
function listOf(header: string | null): string[] {
  return (header?.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? []).map((element) => element.trim()).filter((element) => element !== '')
}

/** `proto=https;host="avatar.example:8443"`. */
function parseElement(element: string): Map<string, string> {
  const pairs = element.matchAll(/([\w-]+)=(?:"((?:\\.|[^"\\])*)"|([^;"]*))/g)
  return new Map(
    [...pairs].map(([, name = '', quoted, token = '']) => [name.toLowerCase(), (quoted ?? token).replace(/\\(.)/g, '$1').trim()]),
  )
}

/** The default ports say nothing that the scheme does not; proxies that are called by another proxy often name their own here. */
function portOf(text: string | undefined): string | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port > 0 && port < 65_536 && port !== 80 && port !== 443 ? String(port) : undefined
}

/** Undefined for what is no plain path. */
function prefixOf(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith('/')) return undefined
  try {
    const { host, pathname } = new URL(text, 'http://host')
    // another host, dots, a query or what must be escaped would not come out as it went in
    return host === 'host' && pathname === text ? text.replace(/\/+$/, '') : undefined
  } catch {
    // not a path at all
    return undefined
  }
}
