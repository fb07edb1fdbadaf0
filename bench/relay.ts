/**
 * What the edge adds to a socket message: the same frames at the same pace through the edge, and over a direct socket.
 * `plain` is a process that only hands messages on: what any relay costs on this machine at this moment, waiting for a core
 * included. Sender and receivers share this process and its clock in all three. On one's own machine the edge is `wrangler dev`: each
 * message passes its proxy twice and the forwarder of the socket address once, hops that a deployed Worker has not.
 * `node bench/relay.ts [seconds a variant]`
 */

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { encodeRelay, HEARTBEAT_S, type OriginLoad, type SessionDown, type SessionUp } from '../shared/link.ts'
import { PROTOCOL_VERSION, VERSION } from '../shared/version.ts'
import { ApiClient, WIDE_LIMITS } from '../test/support/clients/api-client.ts'
import { startSystem } from '../test/support/servers/running-system.ts'
import { hundredths, quantile, type Threshold, tell, tenths } from './figures.ts'

const SESSIONS = 10
const FRAME_MS = 40
/** Base64 letters of one frame: about what a 512x512 frame has. */
const FRAME_CHARS = 28_000
const ROUNDS = 3
/** ms at the start of each stream that do not count: objects that were still for 10 s wake up, which a live session never is. */
const WAKE_MS = 1_500
/** Well within the idle timeout of a session. */
const KEEP_ALIVE_MS = 30_000
const THRESHOLDS: readonly Threshold[] = [
  { name: 'added_p50_ms', unit: 'ms', atMost: 2 },
  { name: 'added_p99_ms', unit: 'ms', atMost: 20 },
]
const seconds = Number(process.argv[2] ?? 8)
const originKey = `relay-${randomUUID()}`
const avatarId = 'relay_bench'
const frame = 'A'.repeat(FRAME_CHARS)

type Send = (frameId: number, eventJson: string) => void
const VARIANTS = ['direct', 'plain', 'edge'] as const
type Variant = (typeof VARIANTS)[number]

const system = await startSystem({ ...WIDE_LIMITS, ORIGIN_KEY: originKey })
const edgeUrl = system.apiUrl.replace('http', 'ws')
const headers = { authorization: `Bearer ${originKey}` }
const delays: Record<Variant, number[]> = { direct: [], plain: [], edge: [] }
let measuring: Variant | undefined

function received(variant: Variant): (data: RawData, isBinary: boolean) => void {
  return (data, isBinary) => {
    const atMs = performance.now()
    if (isBinary || measuring !== variant) return
    const sentMs = /"sent_ms":([\d.]+)/.exec((data as Buffer).toString('latin1', 0, 200))?.[1]
    if (sentMs !== undefined) delays[variant].push(atMs - Number(sentMs))
  }
}

async function opened(socket: WebSocket): Promise<WebSocket> {
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}

/** An origin that carries sessions of an avatar that only it has, and sends what this bench tells it to. */
async function startOrigin(): Promise<Map<string, Send>> {
  const senders = new Map<string, Send>()
  const load = {
    sessions: 0,
    speaking: 0,
    capacity: 100,
    cpu_usage: 0,
    memory_usage: 0,
    gpu_usage: null,
    rss_bytes: 0,
    average_latency: null,
    render: {},
    turns: {},
  } satisfies OriginLoad
  const about = { protocol_version: PROTOCOL_VERSION, origin_id: avatarId, boot_id: randomUUID() }
  const avatar = {
    avatar_id: avatarId,
    name: 'Relay',
    description: 'No person at all.',
    licence: 'MIT',
    qualities: ['low', 'medium', 'high'],
  }
  const control = await opened(new WebSocket(`${edgeUrl}/link/control`, { headers }))
  const hello = {
    type: 'origin_hello',
    version: VERSION,
    started_at: Date.now(),
    device: 'none',
    avatars: [avatar],
    voices: [],
    sessions: [],
    load,
  }
  control.send(JSON.stringify({ ...hello, ...about }))
  setInterval(() => control.send(JSON.stringify({ type: 'heartbeat', load })), HEARTBEAT_S * 1000).unref()
  control.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; config: { session_id: string } }
    if (message.type !== 'session_open') return
    const { session_id } = message.config
    control.send(JSON.stringify({ type: 'session_opened', session_id, accepted: true }))
    const link = new WebSocket(`${edgeUrl}/link/session/${session_id}`, { headers, perMessageDeflate: false })
    link.once('open', () => link.send(JSON.stringify({ type: 'hello', ...about } satisfies SessionUp)))
    link.on('message', (answer: Buffer) => {
      const down = JSON.parse(answer.toString()) as SessionDown
      if (down.type === 'welcome')
        senders.set(session_id, (frame_id, eventJson) => link.send(encodeRelay({ class: 'frame', frame_id }, eventJson)))
      if (down.type === 'close') link.send(JSON.stringify({ type: 'closed', reason: down.reason } satisfies SessionUp))
    })
  })
  await new Promise((resolve, reject) => {
    control.once('message', resolve)
    control.once('close', (code, reason) => reject(new Error(`the edge refused the origin: ${code} ${reason.toString()}`)))
  })
  return senders
}

async function openThroughEdge(): Promise<Send[]> {
  const api = new ApiClient(system)
  const senders = await startOrigin()
  const ids: string[] = []
  for (let i = 0; i < SESSIONS; i++) {
    const { session_id } = await api.expectOk<{ session_id: string }>('/v1/streaming.new', { avatar_id: avatarId, quality: 'medium' })
    const client = await opened(new WebSocket(`${system.wsUrl}/${session_id}`, { perMessageDeflate: false }))
    client.on('message', received('edge'))
    setInterval(() => client.send('{"type":"keep_alive"}'), KEEP_ALIVE_MS).unref()
    ids.push(session_id)
  }
  return ids.map((id) => (frameId, eventJson) => senders.get(id)?.(frameId, eventJson))
}

async function openDirect(): Promise<Send[]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const senders: Send[] = []
  server.on('connection', (socket) => senders.push((_frameId, eventJson) => socket.send(eventJson)))
  for (let i = 0; i < SESSIONS; i++) {
    const client = await opened(new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false }))
    client.on('message', received('direct'))
  }
  return senders
}

async function openPlain(): Promise<Send[]> {
  const relay = spawn(process.execPath, ['bench/plain-relay.ts'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const port = Number(await new Promise((resolve) => relay.stdout.once('data', resolve)))
  const senders: Send[] = []
  for (let i = 0; i < SESSIONS; i++) {
    const client = await opened(new WebSocket(`ws://127.0.0.1:${port}/out/${i}`, { perMessageDeflate: false }))
    client.on('message', received('plain'))
    const sender = await opened(new WebSocket(`ws://127.0.0.1:${port}/in/${i}`, { perMessageDeflate: false }))
    senders.push((_frameId, eventJson) => sender.send(eventJson))
  }
  return senders
}

/** Every session sends a frame each 40 ms, one session after the other within them. */
async function stream(variant: Variant, senders: readonly Send[]): Promise<void> {
  const startMs = performance.now()
  for (let i = 0; performance.now() - startMs < WAKE_MS + seconds * 1000; i++) {
    if (performance.now() - startMs > WAKE_MS) measuring = variant
    const dueMs = startMs + (i * FRAME_MS) / SESSIONS
    const earlyMs = dueMs - performance.now()
    if (earlyMs > 0) await delay(earlyMs)
    const about = `"type":"frame","sent_ms":${performance.now().toFixed(3)},"frame_id":${i},"timestamp":${Date.now() / 1000}`
    senders[i % SESSIONS]?.(i, `{${about},"data":"${frame}"}`)
  }
  await delay(500)
  measuring = undefined
}

const variants = { direct: await openDirect(), plain: await openPlain(), edge: await openThroughEdge() }
// both have run before anything counts; the real origin beside has prepared its clip
await delay(5_000)
for (const name of VARIANTS) await stream(name, variants[name])
for (const name of VARIANTS) delays[name].length = 0
const figures: Record<string, number> = {}
for (let round = 0; round < ROUNDS; round++) {
  const order: Variant[] = round % 2 === 0 ? [...VARIANTS] : [...VARIANTS].reverse()
  for (const name of order) await stream(name, variants[name])
}
for (const name of VARIANTS) {
  figures[`${name}_messages`] = delays[name].length
  for (const [label, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const)
    figures[`${name}_${label}_ms`] = hundredths(quantile(delays[name], q))
}
const { direct_p50_ms = 0, direct_p99_ms = 0, plain_p50_ms = 0, plain_p99_ms = 0, edge_p50_ms = 0, edge_p99_ms = 0 } = figures
figures.added_p50_ms = hundredths(edge_p50_ms - direct_p50_ms)
figures.added_p99_ms = hundredths(edge_p99_ms - direct_p99_ms)
figures.ratio_p50 = tenths(edge_p50_ms / direct_p50_ms)
figures.ratio_p99 = tenths(edge_p99_ms / direct_p99_ms)
figures.ratio_to_plain_p50 = tenths(edge_p50_ms / plain_p50_ms)
figures.ratio_to_plain_p99 = tenths(edge_p99_ms / plain_p99_ms)
await system.stop()
tell('relay', { sessions: SESSIONS, frame_bytes: FRAME_CHARS, seconds }, figures, THRESHOLDS)
process.exit()
