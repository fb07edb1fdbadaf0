/** Sound and picture as a recorder gets them, over a real connection: it takes the first packets of both for simultaneous. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RtpPacket } from 'werift'
import { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { PeerOutput } from '../../../origin/media/peer-output.ts'
import { QUALITIES, TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { RtcClient } from '../../support/clients/rtc-client.ts'
import { loopbackEngine } from '../../support/clients/visit.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'
import { until } from '../../support/until.ts'

const { size } = QUALITIES.low
const SPEECH = new Int16Array(TICK_SAMPLES).fill(900)

let encoders: EncoderPool
let client: RtcClient
let out: PeerOutput
beforeAll(() => {
  encoders = new EncoderPool({ threads: 1, onCrash: () => undefined })
})
afterAll(async () => encoders.close())

beforeEach(async () => {
  const engine = loopbackEngine()
  client = new RtcClient({ microphone: false })
  out = new PeerOutput({
    services: { answer: (offer, options) => engine.answer(offer, options), encoders },
    quality: 'low',
    iceServers: [],
    log: createLogger(),
    onTransport: () => undefined,
    onMic: () => undefined,
  })
  await client.connect(await out.start(await client.offer()))
  await until('the connection', () => out.active)
})
afterEach(async () => {
  out.close()
  await client.close()
})

/** s of the wall clock at which a packet's media is due, by the latest sender report of its stream. */
async function dueS(packet: RtpPacket | undefined, rateHz: number): Promise<number> {
  const { report } = await until('a report', () => client.senderReports.find((each) => each.report.ssrc === packet?.header.ssrc))
  const { ntpTimestamp, rtpTimestamp } = report.senderInfo
  const sinceS = ((rtpTimestamp - (packet?.header.timestamp ?? 0)) | 0) / rateHz
  return Number(ntpTimestamp >> 32n) + Number(ntpTimestamp & 0xffffffffn) / 2 ** 32 - sinceS
}

it.each([
  ['silence', undefined],
  ['speech', SPEECH],
])('the first frame and the first sound are due at the same time, where she begins with %s', async (_name, pcm) => {
  const dueMs = performance.now()
  out.sound(pcm, dueMs, { stale: false })
  out.frame(new Uint8Array(3 * size * size).fill(90), dueMs)
  await until('the frame to be encoded', () => out.stats()?.framesSent === 1)
  out.sound(pcm, dueMs + 2 * TICK_MS, { stale: false })
  await until('both', () => client.video.length > 0 && client.audio.length > 0)
  const [frameS, soundS] = [await dueS(client.video[0], 90_000), await dueS(client.audio[0], 48_000)]
  expect(Math.abs(frameS - soundS)).toBeLessThan(0.001)
})
