/** `npm start` as an operator meets it: parts that fall or hang, signals, addresses, proxies. */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../scripts/start/ports.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import type { SocketClient } from '../support/clients/socket-client.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { descendantsOf, isRunning, openHandles, type RunningProcess } from '../support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'

const WAIT = { timeout: PATIENCE_MS, interval: 50 }
const LISTENER = /workerd serve .*--socket-addr=entry=\S+:(?!0 )/
const MANY = 1_000

function find(system: RunningSystem, part: RegExp): RunningProcess {
  const found = descendantsOf(system.pid).find(({ command }) => part.test(command))
  if (!found) throw new Error(`nothing runs that matches ${part}`)
  return found
}

async function nothingLeft(pids: readonly number[], ports: readonly number[]): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), WAIT)
  for (const port of ports) expect(await refuses(port), `port ${port}`).toBe(true)
}

async function refuses(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(false)).on('error', () => resolve(true))
    socket.on('connect', () => socket.destroy())
  })
}

describe('a part that falls or hangs', () => {
  let system: RunningSystem
  let api: ApiClient
  let sessionId: string
  let socket: SocketClient

  beforeAll(async () => {
    system = await startSystem({}, ['npm', 'start'])
    api = new ApiClient(system)
    ;({ sessionId, socket } = await api.join('?video=off'))
    await socket.next('session_state')
  })
  afterAll(() => system?.stop())

  /** The part that this happens to is started again, and that is said. */
  async function againAfter(signal: NodeJS.Signals, part: RegExp, why: string): Promise<void> {
    const from = system.log().length
    const { pid } = find(system, part)
    process.kill(pid, signal)
    await vi.waitFor(() => expect(system.log().slice(from)).toMatch(new RegExp(`the (edge|origin) ${why}.*; starting it again`)), WAIT)
    await vi.waitFor(() => expect(system.log().slice(from)).toMatch(/the (edge|origin) is back/), WAIT)
    expect(isRunning(pid)).toBe(false)
  }

  async function speaks(): Promise<void> {
    const task = await api.speak(sessionId, 'Here I am.')
    const finished = await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    expect(finished.reason).toBe('completed')
  }

  /** The session's client comes back to the edge. */
  async function comesBack(): Promise<void> {
    await socket.untilClosed()
    const lastSeq = socket.events.findLast(({ seq }) => seq !== undefined)?.seq
    socket = await vi.waitFor(() => api.open(sessionId, `?video=off&resume_from=${lastSeq}`), WAIT)
    await socket.next('session_state', { where: (event) => event.state === 'live' })
  }

  it('the process that listens is killed: the edge is started again, and the session goes on', async () => {
    await againAfter('SIGKILL', LISTENER, 'lost the process that listens')
    await comesBack()
    await speaks()
  })

  it('the process that listens is stopped: the same', async () => {
    await againAfter('SIGSTOP', LISTENER, 'was stopped by a signal \\(workerd serve\\)')
    await comesBack()
    await speaks()
  })

  it('wrangler is stopped: the same', async () => {
    await againAfter('SIGSTOP', /wrangler-dist\/cli\.js/, 'was stopped by a signal \\(node cli\\.js\\)')
    await comesBack()
    await speaks()
  })

  it('the origin is stopped: it is started again, and the open socket goes on', async () => {
    const from = socket.events.length
    await againAfter('SIGSTOP', /origin\/index/, 'was stopped by a signal \\(node index\\.ts\\)')
    await socket.next('session_state', { from, where: (event) => event.state === 'live' })
    await speaks()
  })

  it(`${MANY} sockets that are reset and ${MANY} that stay half open leave nothing at the sockets' port`, async () => {
    const forwarder = find(system, /scripts\/start\.ts/).pid
    const before = openHandles(forwarder)
    const opened = await Promise.all(
      Array.from({ length: MANY }, async () => {
        const client = connect({ port: system.socketPort, host: '127.0.0.1', allowHalfOpen: true })
        client.on('error', () => undefined)
        await new Promise((resolve) => client.once('connect', resolve))
        return client
      }),
    )
    for (const client of opened) client.write('GET /ws/x HTTP/1.1\r\nHost: x\r\n\r\n', () => client.resetAndDestroy())
    for (let i = 0; i < MANY; i++)
      connect({ port: system.socketPort, host: '127.0.0.1', allowHalfOpen: true })
        .on('error', () => undefined)
        .end()
    // the edge's own connections, for the health checks and the session, come and go
    await vi.waitFor(() => expect(openHandles(forwarder)).toBeLessThanOrEqual(before + 10), WAIT)
    await speaks()
  })

  it('SIGTERM to npm ends everything', async () => {
    const running = descendantsOf(system.pid).map(({ pid }) => pid)
    expect(running.length).toBeGreaterThan(5)
    process.kill(system.pid, 'SIGTERM')
    await nothingLeft([system.pid, ...running], [system.port, system.socketPort])
  })
})

describe('behind a proxy that is dead, with variables of both parts', () => {
  const proxy = 'http://127.0.0.1:9'
  let system: RunningSystem

  beforeAll(async () => {
    const proxies = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy, NODE_USE_ENV_PROXY: '1', NO_PROXY: '' }
    system = await startSystem({ ...proxies, HOST: '', LOG_LEVEL: 'trace', MAX_SESSIONS: '1', RATE_LIMIT_SESSIONS: '1000' })
  })
  afterAll(() => system?.stop())

  it('it gets ready, and each part has its variables', async () => {
    const api = new ApiClient(system)
    const { sessionId, socket } = await api.join('?video=off')
    const second = await api.call<{ error: { code: string } }>('/v1/streaming.new', {})
    expect(second.status).toBe(429)
    socket.close()
    await api.stop(sessionId)
    // of the edge, at its own level for what the origin calls trace
    await vi.waitFor(() => expect(system.log()).toMatch(/edge {3}│ \{"level":"debug","message":"request"/), WAIT)
    expect(system.log()).not.toContain('/health')
  })

  it('localhost leads there, whichever loopback address it means', async () => {
    const withIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'))
    for (const host of ['localhost', '127.0.0.1', ...(withIPv6 ? ['[::1]'] : [])]) {
      for (const port of [system.port, system.socketPort]) expect((await fetch(`http://${host}:${port}/health`)).status, host).toBe(200)
    }
  })

  it('SIGKILL to the script leaves nothing behind', async () => {
    const running = descendantsOf(system.pid).map(({ pid }) => pid)
    process.kill(system.pid, 'SIGKILL')
    await nothingLeft([system.pid, ...running], [system.port, system.socketPort])
  })
})

describe('what cannot start says so in one line', () => {
  async function printedBy(env: Record<string, string>): Promise<{ code: unknown; printed: string }> {
    const [PORT, SOCKET_PORT] = [String(await freePort('127.0.0.1')), String(await freePort('127.0.0.1'))]
    const child: ChildProcess = spawn(process.execPath, ['scripts/start.ts'], { env: { ...process.env, PORT, SOCKET_PORT, ...env } })
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (printed += data.toString()))
    const code = await new Promise((resolve) => child.once('close', resolve))
    return { code, printed }
  }

  it.each([
    [{ HOST: '0.0.0.0' }, /^avatar: HOST is 0\.0\.0\.0 and AUTH_MODE is open: .* OPEN_TO_NETWORK=1 .*\n$/],
    [{ HOST: '203.0.113.9', OPEN_TO_NETWORK: '1' }, /^avatar: HOST is 203\.0\.113\.9: no network interface of this machine .*\n$/],
    [{ PORT: 'abc' }, /^avatar: PORT is abc: .*\n$/],
    [{ MAX_SESSIONS: 'many' }, /^avatar: MAX_SESSIONS: .*\n$/],
  ])('%j', async (env, line) => {
    const { code, printed } = await printedBy(env)
    expect(printed).toMatch(line)
    expect(code).toBe(1)
  })
})
