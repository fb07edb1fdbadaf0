/** Connections that come and go leave nothing behind: a session's way out against real peers, again and again; what they cost in memory, bench/leak.ts tells. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { PeerOutput } from '../../../origin/media/peer-output.ts'
import { RtcEngine } from '../../../origin/rtc/rtc-engine.ts'
import { QUALITIES, TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { RtcClient } from '../../support/clients/rtc-client.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'
import { until } from '../../support/until.ts'

const PEERS = 10

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

it('leave no socket, no timer and no encoder behind', async () => {
  await comeAndGo()
  const timersBefore = held('Timeout')
  for (let i = 0; i < PEERS; i++) await comeAndGo()
  expect(encoders.streams).toBe(0)
  await expect.poll(() => held('UDPWrap')).toBe(0)
  await expect.poll(() => held('Timeout')).toBeLessThanOrEqual(timersBefore)
})
