/** WebRTC connections, one after another, each with frames, sound and a voice: what they leave in the process. Both sides are in it. */
import process from 'node:process'
import { EncoderPool } from '../origin/codec/encoder-pool.ts'
import { comeAndGo, loopbackEngine } from '../test/support/clients/visit.ts'
import { until } from '../test/support/until.ts'
import { type Figures, hundredths, quantile } from './figures.ts'

const CONNECTIONS = 50
/** Compiled code, pools and caches have their size after these. */
const WARM_UP = 20
const MB = 1e6

const held = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'UDPWrap' || kind === 'Timeout').length

/** MB of the heap, garbage left out. */
function heapMb(): number {
  if (!globalThis.gc) throw new Error('run it with node --expose-gc')
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / MB
}

export async function benchPeers(): Promise<Figures> {
  const encoders = new EncoderPool({ threads: 1, onCrash: (why) => console.error(why) })
  const engine = loopbackEngine()
  for (let i = 0; i < WARM_UP; i++) await comeAndGo(engine, encoders)
  const heldBefore = held()
  const heapBefore = heapMb()
  const times: number[] = []
  for (let i = 0; i < CONNECTIONS; i++) times.push(await comeAndGo(engine, encoders))
  await until('sockets and timers to end', () => held() <= heldBefore).catch(() => undefined)
  const figures = {
    peers: CONNECTIONS,
    peers_connect_p50_ms: Math.round(quantile(times, 0.5)),
    peers_heap_growth_mb: hundredths(heapMb() - heapBefore),
    peers_sockets_and_timers_left: Math.max(0, held() - heldBefore),
  }
  await encoders.close()
  return figures
}
