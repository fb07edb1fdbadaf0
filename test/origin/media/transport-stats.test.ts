import { describe, expect, it } from 'vitest'
import { CallResponder, type Perform } from '../../../origin/edge/call-responder.ts'
import type { PeerStats } from '../../../origin/media/peer-output.ts'
import { SocketMeter, transportStats } from '../../../origin/media/transport-stats.ts'
import { encodeBinaryMedia } from '../../../shared/binary-media.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { TransportStats } from '../../../shared/stats.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'

const PEER: PeerStats = {
  state: 'connected',
  videoCodec: 'h264',
  path: 'relay',
  videoBps: 912_345.6,
  audioBps: 40_000,
  fps: 24.96,
  rttMs: 31.26,
  loss: 0.01234,
  jitterMs: 2.34,
  packetsSent: 1,
  bytesSent: 1,
  packetsResent: 0,
  nacks: 0,
  keyframeRequests: 0,
  framesSent: 1,
  freezes: 2,
  estimateBps: undefined,
  targetBps: 1_000_000,
  framesDropped: 3,
  encodeMs: { p50: 4.44, p95: 9 },
}

const binary = (kind: 'frame' | 'clause', bytes: number) =>
  encodeBinaryMedia({
    kind,
    seq: 0,
    frameId: 1,
    generation: 0,
    timestamp: 0,
    ptsMs: 0,
    sampleRate: 0,
    samples: 0,
    payload: new Uint8Array(bytes - 40),
  })

describe('figures of a transport', () => {
  it('are those of the connection while it stands', () => {
    const stats = transportStats(PEER, new SocketMeter(), 9)
    expect(TransportStats.parse(stats)).toEqual({
      transport: 'webrtc',
      video_codec: 'h264',
      candidate: 'relay',
      video_bps: 912_346,
      audio_bps: 40_000,
      target_bps: 1_000_000,
      fps: 25,
      rtt_ms: 31.3,
      jitter_ms: 2.3,
      loss: 0.012,
      freezes: 2,
      frames_dropped: 3,
      encode_ms: 4.4,
    })
    const early = transportStats(
      { ...PEER, rttMs: undefined, encodeMs: undefined, path: undefined, videoCodec: undefined },
      new SocketMeter(),
      0,
    )
    expect(early).toMatchObject({ video_codec: null, candidate: null, rtt_ms: null, encode_ms: null })
  })

  it('are those of the sockets otherwise, over the last five whole seconds', () => {
    let now = 0
    const meter = new SocketMeter(() => now)
    const second = (frames: number) => {
      for (let i = 0; i < frames; i++) {
        meter.event('frame', 1_000)
        meter.binary(binary('frame', 500))
      }
      meter.event('clause', 2_000)
      meter.binary(binary('clause', 1_000))
      meter.event('control', 9_999)
      now += 1_000
    }
    second(10)
    expect(meter.read()).toEqual({ videoBps: 8 * 15_000, audioBps: 8 * 3_000, fps: 10 })
    for (let i = 0; i < 10; i++) second(25)
    const stats = transportStats({ ...PEER, state: 'disconnected' }, meter, 9)
    expect(TransportStats.parse(stats)).toMatchObject({
      transport: 'socket',
      fps: 25,
      video_bps: 8 * 37_500,
      audio_bps: 24_000,
      frames_dropped: 9,
    })
    now += 60_000
    expect(meter.read()).toEqual({ videoBps: 0, audioBps: 0, fps: 0 })
  })
})

describe('calls over a link', () => {
  const answered = async (perform: Perform) => {
    const sent: { type: string }[] = []
    const calls = new CallResponder({ send: (answer) => sent.push(answer), log: createLogger() })
    calls.answer('1', 'a call', perform)
    return { sent, calls }
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))

  it('are answered once, after their chunks', async () => {
    const { sent } = await answered(async (_signal, onChunk) => {
      onChunk({ n: 1 })
      return { done: true }
    })
    await settle()
    expect(sent).toEqual([
      { type: 'chunk', id: '1', data: '{"n":1}' },
      { type: 'response', id: '1', result: { done: true } },
    ])
  })

  it('tell their failures, and of bugs only that there is one', async () => {
    const { sent } = await answered(async () => {
      throw new AvatarError('PROVIDER_FAILED', 'away', { provider: 'x' })
    })
    const { sent: bug } = await answered(async () => {
      throw new TypeError('x.y is undefined')
    })
    await settle()
    expect(sent).toMatchObject([{ type: 'failure', code: 'PROVIDER_FAILED', details: { provider: 'x' } }])
    expect(bug).toMatchObject([{ type: 'failure', code: 'INTERNAL_ERROR' }])
    expect(JSON.stringify(bug)).not.toContain('x.y')
  })

  it('are silent once they are cancelled', async () => {
    const { sent, calls } = await answered(
      (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    calls.cancel('1')
    calls.cancel('2')
    await settle()
    expect(sent).toEqual([])
  })
})
