/** Connections that come and go leave nothing behind: a session's way out against real peers, fifty times. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { PeerOutput } from '../../../origin/media/peer-output.ts'
import { RtcEngine } from '../../../origin/rtc/rtc-engine.ts'
import { QUALITIES, TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { RtcClient } from '../../support/clients/rtc-client.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'
import { until } from '../../support/until.ts'

const PEERS = 50
/** Compiled code, pools and caches have their size after these. */
const WARM_UP_PEERS = 10
/** MB: a connection that stays costs 0.3 and more. */
const MAX_GROWTH_MB = 5

let encoders: EncoderPool
beforeAll(() => {
  encoders = new EncoderPool({ threads: 1, onCrash: () => undefined })
})
afterAll(async () => encoders.close())

const engine = new RtcEngine({
  settings: { publicAddresses: [], portRange: undefined, relayOnly: false, loopback: true },
  onSlowStun: () => undefined,
})
const { size } = QUALITIES.low
const held = (kind: string): number => process.getActiveResourcesInfo().filter((name) => name === kind).length

/** One client that sees, hears and speaks, and leaves. */
async function comeAndGo(): Promise<void> {
  const client = new RtcClient()
  let heard = 0
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
  try {
    await client.connect(await out.start(await client.offer()))
    await until('the connection', () => out.active)
    const nowMs = performance.now()
    out.frame(new Uint8Array(3 * size * size).fill(90), nowMs)
    for (let i = 0; i < 3; i++) out.sound(new Int16Array(TICK_SAMPLES).fill(900), nowMs + i * TICK_MS, { stale: false })
    client.speak(Buffer.from([0xf8, 0xff, 0xfe]))
    await until('picture, sound and voice', () => client.video.length > 0 && client.audio.length > 0 && heard > 0)
  } finally {
    out.close()
    await client.close()
  }
}

it('leave no socket, no timer, no encoder and no memory behind', async () => {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const heapMb = (): number => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return (heapUsed + external) / 1e6
  }
  const timersBefore = held('Timeout')
  for (let i = 0; i < WARM_UP_PEERS; i++) await comeAndGo()
  const heapBefore = heapMb()
  for (let i = 0; i < PEERS; i++) await comeAndGo()
  expect(encoders.streams).toBe(0)
  await until('sockets to be closed', () => held('UDPWrap') === 0, 10_000)
  // the client's own waiters last for 5 s
  await until('timers to end', () => held('Timeout') <= timersBefore, 15_000)
  const growthMb = heapMb() - heapBefore
  expect(growthMb, `grew by ${growthMb.toFixed(1)} MB`).toBeLessThan(MAX_GROWTH_MB)
}, 120_000)
