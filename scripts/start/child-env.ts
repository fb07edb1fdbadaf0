/** The environment of what is started: nothing calls home, and loopback never goes through a proxy. */
import { resolve } from 'node:path'
import { proxySettings } from '../../origin/net/proxy-settings.ts'

export type ChildEnv = Record<string, string>

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'] as const
/** Of wrangler's own variables none is the user's: they would change what is started here. */
const WRANGLERS = /^(WRANGLER|CLOUDFLARE|CF|X_LOCAL)_/

/**
 * What the origin holds, unless the environment says otherwise. Without a compile cache every thread loads Node's TypeScript compiler,
 * 11 MB each. glibc by itself has an arena for each thread, and keeps for good any block of up to 32 MB that was once given back.
 */
const MEMORY: ChildEnv = {
  NODE_COMPILE_CACHE: resolve('node_modules/.cache/origin'),
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '4194304',
  MALLOC_TRIM_THRESHOLD_: '4194304',
}

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
 * For the origin, which reads the proxy of its environment itself (origin/net/proxy-settings.ts): a value that would keep it from
 * starting is left out.
 *
 * @param file variables of `.env`, which the environment wins over
 */
export function originEnv(env: NodeJS.ProcessEnv, file: Readonly<Record<string, string>>): { env: ChildEnv; notes: string[] } {
  const both = { ...file, ...defined(Object.entries(env)) }
  const notes: string[] = []
  const leftOut: ChildEnv = {}
  for (const name of PROXIES.flatMap((each) => [each, each.toLowerCase()])) {
    const problem = proxyProblem(name, both[name])
    if (problem !== undefined) notes.push(`${problem}: it is left out`)
    // empty wins over what .env says
    if (problem !== undefined || env.NODE_USE_ENV_PROXY === '0') leftOut[name] = ''
  }
  return {
    env: {
      ...MEMORY,
      ...defined(Object.entries(env)),
      LOG_FORMAT: both.LOG_FORMAT?.trim() || 'pretty',
      ORT_DISABLE_TELEMETRY: '1',
      // Node by itself would go through the proxy to this machine too
      NODE_USE_ENV_PROXY: '',
      ...leftOut,
    },
    notes,
  }
}

/** Why the origin cannot take this value, in words without it; undefined where it can. */
function proxyProblem(name: string, value: string | undefined): string | undefined {
  try {
    proxySettings({ [name]: value })
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

function isProxyVariable(name: string): boolean {
  return /^(HTTP_PROXY|HTTPS_PROXY|ALL_PROXY|NO_PROXY|NODE_USE_ENV_PROXY)$/i.test(name)
}

function defined(entries: [string, string | undefined][]): ChildEnv {
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
