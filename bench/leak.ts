/**
 * Sessions opened, watched, spoken to and closed: whether memory and handles of the origin and the edge stay flat.
 * `node --expose-gc bench/leak.ts [rounds] [sessions a round]`: 5 rounds of 20 by default. Then WebRTC connections of one process.
 */
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient, WIDE_LIMITS } from '../test/support/clients/api-client.ts'
import { descendantsOf, openHandles, residentBytes } from '../test/support/servers/processes.ts'
import { startSystem } from '../test/support/servers/running-system.ts'
import { sum, type Threshold, tell, tenths } from './figures.ts'
import { benchPeers } from './leak-peers.ts'

const [rounds = 5, perRound = 20] = process.argv.slice(2).map(Number)
/** Sessions at one time. */
const TOGETHER = 4
/** ms after a round in which objects are evicted and collectors run. */
const SETTLE_MS = 3_000
const MB = 1e6
const THRESHOLDS: readonly Threshold[] = [
  { name: 'per_session_mb', unit: 'MB', atMost: 2 },
  { name: 'origin_growth_mb', unit: 'MB', atMost: 60 },
  { name: 'origin_handles_growth', unit: 'handles', atMost: 2 },
  { name: 'edge_handles_growth', unit: 'handles', atMost: 10 },
  { name: 'peers_heap_growth_mb', unit: 'MB', atMost: 5 },
  { name: 'peers_sockets_and_timers_left', unit: 'handles', atMost: 0 },
]

const system = await startSystem(WIDE_LIMITS)
const api = new ApiClient(system)

interface Sample {
  originMb: number
  originHandles: number
  edgeMb: number
  edgeHandles: number
}

function sample(): Sample {
  const running = descendantsOf(system.pid)
  const of = (part: RegExp): number[] => running.filter(({ command }) => part.test(command)).map(({ pid }) => pid)
  const origin = of(/origin\/index/)
  const edge = of(/workerd/)
  return {
    originMb: Math.round(sum(origin.map(residentBytes)) / MB),
    originHandles: sum(origin.map(openHandles)),
    edgeMb: Math.round(sum(edge.map(residentBytes)) / MB),
    edgeHandles: sum(edge.map(openHandles)),
  }
}

async function visit(): Promise<void> {
  const { sessionId, socket } = await api.join()
  await socket.next('frame')
  const task = await api.speak(sessionId, 'Hello, this is one more visit.')
  await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
  await api.stop(sessionId)
  socket.close()
}

async function visits(count: number): Promise<void> {
  let left = count
  const line = async (): Promise<void> => {
    while (left-- > 0) await visit()
  }
  await Promise.all(Array.from({ length: TOGETHER }, line))
}

// the clip is prepared and every part has run once before anything is measured
await visits(TOGETHER)
await delay(8_000)
const samples = [sample()]
console.log('sessions  origin MB  handles   edge MB  handles')
const show = (sessions: number, { originMb, originHandles, edgeMb, edgeHandles }: Sample): void =>
  console.log([sessions, originMb, originHandles, edgeMb, edgeHandles].map((value) => String(value).padStart(8)).join('  '))
show(0, samples[0] as Sample)
for (let round = 1; round <= rounds; round++) {
  await visits(perRound)
  await delay(SETTLE_MS)
  const taken = sample()
  samples.push(taken)
  show(round * perRound, taken)
}

// what open sessions cost: watched, idle
const before = sample()
const open = await Promise.all(Array.from({ length: 20 }, () => api.join()))
await Promise.all(open.map(({ socket }) => socket.next('frame')))
await delay(SETTLE_MS)
const during = sample()
const perSessionMb = tenths((during.originMb - before.originMb) / open.length)
console.log(`open sessions: 20, origin ${before.originMb} -> ${during.originMb} MB: ${perSessionMb} MB each`)
for (const { sessionId, socket } of open) {
  await api.stop(sessionId)
  socket.close()
}
await system.stop()
const [first = before, last = before] = [samples[1] ?? samples[0], samples.at(-1)]
const figures = {
  per_session_mb: perSessionMb,
  origin_growth_mb: last.originMb - first.originMb,
  origin_handles_growth: last.originHandles - first.originHandles,
  edge_handles_growth: last.edgeHandles - first.edgeHandles,
  ...(await benchPeers()),
}
tell('leak', { sessions: rounds * perRound, first, last }, figures, THRESHOLDS)
process.exit()
