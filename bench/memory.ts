/**
 * What does the system hold while nobody is there? `node bench/memory.ts [seconds]`
 *
 * Starts it as `npm start` does, twice where the origin was never started here (the first start makes its compile cache), waits until
 * it has measured the machine and given back what that took, and tells the memory of each process; then the origin's again after a
 * session has spoken. Two to three minutes.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from '../test/support/clients/api-client.ts'
import { descendantsOf, residentBytes } from '../test/support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../test/support/servers/running-system.ts'
import { type Figures, type Threshold, tell } from './figures.ts'

const MB = 1e6
const THRESHOLDS: readonly Threshold[] = [
  { name: 'origin_idle_rss_mb', unit: 'MB', atMost: 500 },
  { name: 'origin_after_session_rss_mb', unit: 'MB', atMost: 520 },
]
const TEXT = 'Welcome to our interactive AI avatar system! I can say anything you type.'
/** s from the end of the last session until all threads have collected. */
const COLLECTED_S = 40
const settleS = Number(process.argv[2] ?? 90)

/** What the memory of a process is there for. */
type Use = 'libraries' | 'javascript' | 'native'

/** MB of the process that are in memory now, of shared pages its share alone. */
function memoryOf(pid: number): { pss: number; uses: Record<Use, number> } {
  const uses: Record<Use, number> = { libraries: 0, javascript: 0, native: 0 }
  let use: Use = 'native'
  let pss = 0
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const mapping = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)$/.exec(line)
    if (mapping) {
      const [, from = '', to = '', name = ''] = mapping
      // V8's pages are of 256 KiB
      const isPage = Number.parseInt(to, 16) - Number.parseInt(from, 16) === 262_144
      use = name.startsWith('/') ? 'libraries' : isPage ? 'javascript' : 'native'
    }
    uses[use] += sizeOf('Rss', line)
    pss += sizeOf('Pss', line)
  }
  return { pss, uses }
}

const sizeOf = (field: string, line: string): number => (line.startsWith(`${field}:`) ? (Number(line.split(/\s+/)[1]) * 1024) / MB : 0)

function originOf(system: RunningSystem): number {
  const found = descendantsOf(system.pid).find(({ command }) => command.includes('origin/index.ts'))
  if (found === undefined) throw new Error('no origin runs')
  return found.pid
}

/** `node start.ts`, `workerd`: the first words of a command, without folders. */
const shortName = (command: string): string =>
  command
    .trim()
    .split(' ')
    .slice(0, 2)
    .map((word) => basename(word))
    .join(' ')

async function speakOnce({ apiUrl, wsUrl }: RunningSystem): Promise<void> {
  const api = new ApiClient({ apiUrl, wsUrl })
  const { session_id } = await api.expectOk<{ session_id: string }>('/v1/streaming.new', { quality: 'medium' })
  const client = await api.open(session_id)
  const { task_id } = await api.speak(session_id, TEXT)
  await client.next('speech_finished', { where: (event) => event.task_id === task_id })
  await api.stop(session_id)
}

// a capacity that is given would not be measured
const ENV = { CAPACITY: '' }
await (await startSystem(ENV)).stop()
const system = await startSystem(ENV)
try {
  await delay(settleS * 1000)
  const figures: Figures = {}
  const processes = [{ pid: system.pid, command: 'node start.ts' }, ...descendantsOf(system.pid)].map(({ pid, command }) => {
    return { name: shortName(command), rss_mb: Math.round(residentBytes(pid) / MB), pss_mb: Math.round(memoryOf(pid).pss) }
  })
  for (const { name, rss_mb, pss_mb } of processes) console.log(`${name.padEnd(40)} ${rss_mb} MB, its share ${pss_mb} MB`)
  const origin = originOf(system)
  const { pss, uses } = memoryOf(origin)
  figures.origin_idle_rss_mb = Math.round(residentBytes(origin) / MB)
  figures.origin_idle_pss_mb = Math.round(pss)
  for (const [use, mb] of Object.entries(uses)) figures[`origin_idle_${use}_mb`] = Math.round(mb)
  await speakOnce(system)
  await delay(COLLECTED_S * 1000)
  figures.origin_after_session_rss_mb = Math.round(residentBytes(origin) / MB)
  tell('memory', { processes }, figures, THRESHOLDS)
} finally {
  await system.stop()
}
