/** Reads a video file frame by frame. Synchronous: for worker threads, never for the event loop. */
import {
  AV_FRAME_DATA_DISPLAYMATRIX,
  AV_LOG_FATAL,
  AV_NOPTS_VALUE,
  AV_PIX_FMT_RGB24,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
  SWS_ACCURATE_RND,
  SWS_AREA,
  SWS_BICUBIC,
  SWS_FULL_CHR_H_INT,
} from 'node-av/constants'
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Log, Packet, SoftwareScaleContext } from 'node-av/lib'

// what fails is thrown with the file's name; the library would write it to stderr besides
Log.setLevel(AV_LOG_FATAL)

/** One decoded frame; valid until the reader's next frame is asked for. */
export interface VideoFrame {
  readonly width: number
  readonly height: number
  /** When it is shown, seconds; undefined where the file does not say, as with a photo. */
  readonly timeS: number | undefined
  /** Degrees by which it must be turned clockwise to stand upright: 0, 90, 180 or 270; phones film lying down and say so here. */
  readonly turn: number
  /**
   * The frame at another size (no crop): tightly packed sRGB, 3 * width * height bytes, in the library's own memory. The
   * next frame of this size overwrites it and the end of the loop frees it: copy what must stay.
   *
   * @param height @default width
   */
  rgb(width: number, height?: number): Buffer
}

/** Frees everything when the loop ends, also early. @throws Error with the file's name when it cannot be opened or decoded */
export function* readVideo(file: string): Generator<VideoFrame, void, undefined> {
  const input = new FormatContext()
  const decoder = new CodecContext()
  const packet = new Packet()
  const decoded = new Frame()
  const scalers = new Map<string, Scaler>()
  let opened = false
  const check = (code: number, doing: string): void => FFmpegError.throwIfError(code, `${doing} ${file}`)
  try {
    packet.alloc()
    decoded.alloc()
    check(input.openInputSync(file), 'cannot open')
    opened = true
    check(input.findStreamInfoSync(), 'cannot read the streams of')
    const index = input.findBestStream(AVMEDIA_TYPE_VIDEO)
    const stream = input.streams?.[index]
    if (stream === undefined) throw new Error(`${file} has no video stream`)
    const codec = Codec.findDecoder(stream.codecpar.codecId)
    if (codec === null) throw new Error(`no decoder for the video codec of ${file}`)
    decoder.allocContext3(codec)
    check(decoder.parametersToContext(stream.codecpar), 'cannot set up the decoder for')
    decoder.threadCount = 1
    check(decoder.open2Sync(codec, null), 'cannot open the decoder for')

    const { timeBase } = stream
    const streamMatrix = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX)
    const frame: VideoFrame = {
      get width() {
        return decoded.width
      },
      get height() {
        return decoded.height
      },
      get timeS() {
        const { bestEffortTimestamp: at } = decoded
        return at === AV_NOPTS_VALUE ? undefined : (Number(at) * timeBase.num) / timeBase.den
      },
      get turn() {
        return quarterTurn(decoded.getSideData(AV_FRAME_DATA_DISPLAYMATRIX) ?? streamMatrix)
      },
      rgb: (width, height = width) => scaledRgb(decoded, { width, height }, scalers, file),
    }
    for (;;) {
      const read = input.readFrameSync(packet)
      if (read < 0 && read !== AVERROR_EOF) check(read, 'cannot read')
      const ended = read === AVERROR_EOF
      if (ended || packet.streamIndex === index) check(decoder.sendPacketSync(ended ? null : packet), 'cannot decode')
      packet.unref()
      for (;;) {
        const received = decoder.receiveFrameSync(decoded)
        if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break
        check(received, 'cannot decode')
        yield frame
        decoded.unref()
      }
      if (ended) return
    }
  } finally {
    for (const { context, target } of scalers.values()) {
      context.freeContext()
      target.free()
    }
    decoded.free()
    packet.free()
    decoder.freeContext()
    if (opened) input.closeInputSync()
  }
}

/** Frames in a file by its packets, without decoding: a millisecond or two. @throws Error with the file's name */
export function countFrames(file: string): number {
  const input = new FormatContext()
  const packet = new Packet()
  let opened = false
  try {
    packet.alloc()
    FFmpegError.throwIfError(input.openInputSync(file), `cannot open ${file}`)
    opened = true
    FFmpegError.throwIfError(input.findStreamInfoSync(), `cannot read the streams of ${file}`)
    const index = input.findBestStream(AVMEDIA_TYPE_VIDEO)
    let frames = 0
    for (;;) {
      const read = input.readFrameSync(packet)
      if (read === AVERROR_EOF) return frames
      FFmpegError.throwIfError(read, `cannot read ${file}`)
      if (packet.streamIndex === index) frames++
      packet.unref()
    }
  } finally {
    packet.free()
    if (opened) input.closeInputSync()
  }
}

/** A scaler to one size and the frame that it writes to. */
interface Scaler {
  context: SoftwareScaleContext
  target: Frame
  rgb: Buffer
}

interface Size {
  width: number
  height: number
}

function createScaler({ width, height }: Size, from: number): Scaler {
  const context = new SoftwareScaleContext()
  context.allocContext()
  context.setOption('sws_flags', (width < from ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT)
  const target = new Frame()
  target.alloc()
  target.width = width
  target.height = height
  target.format = AV_PIX_FMT_RGB24
  // alignment 1: rows follow each other without gaps
  FFmpegError.throwIfError(target.getBuffer(1), `no memory for a frame of ${width} x ${height}`)
  const [plane] = target.data ?? []
  if (plane === undefined || target.linesize[0] !== 3 * width) throw new Error(`no memory for a frame of ${width} x ${height}`)
  return { context, target, rgb: plane.subarray(0, 3 * width * height) }
}

/** The frame's own colour tags decide the conversion, so BT.601 and BT.709 files both come out right. */
function scaledRgb(frame: Frame, size: Size, scalers: Map<string, Scaler>, file: string): Buffer {
  const key = `${size.width}x${size.height}`
  let scaler = scalers.get(key)
  if (scaler === undefined) {
    scaler = createScaler(size, frame.width)
    scalers.set(key, scaler)
  }
  FFmpegError.throwIfError(scaler.context.scaleFrameSync(scaler.target, frame), `cannot scale ${file}`)
  return scaler.rgb
}

/** Clockwise turn of a display matrix (libavutil/display.h: 3 x 3, 16.16 fixed point, native byte order), to the next quarter. */
function quarterTurn(matrix: Buffer | null): number {
  if (matrix === null || matrix.length < 36) return 0
  const degrees = (Math.atan2(matrix.readInt32LE(4), matrix.readInt32LE(0)) * 180) / Math.PI
  return ((Math.round(degrees / 90) + 4) % 4) * 90
}
