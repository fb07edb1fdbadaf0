/** WebRTC connections, one after another, each with pictures, sound and a voice: what they leave in the process. Both sides are in it. */
import process from 'node:process'
import { EncoderPool } from '../origin/codec/encoder-pool.ts'
import { PeerOutput } from '../origin/media/peer-output.ts'
import { RtcEngine } from '../origin/rtc/rtc-engine.ts'
import { QUALITIES, TICK_MS, TICK_SAMPLES } from '../shared/media.ts'
import { RtcClient } from '../test/support/clients/rtc-client.ts'
import { createLogger } from '../test/support/fakes/silent-log.ts'
import { until } from '../test/support/until.ts'
import { type Figures, hundredths, quantile } from './figures.ts'

const CONNECTIONS = 50
/** Compiled code, pools and caches have their size after these. */
const WARM_UP = 20
const MB = 1e6
const { size } = QUALITIES.low

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
  const engine = new RtcEngine({
    settings: { publicAddresses: [], portRange: undefined, relayOnly: false, loopback: true },
    onSlowStun: () => undefined,
  })
  /** One client that sees, hears and speaks, and leaves. @returns ms to the connection */
  const comeAndGo = async (): Promise<number> => {
    const client = new RtcClient()
    let heard = 0
    const startMs = performance.now()
    const out = new PeerOutput({
      services: { answer: (offer, options) => engine.answer(offer, options), encoders },
      quality: 'low',
      iceServers: [],
      log: createLogger(),
      onTransport: () => undefined,
      onMic: (pcm) => {
        heard += pcm.length
      },
    })
    await client.connect(await out.start(await client.offer()))
    await until('the connection', () => out.active)
    const connectedMs = performance.now() - startMs
    const nowMs = performance.now()
    out.frame(new Uint8Array(3 * size * size).fill(90), nowMs)
    for (let i = 0; i < 3; i++) out.sound(new Int16Array(TICK_SAMPLES).fill(900), nowMs + i * TICK_MS, { stale: false })
    client.speak(Buffer.from([0xf8, 0xff, 0xfe]))
    await until('picture, sound and voice', () => client.video.length > 0 && client.audio.length > 0 && heard > 0)
    out.close()
    await client.close()
    return connectedMs
  }
  for (let i = 0; i < WARM_UP; i++) await comeAndGo()
  const heldBefore = held()
  const heapBefore = heapMb()
  const times: number[] = []
  for (let i = 0; i < CONNECTIONS; i++) times.push(await comeAndGo())
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
