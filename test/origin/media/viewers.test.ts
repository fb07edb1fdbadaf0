/** Viewers beside a session's own client, on connections that only write down what they are given. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { EncodedVideo } from '../../../origin/codec/encoder-pool.ts'
import type { Encoding, RtcServices } from '../../../origin/media/peer-output.ts'
import { SharedEncoders } from '../../../origin/media/shared-encoders.ts'
import { MAX_VIEWERS, Viewers } from '../../../origin/media/viewers.ts'
import { WebrtcOutput } from '../../../origin/media/webrtc-output.ts'
import type { RtcPeer, RtcState, RtcStats } from '../../../origin/rtc/types.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'

type PeerOptions = Parameters<RtcServices['answer']>[1]

class FakePeer implements RtcPeer {
  state: RtcState = 'connecting'
  readonly videoCodec = 'vp8'
  readonly hasAudio = true
  readonly isPlayer = false
  readonly offeredBy: string
  readonly frames: Uint8Array[] = []
  readonly sounds: Uint8Array[] = []
  readonly candidates: string[] = []
  readonly options: PeerOptions

  constructor(offeredBy: string, options: PeerOptions) {
    this.offeredBy = offeredBy
    this.options = options
  }

  become(state: RtcState): void {
    this.state = state
    this.options.onState(state)
  }
  async addCandidate({ candidate }: { candidate: string }): Promise<void> {
    this.candidates.push(candidate)
  }
  sendVideo(frame: Uint8Array): void {
    this.frames.push(frame)
  }
  sendAudio(opus: Uint8Array): void {
    this.sounds.push(opus)
  }
  stats(): RtcStats {
    return { state: this.state, videoBps: 0, loss: 0, estimateBps: undefined } as RtcStats
  }
  async close(): Promise<void> {
    this.state = 'closed'
  }
}

/** Takes a frame's bytes along as the real one does, and says which frame it was. */
class FakeEncoder implements Encoding {
  bitrateBps = 1_000_000
  dropped = 0
  encodeMs: undefined
  keyframes = 0
  closed = false
  readonly indices: number[] = []

  forceKeyframe(): void {
    this.keyframes += 1
  }
  async encode(rgb: Uint8Array<ArrayBuffer>, index: number): Promise<EncodedVideo> {
    if (rgb.byteLength === 0) throw new Error('the frame is gone')
    structuredClone(rgb, { transfer: [rgb.buffer] })
    this.indices.push(index)
    return { data: Uint8Array.of(index), keyframe: false }
  }
  close(): void {
    this.closed = true
  }
}

function createRig() {
  const peers: FakePeer[] = []
  const encoders: FakeEncoder[] = []
  const services: RtcServices = {
    answer: async (sdp, options) => {
      if (sdp === 'bad') throw new AvatarError('INVALID_REQUEST', 'no offer')
      const peer = new FakePeer(sdp, options)
      peers.push(peer)
      return { peer, sdp: `answer to ${sdp}` }
    },
    encoders: {
      open: () => {
        const encoder = new FakeEncoder()
        encoders.push(encoder)
        return encoder
      },
    },
  }
  const options = { services, quality: 'low' as const, iceServers: [], log: createLogger() }
  return { peers, encoders, services, options }
}

const frame = () => new Uint8Array(12)
const settle = () => new Promise((resolve) => setImmediate(resolve))

afterEach(() => {
  vi.useRealTimers()
})

describe('viewers', () => {
  it('all get each frame, which is encoded once, and the sound', async () => {
    const { peers, encoders, options } = createRig()
    const viewers = new Viewers(options)
    expect(viewers.wantsFrames).toBe(false)
    const { sdp } = await viewers.watch('one')
    await viewers.watch('two')
    expect(sdp).toBe('answer to one')
    expect(viewers.wantsFrames).toBe(true)
    for (const peer of peers) peer.become('connected')
    for (let tick = 1; tick <= 100; tick++) {
      viewers.frame(frame(), tick * TICK_MS)
      await settle()
      viewers.sound(new Int16Array(TICK_SAMPLES).fill(5_000), tick * TICK_MS, { stale: false })
    }
    expect(encoders).toHaveLength(1)
    expect(encoders[0]?.indices).toHaveLength(100)
    expect(peers.map(({ frames }) => frames.length)).toEqual([100, 100])
    expect(peers.every(({ sounds }) => sounds.length >= 100)).toBe(true)
    viewers.close()
    expect(encoders[0]?.closed).toBe(true)
    expect(peers.map(({ state }) => state)).toEqual(['closed', 'closed'])
  })

  it('do not take the frames of the session’s own client', async () => {
    const { peers, encoders, options } = createRig()
    const out = new WebrtcOutput({ ...options, onTransport: () => undefined, onMic: () => undefined })
    await out.client.start('client')
    await out.viewers.watch('viewer')
    for (const peer of peers) peer.become('connected')
    out.frame(frame(), TICK_MS)
    await settle()
    expect(peers.map(({ frames }) => frames.length)).toEqual([1, 1])
    expect(encoders).toHaveLength(2)
    out.close()
  })

  it('count with the session’s own client as long as they live', async () => {
    const { peers, options } = createRig()
    const out = new WebrtcOutput({ ...options, onTransport: () => undefined, onMic: () => undefined })
    expect(out.peers).toBe(0)
    await out.client.start('client')
    await out.viewers.watch('viewer')
    const [client, viewer] = peers
    expect(out.peers).toBe(2)
    for (const peer of peers) peer.become('connected')
    for (const peer of peers) peer.become('disconnected')
    // silent for some seconds: they may return
    expect(out.peers).toBe(2)
    client?.become('failed')
    expect(out.peers).toBe(1)
    viewer?.become('failed')
    expect(out.peers).toBe(0)
    await out.client.start('client')
    expect(out.peers).toBe(1)
    peers[2]?.become('failed')
    expect(out.peers).toBe(0)
    out.close()
  })

  it('are as many as may be, and no more', async () => {
    const { options } = createRig()
    const viewers = new Viewers(options)
    const all = await Promise.allSettled(Array.from({ length: MAX_VIEWERS + 2 }, (_, i) => viewers.watch(`viewer ${i}`)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(MAX_VIEWERS)
    expect(all.findLast(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONCURRENCY_LIMIT' } })
    viewers.close()
    expect(viewers.size).toBe(0)
  })

  it('leave no trace of an offer that is refused', async () => {
    const viewers = new Viewers(createRig().options)
    await expect(viewers.watch('bad')).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    expect(viewers.size).toBe(0)
  })

  it('are given up after 30 s without a connection, not while it stands', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { peers, options } = createRig()
    const viewers = new Viewers(options)
    await viewers.watch('comes')
    await viewers.watch('never comes')
    peers[0]?.become('connected')
    vi.advanceTimersByTime(30_000)
    expect(viewers.size).toBe(1)
    peers[0]?.become('disconnected')
    vi.advanceTimersByTime(20_000)
    peers[0]?.become('connected')
    vi.advanceTimersByTime(60_000)
    expect(viewers.size).toBe(1)
    peers[0]?.become('disconnected')
    vi.advanceTimersByTime(30_000)
    expect(viewers.size).toBe(0)
    await viewers.watch('fails')
    peers[2]?.become('failed')
    expect(viewers.size).toBe(0)
  })

  it('take candidates and leave by name', async () => {
    const { peers, options } = createRig()
    const viewers = new Viewers(options)
    const { viewer_id } = await viewers.watch('one')
    await viewers.addCandidates(viewer_id, [{ candidate: 'candidate:1' }, { candidate: 'candidate:2' }])
    expect(peers[0]?.candidates).toEqual(['candidate:1', 'candidate:2'])
    await expect(viewers.addCandidates('nobody', [])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    viewers.unwatch(viewer_id)
    expect(peers[0]?.state).toBe('closed')
    expect(() => viewers.unwatch(viewer_id)).toThrow(/no such viewer/)
  })
})

describe('a shared encoder', () => {
  const open = (pool: SharedEncoders) => pool.open({ codec: 'vp8', size: 360, bitrateBps: 1_000_000 })

  it('goes by the slowest line, and faster again when that one is gone', () => {
    const { encoders, services } = createRig()
    const pool = new SharedEncoders(services.encoders)
    const [one, other] = [open(pool), open(pool)]
    one.bitrateBps = 300_000
    other.bitrateBps = 800_000
    expect(encoders[0]?.bitrateBps).toBe(300_000)
    expect([one.bitrateBps, other.bitrateBps]).toEqual([300_000, 800_000])
    one.close()
    expect(encoders[0]?.bitrateBps).toBe(800_000)
    one.close()
    expect(encoders[0]?.closed).toBe(false)
    other.close()
    expect(encoders[0]?.closed).toBe(true)
    open(pool)
    expect(encoders).toHaveLength(2)
  })

  it('gives whoever asks for a key frame no frame from before', async () => {
    const { encoders, services } = createRig()
    const pool = new SharedEncoders(services.encoders)
    const [one, other] = [open(pool), open(pool)]
    const rgb = frame()
    await one.encode(rgb, 7)
    other.forceKeyframe()
    expect(encoders[0]?.keyframes).toBe(1)
    expect(await other.encode(rgb, 7), 'its bytes are gone').toBeUndefined()
    expect((await other.encode(frame(), 8))?.data).toEqual(Uint8Array.of(8))
    expect((await one.encode(frame(), 8))?.data).toEqual(Uint8Array.of(8))
    expect(encoders[0]?.indices).toEqual([7, 8])
  })
})
