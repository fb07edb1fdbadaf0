/** A session's media over WebRTC, on connections that only write down what they are given. */
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { OpusEncoder } from '../../../origin/codec/opus.ts'
import type { RtcServices } from '../../../origin/media/peer-output.ts'
import { NO_WANTS } from '../../../origin/media/socket-output.ts'
import { rtcLoad } from '../../../origin/metrics/rtc-load.ts'
import type { RtcPeer, RtcPeerOptions, RtcState, RtcStats } from '../../../origin/rtc/types.ts'
import type { Session } from '../../../origin/session/session.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { SAMPLE_RATE, TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { fakeTranscription, listeningServices } from '../../support/fakes/listening-fakes.ts'
import { createRig, settle } from '../../support/fakes/session-fakes.ts'
import { until } from '../../support/until.ts'

const STATS: RtcStats = {
  state: 'connected',
  videoCodec: 'vp8',
  path: 'host',
  videoBps: 0,
  audioBps: 0,
  fps: 0,
  rttMs: 1,
  loss: 0,
  jitterMs: 0,
  packetsSent: 0,
  bytesSent: 0,
  packetsResent: 0,
  nacks: 0,
  keyframeRequests: 0,
  framesSent: 0,
  freezes: 0,
  estimateBps: undefined,
}

class FakePeer implements RtcPeer {
  state: RtcState = 'connecting'
  readonly videoCodec = 'vp8'
  readonly hasAudio = true
  readonly isPlayer: boolean
  readonly offeredBy: string
  readonly frames: { bytes: number; keyframe: boolean; mediaMs: number }[] = []
  readonly sounds: { opus: Uint8Array; mediaMs: number }[] = []
  readonly options: Parameters<RtcServices['answer']>[1]
  constructor(offeredBy: string, options: Pick<RtcPeerOptions, 'iceServers' | 'onState' | 'onKeyframeRequest' | 'onMic'>) {
    this.offeredBy = offeredBy
    this.isPlayer = offeredBy === playerOffer.sdp.sdp
    this.options = options
  }
  become(state: RtcState): void {
    this.state = state
    this.options.onState(state)
  }
  async addCandidate(): Promise<void> {}
  sendVideo(frame: Uint8Array, mediaMs: number): void {
    // the lowest bit of a VP8 frame's first byte is 0 in key frames (RFC 6386 section 9.1)
    this.frames.push({ bytes: frame.length, keyframe: ((frame[0] ?? 1) & 1) === 0, mediaMs })
  }
  sendAudio(opus: Uint8Array, mediaMs: number): void {
    this.sounds.push({ opus, mediaMs })
  }
  stats(): RtcStats {
    return { ...STATS, state: this.state }
  }
  async close(): Promise<void> {
    this.state = 'closed'
  }
}

const offer = { sdp: { type: 'offer' as const, sdp: 'one page' } }
const playerOffer = { sdp: { type: 'offer' as const, sdp: 'a player' } }
const otherOffer = { sdp: { type: 'offer' as const, sdp: 'another page' } }
const say = (text: string) => ({ session_id: '550e8400-e29b-41d4-a716-446655440000', text })
const rgb = (): Uint8Array<ArrayBuffer> => new Uint8Array(3 * 360 * 360).fill(90)

/** The first sound of a connection: from 2 s after it, silence too is sent where no frame came before. */
function beginSilence(session: Session, dueMs: number): void {
  session.deliverSound(session.prepare(dueMs))
}

let encoders: EncoderPool
let peers: FakePeer[]
beforeEach(() => {
  encoders = new EncoderPool({ threads: 1, onCrash: () => undefined })
  peers = []
})
afterEach(async () => {
  vi.useRealTimers()
  await encoders.close()
})

function createRtcRig() {
  const answer: RtcServices['answer'] = async (sdp, options) => {
    const peer = new FakePeer(sdp, options)
    peers.push(peer)
    return { peer, sdp: `answer ${peers.length}` }
  }
  return createRig({ rtc: { answer, encoders } })
}
const peer = (index: number): FakePeer =>
  peers[index] ??
  (() => {
    throw new Error(`there is no connection ${index}`)
  })()

describe('start', () => {
  it('answers, and tells everyone when WebRTC takes over', async () => {
    const { session, sink } = createRtcRig()
    expect(await session.start(offer)).toEqual({ status: 'started', sdp: { type: 'answer', sdp: 'answer 1' } })
    expect(sink.of('transport')).toEqual([])
    peer(0).become('connected')
    expect(sink.of('transport')).toMatchObject([{ active: 'webrtc', reason: 'connected', video_codec: 'vp8' }])
    session.close('client_stop', { afterSpeech: false })
    expect(peer(0).state).toBe('closed')
    expect(encoders.streams).toBe(0)
  })

  it('twice goes on over the first connection until the second stands', async () => {
    const { session, sink } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    await session.start(otherOffer)
    beginSilence(session, 1_000)
    session.deliverSound(session.prepare(4_000))
    expect(peer(0).sounds).not.toHaveLength(0)
    peer(1).become('connected')
    expect(peer(0).state).toBe('closed')
    beginSilence(session, 5_000)
    session.deliverSound(session.prepare(8_000))
    expect(peer(1).sounds).not.toHaveLength(0)
    expect(sink.of('transport').map(({ active }) => active)).toEqual(['webrtc', 'webrtc'])
    expect(encoders.streams).toBe(1)
    session.close('client_stop', { afterSpeech: false })
  })

  it('twice by the same connection of the client ends the first at once', async () => {
    const { session, sink } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    await session.start(offer)
    expect(peer(0).state).toBe('closed')
    peer(1).become('connected')
    expect(sink.of('transport').map(({ active }) => active)).toEqual(['webrtc', 'webrtc'])
    session.close('client_stop', { afterSpeech: false })
  })

  it('twice with nothing changed goes on over the connection that answers again, and tells so', async () => {
    const { session, sink } = createRig({
      rtc: {
        answer: async (sdp, options) => {
          const { standing } = options
          if (standing) return { peer: standing, sdp: 'the same answer' }
          peers.push(new FakePeer(sdp, options))
          return { peer: peer(0), sdp: 'answer' }
        },
        encoders,
      },
    })
    await session.start(offer)
    peer(0).become('connected')
    expect(await session.start(offer)).toMatchObject({ sdp: { sdp: 'the same answer' } })
    expect(peer(0).state).toBe('connected')
    expect(sink.of('transport').map(({ active }) => active)).toEqual(['webrtc', 'webrtc'])
    expect(encoders.streams).toBe(1)
    session.close('client_stop', { afterSpeech: false })
  })

  it('replaces a connection that never came', async () => {
    const { session } = createRtcRig()
    await session.start(offer)
    await session.start(offer)
    expect(peer(0).state).toBe('closed')
    session.close('client_stop', { afterSpeech: false })
  })

  it('is refused after the end, also when the end comes in between', async () => {
    const { session } = createRtcRig()
    const starting = session.start(offer)
    session.close('client_stop', { afterSpeech: false })
    await expect(starting).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
    expect(peer(0).state).toBe('closed')
    await expect(session.start(offer)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  })

  it('says so where there is no WebRTC', async () => {
    const { session } = createRig()
    await expect(session.start(offer)).rejects.toBeInstanceOf(AvatarError)
    await expect(session.start(offer)).rejects.toMatchObject({ code: 'WEBRTC_NOT_READY' })
  })
})

describe('falling back', () => {
  it('media leaves the socket while WebRTC carries it, and comes back when it fails', async () => {
    const { session, sink, run } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    session.speech.speak(say('x'.repeat(100)))
    await run(10)
    expect(sink.of('frame')).toHaveLength(0)
    expect(sink.of('audio')).toHaveLength(0)
    expect(sink.of('speech_started')).toHaveLength(1)
    peer(0).become('failed')
    expect(sink.of('transport').at(-1)).toMatchObject({ active: 'socket', reason: 'failed' })
    await run(10)
    expect(sink.of('frame').length).toBeGreaterThan(5)
    expect(sink.of('audio').length).toBeGreaterThan(1)
    session.close('client_stop', { afterSpeech: false })
  })

  it('goes over the socket while the client is silent, and back', async () => {
    const { session, sink, run } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    peer(0).become('disconnected')
    await run(3)
    expect(sink.of('frame')).toHaveLength(3)
    peer(0).become('connected')
    await run(3)
    expect(sink.of('frame')).toHaveLength(3)
    expect(sink.of('transport').map(({ active, reason }) => `${active} ${reason}`)).toEqual([
      'webrtc connected',
      'socket lost',
      'webrtc connected',
    ])
    session.close('client_stop', { afterSpeech: false })
  })

  it('sockets that want media beside WebRTC keep it', async () => {
    const { session, sink, run } = createRtcRig()
    session.want({ ...NO_WANTS, frame_json: true, clause_json: true }, { ...NO_WANTS, frame_json: true })
    await session.start(offer)
    peer(0).become('connected')
    session.speech.speak(say('x'.repeat(20)))
    await run(5)
    expect(sink.of('frame')).toHaveLength(5)
    expect(sink.of('audio')).toHaveLength(0)
    session.close('client_stop', { afterSpeech: false })
  })

  it('tells after three seconds that WebRTC is not there yet', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { session, sink } = createRtcRig()
    await session.start(offer)
    vi.advanceTimersByTime(2_900)
    expect(sink.of('transport')).toEqual([])
    vi.advanceTimersByTime(200)
    expect(sink.of('transport')).toMatchObject([{ active: 'socket', reason: 'not_connected' }])
    peer(0).become('connected')
    expect(sink.of('transport').at(-1)).toMatchObject({ active: 'webrtc' })
    session.close('client_stop', { afterSpeech: false })
  })
})

describe('speech that nobody would hear yet', () => {
  const TEXT = 'x'.repeat(50)
  /** ms of it, by the fake voice. */
  const SPOKEN_MS = 1_000

  /** ms of sound, which is 1000 everywhere, that connections were given. */
  function heardMs(spy: MockInstance<OpusEncoder['encode']>): number {
    const samples = spy.mock.calls.flatMap(([pcm]) => [...pcm]).filter((sample) => sample === 1_000)
    return (samples.length * 1000) / SAMPLE_RATE
  }

  function awaitingRig() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const rig = createRtcRig()
    // a socket for events alone
    rig.session.want(NO_WANTS, NO_WANTS)
    const run = async (ticks: number): Promise<void> => {
      for (let i = 0; i < ticks; i++) {
        await rig.run(1)
        vi.advanceTimersByTime(TICK_MS)
      }
    }
    return { ...rig, run, spy: vi.spyOn(OpusEncoder.prototype, 'encode') }
  }

  // Broke: what was said between the answer and the connection was never heard.
  it('waits for the connection, and is heard whole and once', async () => {
    const { session, sink, run, spy } = awaitingRig()
    await session.start(offer)
    session.speech.speak(say(TEXT))
    await run(25)
    expect(sink.of('speech_started')).toEqual([])
    peer(0).become('connected')
    await run(40)
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: SPOKEN_MS }])
    expect(heardMs(spy)).toBe(SPOKEN_MS)
    session.close('client_stop', { afterSpeech: false })
  })

  it('that has begun waits while the client connects anew', async () => {
    const { session, run, spy } = awaitingRig()
    await session.start(offer)
    peer(0).become('connected')
    session.speech.speak(say(TEXT))
    await run(10)
    await session.start(offer)
    const before = heardMs(spy)
    await run(20)
    expect(heardMs(spy)).toBe(before)
    peer(1).become('connected')
    await run(40)
    expect(heardMs(spy)).toBe(SPOKEN_MS)
    session.close('client_stop', { afterSpeech: false })
  })

  it('waits for the first viewer where there is no client', async () => {
    const { session, run, spy } = awaitingRig()
    await session.viewers.watch('a viewer')
    session.speech.speak(say(TEXT))
    await run(10)
    peer(0).become('connected')
    // a further one does not hold what the first hears
    await session.viewers.watch('another viewer')
    await run(40)
    expect(heardMs(spy)).toBe(SPOKEN_MS)
    session.close('client_stop', { afterSpeech: false })
  })

  it('ends with an interrupt, and what is said next is heard', async () => {
    const { session, sink, run, spy } = awaitingRig()
    await session.start(offer)
    session.speech.speak(say(TEXT))
    await run(5)
    session.speech.interrupt()
    await run(5)
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted', played_ms: 0 }])
    peer(0).become('connected')
    await run(10)
    expect(heardMs(spy)).toBe(0)
    session.speech.speak(say(TEXT))
    await run(40)
    expect(heardMs(spy)).toBe(SPOKEN_MS)
    session.close('client_stop', { afterSpeech: false })
  })

  it.each([
    ['three seconds have passed', (run: (ticks: number) => Promise<void>) => run(75)],
    ['the connection has failed', async () => peer(0).become('failed')],
  ])('goes on when %s', async (_name, happens) => {
    const { session, sink, run } = awaitingRig()
    await session.start(offer)
    session.speech.speak(say(TEXT))
    await run(5)
    expect(sink.of('speech_started')).toEqual([])
    await happens(run)
    await run(40)
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
    session.close('client_stop', { afterSpeech: false })
  })

  it('does not wait where a socket hears it', async () => {
    const { session, sink, run } = awaitingRig()
    session.want({ ...NO_WANTS, chunk_binary: true }, NO_WANTS)
    await session.start(offer)
    session.speech.speak(say(TEXT))
    await run(3)
    expect(sink.of('speech_started')).toHaveLength(1)
    session.close('client_stop', { afterSpeech: false })
  })
})

describe('frames', () => {
  it('begin with a key frame, the latest one at once', async () => {
    const { session } = createRtcRig()
    await session.start(offer)
    const before = session.prepare(1_000)
    expect(before.request).toMatchObject({ raw: true })
    session.deliverFrame(before, { jpeg: new Uint8Array(0), size: 360, rgb: rgb() })
    peer(0).become('connected')
    await until('the frame', () => peer(0).frames.length === 1)
    expect(peer(0).frames[0]).toMatchObject({ keyframe: true, mediaMs: 1_000 })
    session.deliverFrame(session.prepare(1_040), { jpeg: new Uint8Array(0), size: 360, rgb: rgb() })
    await until('the next frame', () => peer(0).frames.length === 2)
    expect(peer(0).frames[1]).toMatchObject({ keyframe: false, mediaMs: 1_040 })
    peer(0).options.onKeyframeRequest()
    session.deliverFrame(session.prepare(1_080), { jpeg: new Uint8Array(0), size: 360, rgb: rgb() })
    await until('the key frame', () => peer(0).frames.length === 3)
    expect(peer(0).frames[2]).toMatchObject({ keyframe: true })
    session.close('client_stop', { afterSpeech: false })
  })

  it('show in the figures of the process', async () => {
    const { session } = createRtcRig()
    expect(rtcLoad([session], encoders)).toMatchObject({ rtc_connections: 0, video_streams: 0 })
    await session.start(offer)
    peer(0).become('connected')
    session.deliverFrame(session.prepare(40), { jpeg: new Uint8Array(0), size: 360, rgb: rgb() })
    await until('the frame', () => peer(0).frames.length === 1)
    expect(rtcLoad([session], encoders)).toMatchObject({ rtc_connections: 1, video_streams: 1, rtc_frames_dropped: 0 })
    expect(rtcLoad([session], encoders).video_encode_ms_p50).toBeGreaterThan(0)
    session.close('client_stop', { afterSpeech: false })
    expect(rtcLoad([session], encoders)).toMatchObject({ rtc_connections: 0, video_streams: 0 })
  })

  it('are asked for as JPEG only while a socket wants them', async () => {
    const { session } = createRtcRig()
    expect(session.prepare(0).request).toMatchObject({ jpeg: true, raw: false })
    await session.start(offer)
    peer(0).become('connected')
    expect(session.prepare(40).request).toMatchObject({ jpeg: false, raw: true })
    session.close('client_stop', { afterSpeech: false })
  })
})

describe('sound', () => {
  it('never pauses: two packets a tick, 20 ms apart in media and nearly so in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { session } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    beginSilence(session, 1_000)
    for (let tick = 0; tick < 10; tick++) {
      session.deliverSound(session.prepare(4_000 + tick * TICK_MS))
      expect(peer(0).sounds).toHaveLength(2 * tick + 1)
      vi.advanceTimersByTime(TICK_MS)
    }
    expect(peer(0).sounds.map(({ mediaMs }) => mediaMs)).toEqual(Array.from({ length: 20 }, (_, i) => 4_000 + i * 20))
    session.close('client_stop', { afterSpeech: false })
  })

  async function firstFrame(session: Session, dueMs: number): Promise<void> {
    session.deliverFrame(session.prepare(dueMs), { jpeg: new Uint8Array(0), size: 360, rgb: rgb() })
    await until('the frame', () => peer(0).frames.length === 1)
  }

  // Broke: a recorder takes the first packets of both for simultaneous, and had the sound 0.6 s before the picture.
  it('begins with the first frame, at its media time', async () => {
    const { session } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    session.deliverSound(session.prepare(1_000))
    session.deliverSound(session.prepare(1_040))
    expect(peer(0).sounds).toEqual([])
    await firstFrame(session, 1_040)
    // encoding took its time
    session.deliverSound(session.prepare(1_120))
    expect(peer(0).frames.map(({ mediaMs }) => mediaMs)).toEqual([1_040])
    expect(peer(0).sounds.map(({ mediaMs }) => mediaMs)).toEqual([1_040, 1_060, 1_080, 1_100, 1_120])
    session.deliverSound(session.prepare(1_160))
    expect(
      peer(0)
        .sounds.slice(5)
        .map(({ mediaMs }) => mediaMs),
    ).toEqual([1_140, 1_160])
    session.close('client_stop', { afterSpeech: false })
  })

  // Broke: what came before a browser had begun to play waited there, and all sound came late by 90 ms for seconds.
  it('begins at a player only some time after the first frame', async () => {
    const { session } = createRtcRig()
    await session.start(playerOffer)
    peer(0).become('connected')
    await firstFrame(session, 1_000)
    for (let dueMs = 1_000; dueMs < 1_600; dueMs += TICK_MS) session.deliverSound(session.prepare(dueMs))
    expect(peer(0).sounds).toEqual([])
    session.deliverSound(session.prepare(1_600))
    expect(peer(0).sounds.map(({ mediaMs }) => mediaMs)).toEqual([1_600])
    session.close('client_stop', { afterSpeech: false })
  })

  it('begins at once with speech', async () => {
    const { session } = createRtcRig()
    await session.start(playerOffer)
    peer(0).become('connected')
    session.speech.speak(say('x'.repeat(50)))
    await settle()
    session.deliverSound(session.prepare(1_000))
    expect(peer(0).sounds).not.toEqual([])
    session.close('client_stop', { afterSpeech: false })
  })

  it('stays in order when the clock makes up for lost time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { session } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    beginSilence(session, 1_000)
    for (let tick = 0; tick < 5; tick++) session.deliverSound(session.prepare(4_000 + tick * TICK_MS))
    vi.advanceTimersByTime(TICK_MS)
    expect(peer(0).sounds.map(({ mediaMs }) => mediaMs)).toEqual(Array.from({ length: 10 }, (_, i) => 4_000 + i * 20))
    session.close('client_stop', { afterSpeech: false })
  })

  it.each([0, 1, 2, 5])('dies away within 20 ms of an interrupt, after %i ticks and for good', async (ticks) => {
    const spy = vi.spyOn(OpusEncoder.prototype, 'encode')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { session } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    session.speech.speak(say('x'.repeat(100)))
    await settle()
    const tick = async (dueMs: number, prepared = session.prepare(dueMs)) => {
      await settle()
      session.deliverSound(prepared)
      vi.advanceTimersByTime(TICK_MS / 2 - 1)
    }
    for (let i = 0; i < ticks; i++) {
      await tick(1_000 + i * TICK_MS)
      if (i < ticks - 1) vi.advanceTimersByTime(TICK_MS / 2 + 1)
    }
    const next = session.prepare(1_000 + ticks * TICK_MS)
    const from = spy.mock.calls.length
    session.speech.interrupt()
    vi.advanceTimersByTime(TICK_MS)
    await tick(1_000 + ticks * TICK_MS, next)
    for (let i = 1; i < 5; i++) {
      vi.advanceTimersByTime(TICK_MS)
      await tick(1_000 + (ticks + i) * TICK_MS)
    }
    const levels = spy.mock.calls.slice(from).map(([pcm]) => [...pcm].map(Math.abs))
    // what speaks is 1000 everywhere: one packet falls from there to nothing, in steps too small to hear, and all others are silent
    const sounding = levels.filter((pcm) => pcm.some((sample) => sample > 0))
    expect(sounding.length).toBeLessThanOrEqual(1)
    for (const pcm of sounding) {
      expect(pcm[0]).toBeGreaterThan(990)
      expect(pcm.at(-1)).toBeLessThan(10)
      expect(Math.max(...pcm.slice(1).map((sample, i) => Math.abs(sample - (pcm[i] ?? sample))))).toBeLessThan(10)
    }
    if (ticks > 0) expect(sounding).toHaveLength(1)
    spy.mockRestore()
    session.close('client_stop', { afterSpeech: false })
  })

  it('is all of what is said', async () => {
    const spy = vi.spyOn(OpusEncoder.prototype, 'encode')
    const { session, run } = createRtcRig()
    await session.start(offer)
    peer(0).become('connected')
    session.speech.speak(say('x'.repeat(50)))
    await run(40)
    const loud = spy.mock.calls.reduce((sum, [pcm]) => sum + pcm.filter((sample) => sample === 1000).length, 0)
    // the last half tick waits for its timer
    expect(loud).toBeGreaterThanOrEqual(24_000 - TICK_SAMPLES / 2)
    expect(loud).toBeLessThanOrEqual(24_000)
    spy.mockRestore()
    session.close('client_stop', { afterSpeech: false })
  })
})

describe('the microphone', () => {
  it('is what the avatar hears while it listens', async () => {
    const answer: RtcServices['answer'] = async (sdp, options) => {
      const fake = new FakePeer(sdp, options)
      peers.push(fake)
      return { peer: fake, sdp: 'answer' }
    }
    const transcription = fakeTranscription(() => 'Hello?')
    const { session, run, sink } = createRig({ rtc: { answer, encoders }, listening: listeningServices(transcription) })
    await session.start(offer)
    peer(0).become('connected')
    const voice = new OpusEncoder()
    const packet = voice.encode(new Int16Array(480).fill(500))
    peer(0).options.onMic({ kind: 'sound', opus: packet })
    session.handleEvent({ type: 'start_listening', data: { mode: 'manual' } }, 'cli_a')
    await settle()
    for (let i = 0; i < 50; i++) peer(0).options.onMic({ kind: 'sound', opus: packet })
    peer(0).options.onMic({ kind: 'sound', opus: new Uint8Array([0xff, 0xff, 0xff]) })
    session.handleEvent({ type: 'stop_listening' }, 'cli_a')
    await run(10)
    expect(sink.of('chat')[0]).toMatchObject({ role: 'user', content: 'Hello?' })
    // one second at 16 kHz
    expect(transcription.given.map(({ samples }) => samples)).toEqual([16_000])
    session.close('client_stop', { afterSpeech: false })
  })
})
