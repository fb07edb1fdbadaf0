/**
 * The proxy of a company's network, for all that the origin asks and dials: `fetch` and Node's agents, which the packages of vendors
 * use, and web sockets, which need a tunnel (RFC 6455 section 4.1). Node does the former by itself only where it was started
 * with NODE_USE_ENV_PROXY, and then for this machine too.
 */
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import type { Logger } from '../log.ts'
import { type Environment, goesDirect, type ProxySettings, proxySettings } from './proxy-settings.ts'

/** ms until a proxy has to have answered. */
const CONNECT_TIMEOUT_MS = 10_000

interface InUse {
  settings: ProxySettings
  plain: http.Agent | undefined
  secure: https.Agent | undefined
}
let inUse: InUse | undefined

/**
 * Takes the environment's proxy into use for the process.
 *
 * @returns takes it out of use again
 * @throws Error that names the variable that is not right
 */
export function applyProxy(env: Environment, log: Pick<Logger, 'info' | 'warn'>): () => void {
  const settings = proxySettings(env)
  for (const warning of settings.warnings) log.warn(warning)
  if (!settings.http && !settings.https) return () => undefined
  const proxyEnv = {
    ...(settings.http ? { http_proxy: settings.http.href } : {}),
    ...(settings.https ? { https_proxy: settings.https.href } : {}),
    no_proxy: settings.direct.join(','),
  }
  const restore = http.setGlobalProxyFromEnv(proxyEnv)
  inUse = {
    settings,
    plain: settings.http && new TunnelAgent(settings.http),
    secure: settings.https && new https.Agent({ proxyEnv: { https_proxy: settings.https.href } }),
  }
  log.info({ http: settings.http?.host, https: settings.https?.host }, 'vendors and the edge are reached through a proxy')
  return () => {
    restore()
    inUse = undefined
  }
}

/** The agent for a web socket; undefined where it is dialled directly. */
export function webSocketAgent(address: string): http.Agent | undefined {
  const url = new URL(address)
  if (!inUse || goesDirect(inUse.settings, url)) return undefined
  return url.protocol === 'wss:' ? inUse.secure : inUse.plain
}

/** Tunnels for `ws:`. Node's own agent would ask the proxy to forward the request, and most proxies forward no upgrade. */
class TunnelAgent extends http.Agent {
  readonly #proxy: URL

  constructor(proxy: URL) {
    super()
    this.#proxy = proxy
  }

  override createConnection({ host, port }: http.ClientRequestArgs, callback?: (error: Error | null, socket: Socket) => void): undefined {
    const { protocol, hostname, port: proxyPort, username, password } = this.#proxy
    const target = `${host?.includes(':') ? `[${host}]` : host}:${port}`
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    const request = (protocol === 'https:' ? https : http).request({
      method: 'CONNECT',
      host: hostname.replace(/^\[|\]$/g, ''),
      port: proxyPort || (protocol === 'https:' ? 443 : 80),
      path: target,
      headers: {
        host: target,
        ...(username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
      },
      agent: false,
      timeout: CONNECT_TIMEOUT_MS,
    })
    // the agent reads the socket of a failure as none
    const fail = (error: Error): void => callback?.(error, undefined as unknown as Socket)
    request.once('connect', ({ statusCode }, socket) => {
      socket.setTimeout(0)
      if (statusCode === 200) {
        callback?.(null, socket)
        return
      }
      socket.destroy()
      fail(new Error(`the proxy answered ${statusCode} when it was asked for ${target}`))
    })
    request.once('response', ({ statusCode }) => request.destroy(new Error(`the proxy answered ${statusCode} without a tunnel`)))
    request.once('timeout', () => request.destroy(new Error('the proxy did not answer')))
    request.once('error', fail)
    request.end()
    return undefined
  }
}
