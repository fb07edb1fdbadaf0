/** The environment of what is started: nothing calls home, and loopback never goes through a proxy. */

export type ChildEnv = Record<string, string>

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'] as const
const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]']
/** Of wrangler's own variables none is the user's: they would change what is started here. */
const WRANGLERS = /^(WRANGLER|CLOUDFLARE|CF|X_LOCAL)_/

/** For wrangler: it needs nothing that is not on this machine. */
export function edgeEnv(env: NodeJS.ProcessEnv): ChildEnv {
  const kept = Object.entries(env).filter(([name]) => !WRANGLERS.test(name) && !isProxyVariable(name))
  return {
    ...defined(kept),
    CI: '1',
    // it reads .env too, where a proxy may stand
    NO_PROXY: '*',
    no_proxy: '*',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    DO_NOT_TRACK: '1',
    // with the banner goes the look for a newer version
    WRANGLER_HIDE_BANNER: 'true',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_SEND_METRICS: 'false',
    X_LOCAL_EXPLORER: 'false',
    X_LOCAL_OBSERVABILITY: 'false',
  }
}

/**
 * For the origin: its calls to vendors go through the proxy that is set, those to this machine do not.
 *
 * @param file variables of `.env`, which the environment wins over
 * @param dial address of the edge
 */
export function originEnv(
  env: NodeJS.ProcessEnv,
  file: Readonly<Record<string, string>>,
  dial: string,
): { env: ChildEnv; notes: string[] } {
  const notes: string[] = []
  const both = { ...file, ...defined(Object.entries(env)) }
  const proxies: ChildEnv = {}
  const any = proxyOf(both, 'ALL_PROXY', notes)
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY'] as const) {
    const proxy = settingOf(both, name) === '' ? any : proxyOf(both, name, notes)
    if (proxy !== undefined) Object.assign(proxies, { [name]: proxy, [name.toLowerCase()]: proxy })
  }
  const direct = [...new Set([...`${settingOf(both, 'NO_PROXY')}`.split(',').map((host) => host.trim()), ...LOOPBACK, dial])]
  const noProxy = direct.filter((host) => host !== '').join(',')
  return {
    env: {
      ...defined(Object.entries(env).filter(([name]) => !isProxyVariable(name))),
      LOG_FORMAT: both.LOG_FORMAT?.trim() || 'pretty',
      NO_PROXY: noProxy,
      no_proxy: noProxy,
      // empty wins over what .env says
      NODE_USE_ENV_PROXY: Object.keys(proxies).length > 0 && env.NODE_USE_ENV_PROXY !== '0' ? '1' : '',
      ORT_DISABLE_TELEMETRY: '1',
      HTTP_PROXY: '',
      http_proxy: '',
      HTTPS_PROXY: '',
      https_proxy: '',
      ...proxies,
    },
    notes,
  }
}

/** As a URL; undefined where it is not set or none. */
function proxyOf(env: ChildEnv, name: (typeof PROXIES)[number], notes: string[]): string | undefined {
  const value = settingOf(env, name)
  if (value === '') return undefined
  const url = value.includes('://') ? value : `http://${value}`
  if (URL.canParse(url) && /^(https?|socks5?):$/.test(new URL(url).protocol)) return url
  notes.push(`${name} is no address of a proxy: it is left out`)
  return undefined
}

/** The name in small letters wins, as in other programs. */
function settingOf(env: ChildEnv, name: string): string {
  return env[name.toLowerCase()]?.trim() || env[name]?.trim() || ''
}

function isProxyVariable(name: string): boolean {
  return /^(HTTP_PROXY|HTTPS_PROXY|ALL_PROXY|NO_PROXY|NODE_USE_ENV_PROXY)$/i.test(name)
}

function defined(entries: [string, string | undefined][]): ChildEnv {
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
