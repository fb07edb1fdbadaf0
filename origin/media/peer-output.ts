/** A session's media over WebRTC: the connection that carries it, and the one that is to replace it. */
import { AvatarError } from '../../shared/errors.ts'
import type { OriginEvent } from '../../shared/events.ts'
import { FPS, QUALITIES, type Quality, TICK_MS, TICK_SAMPLES } from '../../shared/media.ts'
import type { VideoStream } from '../codec/encoder-pool.ts'
import { MIC_SAMPLE_RATE, OPUS_FRAME_MS, OPUS_FRAME_SAMPLES, OpusEncoder, OpusMicDecoder } from '../codec/opus.ts'
import type { VideoEncoderOptions } from '../codec/video-encoder.ts'
import type { Logger } from '../log.ts'
import type { MicPiece, PeerStats, RtcCandidate, RtcIceServer, RtcPeer, RtcPeerOptions, RtcState } from '../rtc/types.ts'
import { BitrateControl } from './bitrate-control.ts'

export type { PeerStats }

/** ms after which clients are told that WebRTC is not there yet; it is tried further. */
const NOT_CONNECTED_MS = 3_000
/**
 * ms of silence that are left out after the first frame, and at most without one: browsers begin to play with the first frame,
 * and all sound that waits for it then comes late, by 90 ms in the first seconds. Speech is never left out.
 */
const AUDIO_AFTER_FRAME_MS = 600
const MAX_HELD_BACK_MS = 2_000
const SILENCE = new Int16Array(TICK_SAMPLES)

export type TransportChange = Pick<Extract<OriginEvent, { type: 'transport' }>, 'active' | 'reason' | 'video_codec'>

/** What a connection needs of the stream that encodes its frames. */
export type Encoding = Pick<VideoStream, 'bitrateBps' | 'dropped' | 'encodeMs' | 'encode' | 'forceKeyframe' | 'close'>

/** What WebRTC takes of the process. */
export interface RtcServices {
  /** @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer */
  answer: (
    offerSdp: string,
    options: Pick<RtcPeerOptions, 'iceServers' | 'onState' | 'onKeyframeRequest' | 'onMic'>,
  ) => Promise<{ peer: RtcPeer; sdp: string }>
  encoders: { open(options: VideoEncoderOptions): Encoding }
}

export interface PeerOutputOptions {
  parts: RtcServices
  quality: Quality
  iceServers: readonly RtcIceServer[]
  log: Logger
  onTransport: (news: TransportChange) => void
  /** The client's voice: 20 ms or so of mono sound at EAR_SAMPLE_RATE. */
  onMic: (pcm: Int16Array) => void
}

/** One connection and what belongs to it. */
interface Connection {
  peer: RtcPeer
  video: Encoding | undefined
  bitrate: BitrateControl
  /** When its first sound and its first frame were due. */
  firstSoundMs: number | undefined
  firstFrameMs: number | undefined
  /** Sound has begun to go out. */
  sounding: boolean
}

export class PeerOutput {
  readonly #options: PeerOutputOptions
  readonly #opus = new OpusEncoder()
  #ear = new OpusMicDecoder()
  /** Carries the media. */
  #connection: Connection | undefined
  /** Answered, and not connected yet. */
  #pending: Connection | undefined
  #connectTimer: NodeJS.Timeout | undefined
  /** The second half of a tick's sound, which leaves half a tick later. */
  #secondHalf: { pcm: Int16Array; dueMs: number; timer: NodeJS.Timeout } | undefined
  /** The sound that was going on has died away: what was prepared of it is not to be heard. */
  #faded = true
  /** The latest frame while no connection stands: the first thing to be seen on the next. */
  #latestFrame: { rgb: Uint8Array<ArrayBuffer>; dueMs: number } | undefined
  #ticks = 0
  #closed = false

  constructor(options: PeerOutputOptions) {
    this.#options = options
  }

  /** True while frames and sound reach the client this way. */
  get active(): boolean {
    return this.#connection?.peer.state === 'connected'
  }

  /** True while frames are needed, also just before there is a connection. */
  get wantsFrames(): boolean {
    return (this.#connection ?? this.#pending)?.video !== undefined
  }

  /**
   * Answers an offer. A connection that stands carries the media until the new one does; only where the client offers again
   * on the same connection it ends at once, for it would answer the client's new handshake in place of the new one.
   *
   * @returns the answer's SDP
   * @throws AvatarError `INVALID_REQUEST`
   */
  async start(offerSdp: string): Promise<string> {
    const { parts, quality, iceServers, log } = this.#options
    let line: Connection | undefined
    const { peer, sdp } = await parts.answer(offerSdp, {
      iceServers,
      onState: (state) => {
        if (line) this.#stateChanged(line, state)
      },
      onKeyframeRequest: () => line?.video?.forceKeyframe(),
      onMic: (piece) => this.#hear(piece),
    })
    if (this.#closed) {
      ignoreFailure(peer.close())
      throw new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.')
    }
    this.#drop(this.#pending)
    if (this.#connection?.peer.offeredBy === peer.offeredBy) {
      this.#drop(this.#connection)
      this.#connection = undefined
    }
    const { size, bitrateBps } = QUALITIES[quality]
    const video = peer.videoCodec && parts.encoders.open({ codec: peer.videoCodec, size, bitrateBps })
    line = { peer, video, bitrate: new BitrateControl(bitrateBps), firstSoundMs: undefined, firstFrameMs: undefined, sounding: false }
    this.#pending = line
    clearTimeout(this.#connectTimer)
    this.#connectTimer = setTimeout(() => {
      if (!this.#connection) this.#options.onTransport({ active: 'socket', reason: 'not_connected' })
    }, NOT_CONNECTED_MS)
    log.info({ video_codec: peer.videoCodec, audio: peer.hasAudio }, 'answered a WebRTC offer')
    return sdp
  }

  /** @throws AvatarError `INVALID_REQUEST` */
  async addCandidate(candidate: RtcCandidate): Promise<void> {
    const line = this.#pending ?? this.#connection
    if (!line) throw new AvatarError('INVALID_REQUEST', 'Call streaming.start with an offer before sending candidates.')
    await line.peer.addCandidate(candidate)
  }

  /**
   * The sound of one tick; to be called at every tick, with undefined in silence.
   *
   * @param pcm TICK_SAMPLES at SAMPLE_RATE
   * @param dueMs when its first sample is due: now
   * @param stale prepared before an interrupt: at most 20 ms of it die away
   */
  sound(pcm: Int16Array | undefined, dueMs: number, { stale }: { stale: boolean }): void {
    const line = this.#connection
    if (!line) return
    this.#ticks += 1
    if (this.#ticks % FPS === 0) this.#adaptBitrate(line)
    if (!line.peer.hasAudio || (!pcm && isHeldBack(line, dueMs))) return
    line.sounding = true
    this.#sendSecondHalf()
    const heard = stale ? (this.#faded || !pcm ? SILENCE : fadedOut(pcm)) : (pcm ?? SILENCE)
    this.#faded = stale || !pcm
    line.peer.sendAudio(this.#opus.encode(heard.subarray(0, OPUS_FRAME_SAMPLES)), dueMs)
    // evenly spaced, packets wait less at the receiver
    const timer = setTimeout(() => this.#sendSecondHalf(), OPUS_FRAME_MS)
    this.#secondHalf = { pcm: heard.subarray(OPUS_FRAME_SAMPLES), dueMs: dueMs + OPUS_FRAME_MS, timer }
  }

  /** Speech was interrupted: it dies away in the next packet. */
  cutOff(): void {
    if (!this.#secondHalf || this.#faded) return
    this.#secondHalf.pcm = fadedOut(this.#secondHalf.pcm)
    this.#faded = true
  }

  /** @param rgb handed over @param dueMs on the same clock as sound */
  frame(rgb: Uint8Array<ArrayBuffer>, dueMs: number): void {
    const line = this.#connection
    if (!line) this.#latestFrame = { rgb, dueMs }
    else if (line.video) void this.#encode(line, line.video, rgb, dueMs)
  }

  /** Undefined without a connection. */
  stats(): PeerStats | undefined {
    if (!this.#connection) return undefined
    const { peer, video, bitrate: rate } = this.#connection
    return { ...peer.stats(), targetBps: rate.bitrateBps, framesDropped: video?.dropped ?? 0, encodeMs: video?.encodeMs }
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

  #stateChanged(line: Connection, state: RtcState): void {
    if (this.#closed || (line !== this.#connection && line !== this.#pending)) return
    const { onTransport } = this.#options
    if (state === 'connected') {
      if (line === this.#pending) {
        clearTimeout(this.#connectTimer)
        this.#drop(this.#connection)
        this.#connection = line
        this.#pending = undefined
        this.#ear = new OpusMicDecoder()
      }
      line.video?.forceKeyframe()
      if (this.#latestFrame) this.frame(this.#latestFrame.rgb, this.#latestFrame.dueMs)
      this.#latestFrame = undefined
      const { videoCodec } = line.peer
      onTransport({ active: 'webrtc', reason: 'connected', ...(videoCodec ? { video_codec: videoCodec } : {}) })
    } else if (state === 'disconnected' && line === this.#connection) {
      onTransport({ active: 'socket', reason: 'lost' })
    } else if (state === 'failed') {
      const stands = line === this.#pending && this.active
      this.#drop(line)
      if (line === this.#connection) this.#connection = undefined
      else this.#pending = undefined
      if (!stands) onTransport({ active: 'socket', reason: 'failed' })
    }
  }

  #drop(line: Connection | undefined): void {
    if (!line) return
    line.video?.close()
    ignoreFailure(line.peer.close())
  }

  async #encode(line: Connection, video: Encoding, rgb: Uint8Array<ArrayBuffer>, dueMs: number): Promise<void> {
    try {
      const encoded = await video.encode(rgb, Math.round(dueMs / TICK_MS))
      if (!encoded) return
      line.peer.sendVideo(encoded.data, dueMs)
      line.firstFrameMs ??= dueMs
    } catch (thrown) {
      this.#options.log.warn({ err: thrown }, 'a picture could not be encoded')
    }
  }

  #adaptBitrate({ peer, video, bitrate: rate }: Connection): void {
    if (!video) return
    const before = video.bitrateBps
    video.bitrateBps = rate.next(peer.stats())
    if (video.bitrateBps !== before) this.#options.log.debug({ from_bps: before, to_bps: video.bitrateBps }, 'video bitrate changed')
  }

  #hear(piece: MicPiece): void {
    let pcm: Int16Array
    try {
      pcm = this.#heard(piece)
    } catch {
      // a damaged packet is a lost packet
      return
    }
    this.#options.onMic(pcm)
  }

  /** @throws Error when the bytes are no Opus packet */
  #heard(piece: MicPiece): Int16Array {
    if (piece.kind === 'sound') return this.#ear.decode(piece.opus)
    if (piece.kind === 'lost') return this.#ear.conceal(piece.ms)
    return new Int16Array(Math.round((piece.ms * MIC_SAMPLE_RATE) / 1000))
  }

  /** Also called before its time: a clock that makes up for lost time must not let sound overtake sound. */
  #sendSecondHalf(): void {
    const half = this.#secondHalf
    if (!half) return
    clearTimeout(half.timer)
    this.#secondHalf = undefined
    this.#connection?.peer.sendAudio(this.#opus.encode(half.pcm), half.dueMs)
  }
}

function isHeldBack(line: Connection, dueMs: number): boolean {
  if (line.sounding || !line.video) return false
  line.firstSoundMs ??= dueMs
  return dueMs < (line.firstFrameMs === undefined ? line.firstSoundMs + MAX_HELD_BACK_MS : line.firstFrameMs + AUDIO_AFTER_FRAME_MS)
}

/** Falls to nothing over its first packet; the rest is silent. */
function fadedOut(pcm: Int16Array): Int16Array {
  return pcm.map((sample, i) => (i < OPUS_FRAME_SAMPLES ? Math.round(sample * (1 - i / OPUS_FRAME_SAMPLES)) : 0))
}

/** Sockets that are gone already need no closing. */
function ignoreFailure(closing: Promise<void>): void {
  closing.catch(() => {})
}
