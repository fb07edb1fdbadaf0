/** Who may call from where. With keys: anybody, browsers by ALLOWED_ORIGINS. In open mode, where no key protects: this machine. */
import type { MiddlewareHandler } from 'hono'
import { AvatarError } from '../../shared/errors.ts'
import type { Config } from '../env.ts'
import type { AppContext, AppEnv } from './context.ts'
import { forwardedOf } from './forwarded.ts'
import { isListed, isLoopback, type NamedHost, parseHost, withoutDot } from './host-names.ts'

/** Origins dial in from other machines; what they ask for needs ORIGIN_KEY in every mode. */
const WITH_ORIGIN_KEY = /^\/link\//
/** Names in answers. */
const MAX_NAME = 256

/**
 * Refuses calls of strangers, and names the web origin that may read the answer.
 *
 * @throws AvatarError HOST_NOT_ALLOWED, ORIGIN_NOT_ALLOWED
 */
export const admission: MiddlewareHandler<AppEnv> = async (context, next) => {
  const config = context.get('config')
  const allowed = config.AUTH_MODE === 'open' ? admitLocal(context, config) : listedOrigin(context, config)
  if (allowed !== undefined) context.set('allowedOrigin', allowed)
  await next()
}

function listedOrigin(context: AppContext, { ALLOWED_ORIGINS }: Config): string | undefined {
  return ALLOWED_ORIGINS.includes('*') ? '*' : ALLOWED_ORIGINS.find((origin) => origin === context.req.header('origin'))
}

/** In open mode: the web origin that calls, if one does, once it is known to be no stranger. */
function admitLocal(context: AppContext, config: Config): string | undefined {
  if (WITH_ORIGIN_KEY.test(context.req.path)) return undefined
  const hosts = requireOwnHosts(context, config)
  const origin = context.req.header('origin')
  if (origin !== undefined) {
    if (!mayCall(origin, hosts, config)) throw strangeOrigin(origin)
    return origin
  }
  // a page of elsewhere that asks in the way of <img> and <script>, which send no Origin; following a link is fine
  if (context.req.header('sec-fetch-site') === 'cross-site' && context.req.header('sec-fetch-mode') !== 'navigate') {
    throw strangeOrigin('another site')
  }
  return undefined
}

/**
 * The hosts that this request names, all of them ours. A page whose name was made to resolve to this machine (DNS rebinding) is the
 * same origin for its browser, and is known by the name that it calls.
 */
function requireOwnHosts(context: AppContext, config: Config): NamedHost[] {
  const { headers } = context.req.raw
  const called = new URL(context.req.url)
  const named = headers.get('host')
  const header = named === null ? undefined : parseHost(named)
  if (named !== null && header === undefined) throw strangeHost(named)
  const { host: forwarded } = forwardedOf(headers, config.TRUSTED_PROXY)
  const base = config.PUBLIC_URL === undefined ? undefined : hostOf(new URL(config.PUBLIC_URL))
  const hosts = [hostOf(called), header, forwarded].filter((host) => host !== undefined)
  for (const { name } of hosts) {
    if (!isLoopback(name) && name !== base?.name && !isListed(name, config.ALLOWED_HOSTS)) throw strangeHost(name)
  }
  return base === undefined ? hosts : [...hosts, base]
}

/** Loopback whatever the port, the host that was called, or listed. `*`, the default of the list, lists nobody here. */
function mayCall(origin: string, hosts: NamedHost[], { ALLOWED_ORIGINS }: Config): boolean {
  if (origin !== '*' && ALLOWED_ORIGINS.includes(origin)) return true
  const caller = webOrigin(origin)
  return caller !== undefined && (isLoopback(caller.name) || hosts.some(({ name, port }) => name === caller.name && port === caller.port))
}

/** Undefined for `null`, for a list, and for what is no page's. */
function webOrigin(origin: string): NamedHost | undefined {
  const [, host] = /^https?:\/\/([^/]+)$/i.exec(origin) ?? []
  if (host === undefined || parseHost(host) === undefined) return undefined
  return hostOf(new URL(origin))
}

/** A port that is the scheme's own is left out, as browsers and proxies do. */
function hostOf({ hostname, port }: URL): NamedHost {
  return { name: withoutDot(hostname), port }
}

function strangeHost(host: string): AvatarError {
  const message =
    'Without keys this server answers to the names of its own machine only. Add the host to ALLOWED_HOSTS, or set AUTH_MODE=keys and API_KEYS.'
  return new AvatarError('HOST_NOT_ALLOWED', message, { host: host.slice(0, MAX_NAME) })
}

function strangeOrigin(origin: string): AvatarError {
  const message =
    'Without keys only pages of this machine may call. Add the page’s origin to ALLOWED_ORIGINS, or set AUTH_MODE=keys and API_KEYS.'
  return new AvatarError('ORIGIN_NOT_ALLOWED', message, { origin: origin.slice(0, MAX_NAME) })
}
