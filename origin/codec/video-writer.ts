/** Writes a clip as an ordinary video file: H.264 in MP4, at FPS, without sound. Synchronous: for tools, never for the event loop. */
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_FATAL,
  AV_PIX_FMT_YUV420P,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_SMPTE170M,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  FF_ENCODER_LIBX264,
  SWS_ACCURATE_RND,
  SWS_BICUBIC,
} from 'node-av/constants'
import { Codec, CodecContext, FFmpegError, FormatContext, type Frame, Log, Packet, Rational, SoftwareScaleContext } from 'node-av/lib'
import { FPS } from '../../shared/media.ts'
import { rgbYuvFrames } from './rgb-yuv-frames.ts'

// what fails is thrown; the library would write it to stderr besides
Log.setLevel(AV_LOG_FATAL)

export interface VideoFileOptions {
  file: string
  /** Side of the square frames, pixels, even. */
  size: number
  /** x264's constant rate factor; 16 cannot be told from the source. @default 16 */
  quality?: number
}

export class VideoFile {
  readonly #file: string
  readonly #packet = new Packet()
  readonly #rgb: Frame
  readonly #yuv: Frame
  readonly #scaler = new SoftwareScaleContext()
  readonly #context = new CodecContext()
  readonly #output = new FormatContext()
  readonly #stream: ReturnType<FormatContext['newStream']>
  #frames = 0
  #opened = false
  #closed = false

  /** @throws Error with the file's name when it cannot be created */
  constructor({ file, size, quality = 16 }: VideoFileOptions) {
    this.#file = file
    const codec = Codec.findEncoderByName(FF_ENCODER_LIBX264)
    if (!codec) throw new Error('this build has no H.264 encoder')
    const { rgb, yuv } = rgbYuvFrames(size)
    this.#rgb = rgb
    this.#yuv = yuv
    this.#packet.alloc()
    this.#scaler.allocContext()
    this.#scaler.setOption('sws_flags', SWS_BICUBIC | SWS_ACCURATE_RND)
    const context = this.#context
    context.allocContext3(codec)
    context.width = size
    context.height = size
    context.pixelFormat = AV_PIX_FMT_YUV420P
    context.colorSpace = AVCOL_SPC_SMPTE170M
    context.colorRange = AVCOL_RANGE_MPEG
    context.timeBase = new Rational(1, FPS)
    context.framerate = new Rational(FPS, 1)
    context.gopSize = 10 * FPS
    context.threadCount = 1
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER)
    this.#check(context.setOption('preset', 'medium'), 'cannot set up the encoder of')
    this.#check(context.setOption('crf', String(quality)), 'cannot set up the encoder of')
    this.#check(context.open2Sync(codec), 'cannot open the encoder of')
    const output = this.#output
    this.#check(output.allocOutputContext2(null, 'mp4', file), 'cannot write')
    output.url = file
    this.#stream = output.newStream(null)
    this.#check(this.#stream.codecpar.fromContext(context), 'cannot write')
    this.#stream.timeBase = new Rational(1, FPS)
    this.#check(output.openOutputSync(), 'cannot create')
    this.#opened = true
    this.#check(output.writeHeaderSync(), 'cannot write')
  }

  /** @param rgb tightly packed sRGB, 3 * size * size bytes */
  write(rgb: Uint8Array): void {
    this.#check(this.#rgb.fromBuffer(Buffer.from(rgb.buffer, rgb.byteOffset, rgb.byteLength)), 'wrong frame for')
    this.#check(this.#yuv.makeWritable(), 'no memory for')
    this.#check(this.#scaler.scaleFrameSync(this.#yuv, this.#rgb), 'cannot convert a frame of')
    this.#yuv.pts = BigInt(this.#frames++)
    this.#check(this.#context.sendFrameSync(this.#yuv), 'cannot encode')
    this.#drain()
  }

  /** Writes what is left and the file's index. */
  finish(): void {
    this.#check(this.#context.sendFrameSync(null), 'cannot encode')
    this.#drain()
    this.#check(this.#output.writeTrailerSync(), 'cannot write')
    this.close()
  }

  /** Gives the memory back; without `finish` the file is not complete. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#opened) this.#output.closeOutputSync()
    this.#output.freeContext()
    this.#context.freeContext()
    this.#scaler.freeContext()
    this.#rgb.free()
    this.#yuv.free()
    this.#packet.free()
  }

  #drain(): void {
    for (;;) {
      const received = this.#context.receivePacketSync(this.#packet)
      if (received === AVERROR_EAGAIN || received === AVERROR_EOF) return
      this.#check(received, 'cannot encode')
      this.#packet.streamIndex = this.#stream.index
      this.#packet.duration = 1n
      this.#packet.rescaleTs(new Rational(1, FPS), this.#stream.timeBase)
      this.#check(this.#output.interleavedWriteFrameSync(this.#packet), 'cannot write')
      this.#packet.unref()
    }
  }

  #check(code: number, doing: string): void {
    FFmpegError.throwIfError(code, `${doing} ${this.#file}`)
  }
}
