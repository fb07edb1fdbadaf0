/** Frames to VP8 or H.264 for real-time transport. Synchronous: for worker threads, never for the event loop. */
import {
  AV_LOG_FATAL,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_SMPTE170M,
  AVERROR_EAGAIN,
  FF_ENCODER_LIBVPX_VP8,
  FF_ENCODER_LIBX264,
  SWS_FAST_BILINEAR,
} from 'node-av/constants'
import { Codec, CodecContext, FFmpegError, type Frame, Log, Packet, Rational, SoftwareScaleContext } from 'node-av/lib'
import { FPS } from '../../shared/media.ts'
import { MAX_PAYLOAD_BYTES } from './packet-size.ts'
import { rgbYuvFrames } from './rgb-yuv-frames.ts'

// what fails is thrown; the library would write it to stderr besides
Log.setLevel(AV_LOG_FATAL)

export type VideoCodec = 'vp8' | 'h264'

export interface VideoEncoderOptions {
  codec: VideoCodec
  /** Side of the square frames, pixels, even. */
  size: number
  bitrateBps: number
}

export interface EncodedFrame {
  /** One VP8 frame (RFC 6386), or one H.264 access unit in Annex B form with its parameter sets before every key frame. */
  data: Buffer
  keyframe: boolean
}

/** A key frame at the latest after this many frames: 4 s. */
export const MAX_KEYFRAME_DISTANCE = 4 * FPS
/** ms of video that the rate control may spend early or late. */
const BUFFER_MS = 400

/**
 * Of libvpx: a negative cpu-used is a fixed speed; -8 costs 2.4 ms a frame at 512 x 512, while the adaptive +8 takes 3.8.
 * minrate = maxrate = bitrate makes it CBR. Error resilience keeps a lost frame from spoiling the entropy tables of the next.
 */
const VP8_OPTIONS = {
  deadline: 'realtime',
  'cpu-used': '-8',
  'lag-in-frames': '0',
  'error-resilient': 'default',
  'static-thresh': '1',
  'max-intra-rate': '600',
  'undershoot-pct': '95',
  'overshoot-pct': '50',
  'auto-alt-ref': '0',
  qmin: '4',
  qmax: '56',
}
/**
 * `annexb` and repeated headers are what packets need. A slice fits into one, because receivers that offer no packetization-mode take no
 * fragments (RFC 6184 section 6.2); it costs 0.1 dB.
 */
const H264_OPTIONS = {
  preset: 'superfast',
  tune: 'zerolatency',
  profile: 'baseline',
  'forced-idr': '1',
  'x264-params': `annexb=1:repeat-headers=1:sliced-threads=0:slice-max-size=${MAX_PAYLOAD_BYTES}:scenecut=0:aud=0`,
}

/** One stream. Its bitrate can change only with H.264; libvpx ignores it here, so a VP8 stream is opened anew instead. */
export class VideoEncoder {
  readonly #options: VideoEncoderOptions
  readonly #packet = new Packet()
  readonly #rgb: Frame
  readonly #yuv: Frame
  readonly #scaler = new SoftwareScaleContext()
  #context: CodecContext
  #bitrateBps: number
  #lastPts = -1n
  #closed = false

  /** @throws Error when the codec is not in this build */
  constructor(options: VideoEncoderOptions) {
    this.#options = options
    this.#bitrateBps = options.bitrateBps
    this.#packet.alloc()
    const { rgb, yuv } = rgbYuvFrames(options.size)
    this.#rgb = rgb
    this.#yuv = yuv
    this.#scaler.allocContext()
    this.#scaler.setOption('sws_flags', SWS_FAST_BILINEAR)
    this.#context = open(options)
  }

  get bitrateBps(): number {
    return this.#bitrateBps
  }

  /** Takes effect with the next frame, which for VP8 is then a key frame. */
  set bitrateBps(bitrateBps: number) {
    if (bitrateBps === this.#bitrateBps) return
    this.#bitrateBps = bitrateBps
    if (this.#options.codec === 'h264') {
      this.#context.bitRate = BigInt(bitrateBps)
      this.#context.rcMaxRate = BigInt(bitrateBps)
      this.#context.rcBufferSize = bufferBits(bitrateBps)
      return
    }
    this.#context.freeContext()
    this.#context = open({ ...this.#options, bitrateBps })
    this.#lastPts = -1n
  }

  /**
   * @param rgb tightly packed sRGB, 3 * size * size bytes
   * @param index number of the frame at FPS; rises, with gaps where frames were left out
   * @returns undefined when the rate control left the frame out
   */
  encode(rgb: Uint8Array, index: number, { keyframe }: { keyframe: boolean }): EncodedFrame | undefined {
    FFmpegError.throwIfError(this.#rgb.fromBuffer(Buffer.from(rgb.buffer, rgb.byteOffset, rgb.byteLength)), 'frame of another size')
    FFmpegError.throwIfError(this.#yuv.makeWritable(), 'no memory for a frame')
    FFmpegError.throwIfError(this.#scaler.scaleFrameSync(this.#yuv, this.#rgb), 'cannot convert the frame')
    // time never stands still for the rate control, whatever the caller counts
    const pts = BigInt(index) > this.#lastPts ? BigInt(index) : this.#lastPts + 1n
    this.#lastPts = pts
    this.#yuv.pts = pts
    this.#yuv.pictType = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
    FFmpegError.throwIfError(this.#context.sendFrameSync(this.#yuv), 'cannot encode')
    const received = this.#context.receivePacketSync(this.#packet)
    if (received === AVERROR_EAGAIN) return undefined
    FFmpegError.throwIfError(received, 'cannot encode')
    const { data, isKeyframe } = this.#packet
    const encoded = data ? { data: Buffer.from(data), keyframe: isKeyframe } : undefined
    this.#packet.unref()
    return encoded
  }

  /** Gives the memory back. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#context.freeContext()
    this.#scaler.freeContext()
    this.#rgb.free()
    this.#yuv.free()
    this.#packet.free()
  }
}

function open({ codec: name, size, bitrateBps }: VideoEncoderOptions): CodecContext {
  const codec = Codec.findEncoderByName(name === 'vp8' ? FF_ENCODER_LIBVPX_VP8 : FF_ENCODER_LIBX264)
  if (!codec) throw new Error(`this build has no ${name} encoder`)
  const context = new CodecContext()
  context.allocContext3(codec)
  context.width = size
  context.height = size
  context.pixelFormat = AV_PIX_FMT_YUV420P
  context.colorSpace = AVCOL_SPC_SMPTE170M
  context.colorRange = AVCOL_RANGE_MPEG
  context.timeBase = new Rational(1, FPS)
  context.framerate = new Rational(FPS, 1)
  context.bitRate = BigInt(bitrateBps)
  context.rcMinRate = name === 'vp8' ? BigInt(bitrateBps) : 0n
  context.rcMaxRate = BigInt(bitrateBps)
  context.rcBufferSize = bufferBits(bitrateBps)
  context.gopSize = MAX_KEYFRAME_DISTANCE
  context.maxBFrames = 0
  // more threads spin on busy cores; sessions run beside each other instead
  context.threadCount = 1
  // one by one: a dictionary given to open2 is freed twice
  for (const [option, value] of Object.entries(name === 'vp8' ? VP8_OPTIONS : H264_OPTIONS)) {
    FFmpegError.throwIfError(context.setOption(option, value), `cannot set ${option} of the ${name} encoder`)
  }
  const opened = context.open2Sync(codec)
  if (opened < 0) context.freeContext()
  FFmpegError.throwIfError(opened, `cannot open the ${name} encoder`)
  return context
}

function bufferBits(bitrateBps: number): number {
  return Math.round((bitrateBps * BUFFER_MS) / 1000)
}
