/** Reads a video file picture by picture. Synchronous: for worker threads, never for the event loop. */
import {
  AV_LOG_FATAL,
  AV_PIX_FMT_RGB24,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
  SWS_ACCURATE_RND,
  SWS_AREA,
  SWS_BICUBIC,
} from 'node-av/constants'
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Log, Packet, SoftwareScaleContext } from 'node-av/lib'

// what fails is thrown with the file's name; the library would write it to stderr besides
Log.setLevel(AV_LOG_FATAL)

/** One decoded picture; valid until the reader's next picture is asked for. */
export interface VideoPicture {
  readonly width: number
  readonly height: number
  /**
   * The picture at another size (square, no crop): tightly packed sRGB, 3 * size * size bytes, in the library's own memory. The
   * next picture of this size overwrites it and the end of the loop frees it: copy what must stay.
   */
  rgb(size: number): Buffer
}

/** Frees everything when the loop ends, also early. @throws Error with the file's name when it cannot be opened or decoded */
export function* readVideo(file: string): Generator<VideoPicture, void, undefined> {
  const input = new FormatContext()
  const decoder = new CodecContext()
  const packet = new Packet()
  const frame = new Frame()
  const scalers = new Map<number, Scaler>()
  let opened = false
  const check = (code: number, doing: string): void => FFmpegError.throwIfError(code, `${doing} ${file}`)
  try {
    packet.alloc()
    frame.alloc()
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

    const picture: VideoPicture = {
      get width() {
        return frame.width
      },
      get height() {
        return frame.height
      },
      rgb: (size) => scaledRgb(frame, size, scalers, file),
    }
    for (;;) {
      const read = input.readFrameSync(packet)
      if (read < 0 && read !== AVERROR_EOF) check(read, 'cannot read')
      const ended = read === AVERROR_EOF
      if (ended || packet.streamIndex === index) check(decoder.sendPacketSync(ended ? null : packet), 'cannot decode')
      packet.unref()
      for (;;) {
        const received = decoder.receiveFrameSync(frame)
        if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break
        check(received, 'cannot decode')
        yield picture
        frame.unref()
      }
      if (ended) return
    }
  } finally {
    for (const { context, target } of scalers.values()) {
      context.freeContext()
      target.free()
    }
    frame.free()
    packet.free()
    decoder.freeContext()
    if (opened) input.closeInputSync()
  }
}

/** Pictures in a file by its packets, without decoding: a millisecond or two. @throws Error with the file's name */
export function countPictures(file: string): number {
  const input = new FormatContext()
  const packet = new Packet()
  let opened = false
  try {
    packet.alloc()
    FFmpegError.throwIfError(input.openInputSync(file), `cannot open ${file}`)
    opened = true
    FFmpegError.throwIfError(input.findStreamInfoSync(), `cannot read the streams of ${file}`)
    const index = input.findBestStream(AVMEDIA_TYPE_VIDEO)
    let pictures = 0
    for (;;) {
      const read = input.readFrameSync(packet)
      if (read === AVERROR_EOF) return pictures
      FFmpegError.throwIfError(read, `cannot read ${file}`)
      if (packet.streamIndex === index) pictures++
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

function createScaler(size: number, from: number): Scaler {
  const context = new SoftwareScaleContext()
  context.allocContext()
  context.setOption('sws_flags', (size < from ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND)
  const target = new Frame()
  target.alloc()
  target.width = size
  target.height = size
  target.format = AV_PIX_FMT_RGB24
  // alignment 1: rows follow each other without gaps
  FFmpegError.throwIfError(target.getBuffer(1), `no memory for a picture of ${size} x ${size}`)
  const [plane] = target.data ?? []
  if (plane === undefined || target.linesize[0] !== 3 * size) throw new Error(`no memory for a picture of ${size} x ${size}`)
  return { context, target, rgb: plane.subarray(0, 3 * size * size) }
}

/** The frame's own colour tags decide the conversion, so BT.601 and BT.709 files both come out right. */
function scaledRgb(frame: Frame, size: number, scalers: Map<number, Scaler>, file: string): Buffer {
  let scaler = scalers.get(size)
  if (scaler === undefined) {
    scaler = createScaler(size, frame.width)
    scalers.set(size, scaler)
  }
  FFmpegError.throwIfError(scaler.context.scaleFrameSync(scaler.target, frame), `cannot scale ${file}`)
  return scaler.rgb
}
