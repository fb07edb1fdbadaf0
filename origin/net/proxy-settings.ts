/** The proxy that the environment names, as curl and Node read it: lower-case names first. */

/** This machine is never asked for through a proxy. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]', '0.0.0.0']
const IS_LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

export type Environment = Readonly<Record<string, string | undefined>>

export interface ProxySettings {
  /** For `http:` and `ws:`. */
  http: URL | undefined
  /** For `https:` and `wss:`. */
  https: URL | undefined
  /** Hosts that are asked for directly, as in NO_PROXY. */
  direct: readonly string[]
  /** What of the environment has no effect here, in words. */
  warnings: readonly string[]
}

/** @throws Error that names the variable, and not its value, which may hold a password */
export function proxySettings(env: Environment): ProxySettings {
  const all = proxyOf(env, 'ALL_PROXY')
  const warnings: string[] = []
  const ownHttp = proxyOf(env, 'HTTP_PROXY')
  const ownHttps = proxyOf(env, 'HTTPS_PROXY')
  for (const [name, proxy] of [['HTTP_PROXY', ownHttp] as const, ['HTTPS_PROXY', ownHttps] as const]) {
    if (proxy === 'socks')
      throw new Error(`${name} names a SOCKS proxy, which the origin does not support; it must be an http:// or https:// address`)
  }
  const http = urlOf(ownHttp) ?? urlOf(all)
  // as Node's fetch has it: the proxy of the one serves the other where that has none
  const https = urlOf(ownHttps) ?? urlOf(all) ?? http
  if (all === 'socks' && !(http && https)) {
    warnings.push(
      'ALL_PROXY names a SOCKS proxy, which the origin does not support: it connects directly; set HTTPS_PROXY to an HTTP proxy',
    )
  }
  const listed = readVariable(env, 'NO_PROXY')
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
  if ((http || https) && listed.some((entry) => entry.includes('/'))) {
    warnings.push('NO_PROXY: ranges such as 10.0.0.0/8 are not understood; name the hosts')
  }
  const direct = listed.includes('*') ? ['*'] : [...new Set([...listed, ...LOOPBACK, ...loopbackHostsIn(env)])]
  return { http, https, direct, warnings }
}

/** Whether a host is asked for directly; entries are a name, with all names under it, or an address, each perhaps with a port. */
export function goesDirect({ direct }: Pick<ProxySettings, 'direct'>, { protocol, hostname, port }: URL): boolean {
  const askedPort = port || (/^(https|wss):$/.test(protocol) ? '443' : '80')
  return direct.some((entry) => {
    if (entry === '*') return true
    const withPort = /^(.+):(\d+)$/.exec(/^[^:]*:\d+$|\]:\d+$/.test(entry) ? entry : '')
    if (withPort && withPort[2] !== askedPort) return false
    const name = (withPort?.[1] ?? entry).replace(/^\*?\./, '').toLowerCase()
    return hostname === name || hostname.endsWith(`.${name}`)
  })
}

function readVariable(env: Environment, name: string): string {
  return env[name.toLowerCase()]?.trim() || env[name]?.trim() || ''
}

function proxyOf(env: Environment, name: string): URL | 'socks' | undefined {
  const value = readVariable(env, name)
  if (value === '') return undefined
  // `proxy:3128`, as curl takes it
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`)
  if (url && /^socks/.test(url.protocol)) return 'socks'
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new Error(`${name} must be the http:// or https:// address of a proxy`)
  return url
}

function urlOf(proxy: URL | 'socks' | undefined): URL | undefined {
  return proxy === 'socks' ? undefined : proxy
}

/** Hosts of configured addresses that are this machine by another number, such as 127.0.0.2. */
function loopbackHostsIn(env: Environment): string[] {
  return Object.values(env).flatMap((value = '') => {
    const hostname = /^(https?|wss?):\/\//.test(value) ? (URL.parse(value)?.hostname ?? '') : ''
    return IS_LOOPBACK.test(hostname) ? [hostname] : []
  })
}
