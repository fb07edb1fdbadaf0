/** A session's media over one client's WebRTC connection, and the new connection that is to replace it after another offer. */
import { AvatarError } from '../../shared/errors.ts'
import type { OriginEvent } from '../../shared/events.ts'
import { FPS, QUALITIES, type Quality, TICK_MS, TICK_SAMPLES } from '../../shared/media.ts'
import type { VideoStream } from '../codec/encoder-pool.ts'
import { OPUS_FRAME_MS, OPUS_FRAME_SAMPLES, OpusEncoder } from '../codec/opus.ts'
import type { VideoEncoderOptions } from '../codec/video-encoder.ts'
import type { Logger } from '../log.ts'
import type { PeerStats, RtcCandidate, RtcIceServer, RtcPeer, RtcPeerOptions, RtcState } from '../rtc/types.ts'
import { BitrateControl } from './bitrate-control.ts'
import { MicReceiver } from './mic-receiver.ts'
import { SoundStart } from './sound-start.ts'

export type { PeerStats }

/** ms after an answer after which clients get `not_connected`, and speech no longer waits; the connection may still succeed. */
const NOT_CONNECTED_MS = 3_000
const SILENCE = new Int16Array(TICK_SAMPLES)

export type TransportChange = Pick<Extract<OriginEvent, { type: 'transport' }>, 'active' | 'reason' | 'video_codec'>

/** What a connection needs of the stream that encodes its frames. */
export type Encoding = Pick<VideoStream, 'bitrateBps' | 'dropped' | 'encodeMs' | 'encode' | 'forceKeyframe' | 'close'>

/** What WebRTC uses of the process. */
export interface RtcServices {
  /** @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer */
  answer: (
    offerSdp: string,
    options: Pick<RtcPeerOptions, 'iceServers' | 'standing' | 'onState' | 'onKeyframeRequest' | 'onMic'>,
  ) => Promise<{ peer: RtcPeer; sdp: string }>
  encoders: { open(options: VideoEncoderOptions): Encoding }
}

export interface PeerOutputOptions {
  services: RtcServices
  quality: Quality
  iceServers: readonly RtcIceServer[]
  log: Logger
  onTransport: (news: TransportChange) => void
  /** The client's microphone: about 20 ms of mono PCM at MIC_SAMPLE_RATE. */
  onMic: (pcm: Int16Array) => void
}

/** One connection and what belongs to it. */
interface Connection {
  peer: RtcPeer
  video: Encoding | undefined
  bitrate: BitrateControl
  soundStart: SoundStart
}

export class PeerOutput {
  readonly #options: PeerOutputOptions
  readonly #opus = new OpusEncoder()
  readonly #mic: MicReceiver
  /** The connection that carries the media. */
  #connection: Connection | undefined
  /** The connection that is answered and not connected yet. */
  #pending: Connection | undefined
  /** Runs for NOT_CONNECTED_MS after an answer. */
  #connectTimer: NodeJS.Timeout | undefined
  /** The second half of a tick's sound, sent half a tick later. */
  #secondHalf: { pcm: Int16Array; dueMs: number; timer: NodeJS.Timeout } | undefined
  /** The sound before an interrupt has faded out: what was prepared of it is replaced by silence. */
  #faded = true
  /** The latest frame while there is no connection: the first to be sent on the next. */
  #latestFrame: { rgb: Uint8Array<ArrayBuffer>; dueMs: number } | undefined
  #ticks = 0
  #closed = false

  constructor(options: PeerOutputOptions) {
    this.#options = options
    this.#mic = new MicReceiver(options.onMic)
  }

  /** True while video and sound reach the client this way. */
  get active(): boolean {
    return this.#connection?.peer.state === 'connected'
  }

  /** True while sound would be lost that the client is about to hear: it has its answer, and is not connected yet. */
  get awaited(): boolean {
    return this.#pending?.peer.hasAudio === true && this.#connectTimer !== undefined && !this.active
  }

  /** True from an answered offer until the connection has failed: a client that is silent for 30 s is gone. */
  get alive(): boolean {
    return this.#connection !== undefined || this.#pending !== undefined
  }

  /** True while frames are needed, also while the first connection is being made. */
  get wantsFrames(): boolean {
    return (this.#connection ?? this.#pending)?.video !== undefined
  }

  /**
   * Answers an offer. An existing connection carries the media until the new one is connected. Where the client offers again on the
   * same connection, the existing one ends at once: it would answer the client's new handshake in place of the new one. Only an offer
   * that changes nothing of it leaves it as it is.
   *
   * @returns the answer's SDP
   * @throws AvatarError `INVALID_REQUEST`
   */
  async start(offerSdp: string): Promise<string> {
    const { services, quality, iceServers, log } = this.#options
    let connection: Connection | undefined
    const { peer, sdp } = await services.answer(offerSdp, {
      iceServers,
      standing: this.#connection?.peer,
      onState: (state) => {
        if (connection) this.#stateChanged(connection, state)
      },
      onKeyframeRequest: () => connection?.video?.forceKeyframe(),
      onMic: (piece) => this.#mic.receive(piece),
    })
    if (this.#closed) {
      ignoreFailure(peer.close())
      throw new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.')
    }
    if (this.#connection && peer === this.#connection.peer) {
      this.#tellConnected(this.#connection)
      return sdp
    }
    this.#drop(this.#pending)
    if (this.#connection?.peer.offeredBy === peer.offeredBy) {
      this.#drop(this.#connection)
      this.#connection = undefined
    }
    const { size, bitrateBps } = QUALITIES[quality]
    const video = peer.videoCodec && services.encoders.open({ codec: peer.videoCodec, size, bitrateBps })
    const soundStart = new SoundStart({ hasVideo: video !== undefined, isPlayer: peer.isPlayer })
    connection = { peer, video, bitrate: new BitrateControl(bitrateBps), soundStart }
    this.#pending = connection
    clearTimeout(this.#connectTimer)
    this.#connectTimer = setTimeout(() => {
      this.#connectTimer = undefined
      if (!this.#connection) this.#options.onTransport({ active: 'socket', reason: 'not_connected' })
    }, NOT_CONNECTED_MS)
    log.info({ video_codec: peer.videoCodec, audio: peer.hasAudio }, 'answered a WebRTC offer')
    return sdp
  }

  /** @throws AvatarError `INVALID_REQUEST` */
  async addCandidate(candidate: RtcCandidate): Promise<void> {
    const connection = this.#pending ?? this.#connection
    if (!connection) throw new AvatarError('INVALID_REQUEST', 'Call streaming.start with an offer before sending candidates.')
    await connection.peer.addCandidate(candidate)
  }

  /**
   * The sound of one tick; to be called at every tick, with undefined in silence.
   *
   * @param pcm TICK_SAMPLES at SAMPLE_RATE
   * @param dueMs when its first sample is due: now
   * @param stale prepared before an interrupt: at most 20 ms of it are sent, fading out
   */
  sound(pcm: Int16Array | undefined, dueMs: number, { stale }: { stale: boolean }): void {
    const connection = this.#connection
    if (!connection) return
    this.#ticks += 1
    if (this.#ticks % FPS === 0) this.#adaptBitrate(connection)
    if (!connection.peer.hasAudio || (!pcm && connection.soundStart.holdsSilence(dueMs))) return
    for (const atMs of connection.soundStart.begin(dueMs))
      connection.peer.sendAudio(this.#opus.encode(SILENCE.subarray(0, OPUS_FRAME_SAMPLES)), atMs)
    this.#sendSecondHalf()
    const heard = stale ? (this.#faded || !pcm ? SILENCE : fadedOut(pcm)) : (pcm ?? SILENCE)
    this.#faded = stale || !pcm
    connection.peer.sendAudio(this.#opus.encode(heard.subarray(0, OPUS_FRAME_SAMPLES)), dueMs)
    // evenly spaced packets keep the receiver's jitter buffer short
    const timer = setTimeout(() => this.#sendSecondHalf(), OPUS_FRAME_MS)
    this.#secondHalf = { pcm: heard.subarray(OPUS_FRAME_SAMPLES), dueMs: dueMs + OPUS_FRAME_MS, timer }
  }

  /** Speech was interrupted: the packet that is still to leave fades out. */
  cutOff(): void {
    if (!this.#secondHalf || this.#faded) return
    this.#secondHalf.pcm = fadedOut(this.#secondHalf.pcm)
    this.#faded = true
  }

  /** @param rgb handed over @param dueMs on the same clock as sound */
  frame(rgb: Uint8Array<ArrayBuffer>, dueMs: number): void {
    const connection = this.#connection
    if (!connection) this.#latestFrame = { rgb, dueMs }
    else if (connection.video) void this.#encode(connection, connection.video, rgb, dueMs)
  }

  /** Undefined without a connection. */
  stats(): PeerStats | undefined {
    if (!this.#connection) return undefined
    const { peer, video, bitrate } = this.#connection
    return { ...peer.stats(), targetBps: bitrate.bitrateBps, framesDropped: video?.dropped ?? 0, encodeMs: video?.encodeMs }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#connectTimer)
    clearTimeout(this.#secondHalf?.timer)
    this.#drop(this.#connection)
    this.#drop(this.#pending)
    this.#connection = undefined
    this.#pending = undefined
    this.#latestFrame = undefined
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  #stateChanged(connection: Connection, state: RtcState): void {
    if (this.#closed || (connection !== this.#connection && connection !== this.#pending)) return
    const { onTransport } = this.#options
    if (state === 'connected') {
      if (connection === this.#pending) {
        clearTimeout(this.#connectTimer)
        this.#drop(this.#connection)
        this.#connection = connection
        this.#pending = undefined
        this.#mic.reset()
      }
      connection.video?.forceKeyframe()
      if (this.#latestFrame) this.frame(this.#latestFrame.rgb, this.#latestFrame.dueMs)
      this.#latestFrame = undefined
      this.#tellConnected(connection)
    } else if (state === 'disconnected' && connection === this.#connection) {
      onTransport({ active: 'socket', reason: 'lost' })
    } else if (state === 'failed') {
      const otherStands = connection === this.#pending && this.active
      this.#drop(connection)
      if (connection === this.#connection) this.#connection = undefined
      else this.#pending = undefined
      if (!otherStands) onTransport({ active: 'socket', reason: 'failed' })
    }
  }

  #tellConnected({ peer: { videoCodec } }: Connection): void {
    this.#options.onTransport({ active: 'webrtc', reason: 'connected', ...(videoCodec ? { video_codec: videoCodec } : {}) })
  }

  #drop(connection: Connection | undefined): void {
    if (!connection) return
    connection.video?.close()
    ignoreFailure(connection.peer.close())
  }

  async #encode(connection: Connection, video: Encoding, rgb: Uint8Array<ArrayBuffer>, dueMs: number): Promise<void> {
    try {
      const encoded = await video.encode(rgb, Math.round(dueMs / TICK_MS))
      if (!encoded) return
      connection.peer.sendVideo(encoded.data, dueMs)
      connection.soundStart.frameLeft(dueMs)
    } catch (thrown) {
      this.#options.log.warn({ err: thrown }, 'a frame could not be encoded')
    }
  }

  #adaptBitrate({ peer, video, bitrate }: Connection): void {
    if (!video) return
    const before = video.bitrateBps
    video.bitrateBps = bitrate.next(peer.stats())
    if (video.bitrateBps !== before) this.#options.log.debug({ from_bps: before, to_bps: video.bitrateBps }, 'video bitrate changed')
  }

  /** Also called early: when the clock catches up after a delay, packets must not overtake each other. */
  #sendSecondHalf(): void {
    const half = this.#secondHalf
    if (!half) return
    clearTimeout(half.timer)
    this.#secondHalf = undefined
    this.#connection?.peer.sendAudio(this.#opus.encode(half.pcm), half.dueMs)
  }
}

/** Fades to zero over the first packet; the rest is silent. */
function fadedOut(pcm: Int16Array): Int16Array {
  return pcm.map((sample, i) => (i < OPUS_FRAME_SAMPLES ? Math.round(sample * (1 - i / OPUS_FRAME_SAMPLES)) : 0))
}

/** Closing sockets that are already closed may fail. */
function ignoreFailure(closing: Promise<void>): void {
  closing.catch(() => {})
}
