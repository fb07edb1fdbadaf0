/** One visitor of a session by WebRTC, both sides in this process. */
import type { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { PeerOutput } from '../../../origin/media/peer-output.ts'
import { RtcEngine } from '../../../origin/rtc/rtc-engine.ts'
import { QUALITIES, TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { createLogger } from '../fakes/silent-log.ts'
import { until } from '../until.ts'
import { RtcClient } from './rtc-client.ts'

const { size } = QUALITIES.low

export function loopbackEngine(): RtcEngine {
  return new RtcEngine({
    settings: { publicAddresses: [], portRange: undefined, relayOnly: false, loopback: true },
    onSlowStun: () => undefined,
  })
}

/** A client that sees, hears and speaks, and leaves. @returns ms to the connection */
export async function comeAndGo(engine: RtcEngine, encoders: EncoderPool): Promise<number> {
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
  try {
    await client.connect(await out.start(await client.offer()))
    await until('the connection', () => out.active)
    const connectedMs = performance.now() - startMs
    const nowMs = performance.now()
    out.frame(new Uint8Array(3 * size * size).fill(90), nowMs)
    for (let i = 0; i < 3; i++) out.sound(new Int16Array(TICK_SAMPLES).fill(900), nowMs + i * TICK_MS, { stale: false })
    client.speak(Buffer.from([0xf8, 0xff, 0xfe]))
    await until('frame, sound and voice', () => client.video.length > 0 && client.audio.length > 0 && heard > 0)
    return connectedMs
  } finally {
    out.close()
    await client.close()
  }
}
