/**
 * Starts everything on this machine: the Worker (wrangler dev), its socket address, and the origin.
 * `--watch` reloads each part when its files change. Ctrl-C ends all of it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { proxySettings } from '../origin/net/proxy-settings.ts'

const HOST = process.env.HOST ?? '127.0.0.1'
const API_PORT = Number(process.env.PORT || 8000)
const SOCKET_PORT = Number(process.env.SOCKET_PORT || 8001)
const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 4_000
/** State of this port's edge: a second one on other ports stands beside it. */
const STATE_DIR = `.wrangler/${API_PORT}`
const LOCAL_VARS = `${STATE_DIR}/local.vars`
const watch = process.argv.includes('--watch')
const startedMs = performance.now()
const children = new Set<ChildProcess>()
/** ms before a part that fell is started again. */
const RESTART_PAUSE_MS = 1_000
/** True once everything was up: from then on a part that falls is started again. */
let ready = false
let stopping = false

function say(line: string): void {
  process.stdout.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${line}\n`)
}

/** Ends the whole with one line that says why. */
function giveUp(why: string): void {
  if (!stopping) process.stderr.write(`avatar: ${why}\n`)
  void stop(1)
}

function requirePorts(): void {
  const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536
  if (!isPort(API_PORT) || !isPort(SOCKET_PORT)) throw new Error('PORT and SOCKET_PORT must be numbers from 1 to 65535')
  if (API_PORT === SOCKET_PORT) throw new Error('PORT and SOCKET_PORT must differ')
}

async function requireFreePort(port: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const probe = createServer()
    probe.once('error', () => giveUp(`port ${port} is in use; stop what uses it, or set ${port === API_PORT ? 'PORT' : 'SOCKET_PORT'}`))
    probe.listen(port, HOST, () => probe.close(() => resolve()))
  })
}

/** Variables of the edge that may be set in the environment of this command; see worker/env.ts. */
const EDGE_VARIABLE =
  /^(AUTH_MODE|API_KEYS|ADMIN_KEYS|TOKEN_SECRET|ORIGIN_KEY|ALLOWED_ORIGINS|ALLOWED_HOSTS|TRUSTED_PROXY|PUBLIC_URL|WS_URL|ICE_SERVERS|TURN_[A-Z_]+|RATE_LIMIT_[A-Z]+|MAX_SESSIONS|[A-Z]+_(TIMEOUT|DURATION|WINDOW)_S)$/

/** The edge's configuration on this machine: secrets are made once and kept; `.dev.vars` wins over them, the environment over both. */
function localVars(): Record<string, string | undefined> {
  const kept = existsSync(LOCAL_VARS) ? parseEnv(readFileSync(LOCAL_VARS, 'utf8')) : {}
  const own = existsSync('.dev.vars') ? parseEnv(readFileSync('.dev.vars', 'utf8')) : {}
  const given = Object.fromEntries(Object.entries(process.env).filter(([name]) => EDGE_VARIABLE.test(name)))
  const secret = (): string => randomBytes(32).toString('hex')
  const vars: Record<string, string | undefined> = {
    AUTH_MODE: 'open',
    DEPLOYMENT: 'local',
    PORT: String(API_PORT),
    SOCKET_PORT: String(SOCKET_PORT),
    ORIGIN_KEY: kept.ORIGIN_KEY ?? secret(),
    TOKEN_SECRET: kept.TOKEN_SECRET ?? secret(),
    ...own,
    ...given,
  }
  mkdirSync(STATE_DIR, { recursive: true })
  const text = Object.entries(vars).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  writeFileSync(LOCAL_VARS, `${text.join('\n')}\n`, { mode: 0o600 })
  return vars
}

/** wrangler has one port: the second is a plain forwarder in front of it, so that the documented socket address works. */
function forwardSockets(): Server {
  const server = createServer({ noDelay: true }, (client) => {
    const edge = connect({ host: HOST, port: API_PORT, noDelay: true })
    client.pipe(edge).pipe(client)
    // either side may vanish; the other then ends too
    client.on('error', () => edge.destroy())
    edge.on('error', () => client.destroy())
  })
  return server.listen(SOCKET_PORT, HOST)
}

function run(name: string, args: string[], env: Record<string, string>, onExit: (code: number | null) => void): ChildProcess {
  // a process group of its own: Ctrl-C reaches it through `stop` only, and what it started itself ends with it
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  children.add(child)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() !== '' && !stopping) process.stdout.write(`${name.padEnd(6)} │ ${line}\n`)
    })
  }
  child.on('exit', (code) => {
    children.delete(child)
    if (stopping) return
    killGroup(child.pid)
    onExit(code)
  })
  return child
}

/** Ends a part with all that it started. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // nothing of it is left
  }
}

/** A part that fell is started again, if the whole was up once; else there is no use in it. */
function restart(what: string, code: number | null, start: () => void): void {
  if (!ready) {
    giveUp(`${what} could not start`)
    return
  }
  say(`${what} ended with code ${code}; starting it again`)
  setTimeout(() => {
    if (!stopping) start()
  }, RESTART_PAUSE_MS)
}

function startEdge(): void {
  const args = [
    'node_modules/wrangler/bin/wrangler.js',
    'dev',
    '--ip',
    HOST,
    '--port',
    String(API_PORT),
    '--env-file',
    LOCAL_VARS,
    '--persist-to',
    STATE_DIR,
    // the Worker is told the host that was called, also where wrangler.toml has routes
    '--infer-origin-from-routes=false',
  ]
  const quiet = ['--log-level', watch ? 'info' : 'error', '--show-interactive-dev-session=false', '--inspector-port', '0']
  const env = {
    CI: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    X_LOCAL_OBSERVABILITY: 'false',
    X_LOCAL_EXPLORER: 'false',
  }
  run('edge', [...args, ...quiet], env, (code) => restart('the edge', code, startEdge))
}

/** The demo page and the SDK it uses: built once, which takes a moment, and with `--watch` again at every change. */
async function buildPage(): Promise<boolean> {
  const built = await new Promise<boolean>((resolve) => {
    run('page', ['scripts/build-web.ts'], {}, (code) => resolve(code === 0))
  })
  if (!built) giveUp('the demo page could not be built')
  else if (watch) run('page', ['scripts/build-web.ts', '--watch'], {}, (code) => say(`the page is no longer watched (code ${code})`))
  return built
}

function startOrigin(vars: Record<string, string | undefined>): void {
  const env = { LOG_FORMAT: 'pretty', EDGE_URL: `ws://${HOST}:${API_PORT}`, ORIGIN_KEY: vars.ORIGIN_KEY ?? '' }
  const args = [
    ...(existsSync('.env') ? ['--env-file=.env'] : []),
    ...(watch ? ['--watch', '--watch-preserve-output'] : []),
    'origin/index.ts',
  ]
  run('origin', args, env, (code) => restart('the origin', code, () => startOrigin(vars)))
}

/** The parts find each other without the proxy that the environment may name, whatever its NO_PROXY says. */
function keepProxyOut(): void {
  const { http: plain, https, direct } = proxySettings(process.env)
  if (!plain && !https) return
  process.env.NO_PROXY = process.env.no_proxy = direct.join(',')
  // with it Node has read the variables already
  if (process.env.NODE_USE_ENV_PROXY) http.setGlobalProxyFromEnv(process.env)
}

async function stop(code: number): Promise<void> {
  if (stopping) return
  stopping = true
  process.exitCode = code
  const groups = [...children].map(({ pid }) => pid)
  for (const child of children) child.kill('SIGTERM')
  const byMs = performance.now() + STOP_TIMEOUT_MS
  while (children.size > 0 && performance.now() < byMs) await delay(20)
  for (const pid of groups) killGroup(pid)
  process.exit()
}

interface Health {
  services: { gpu: string }
  origins: number
}
/** What the edge answers instead while its variables do not fit. */
interface Unconfigured {
  error: { message: string; details: { variables?: string[] } }
}

async function untilReady(): Promise<Health | undefined> {
  while (performance.now() - startedMs < READY_TIMEOUT_MS) {
    try {
      const response = await fetch(`http://${HOST}:${API_PORT}/health`, { signal: AbortSignal.timeout(2_000) })
      const health = (await response.json()) as Health | Unconfigured
      if (!('error' in health)) {
        if (health.origins > 0) return health
      } else if (health.error.details.variables) {
        giveUp(health.error.message)
        return undefined
      }
    } catch {
      // not up yet: asked again until the time is over
    }
    await delay(100)
  }
  giveUp(`not ready after ${READY_TIMEOUT_MS / 1000} s; the lines above say what is missing`)
  return undefined
}

async function main(): Promise<void> {
  if (Number(process.versions.node.split('.')[0]) < 24) {
    giveUp(`Node 24 is needed, this is ${process.version}: start with "npm start", which brings its own`)
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0))
  requirePorts()
  keepProxyOut()
  await requireFreePort(API_PORT)
  await requireFreePort(SOCKET_PORT)
  say('starting the edge and the origin')
  const vars = localVars()
  startOrigin(vars)
  if (!(await buildPage())) return
  startEdge()
  const sockets = forwardSockets()
  sockets.on('error', (error) => giveUp(`port ${SOCKET_PORT}: ${error.message}`))
  const health = await untilReady()
  if (!health) return
  ready = true
  say(`ready, ${health.services.gpu === 'available' ? 'rendering on the GPU' : 'rendering on the CPU'}\n
         talk to her   http://localhost:${API_PORT}/
         API           http://localhost:${API_PORT}/v1   (documentation: http://localhost:${API_PORT}/docs)
         WebSocket     ws://localhost:${SOCKET_PORT}/ws
         Ctrl-C ends everything\n`)
}

main().catch((error: unknown) => giveUp(error instanceof Error ? error.message : String(error)))
