/** Reads a video file frame by frame. Synchronous: for worker threads, never for the event loop. */
import {
  AV_CODEC_ID_MJPEG,
  AV_DISPOSITION_DEPENDENT,
  AV_FRAME_DATA_DISPLAYMATRIX,
  AV_LOG_FATAL,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVERROR_INVALIDDATA,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants'
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Log, Packet } from 'node-av/lib'
import { FPS } from '../../shared/media.ts'
import { type Orientation, orientationOf, pixelAspectOf } from './frame-geometry.ts'
import { FrameRgb } from './frame-rgb.ts'
import { withoutExif } from './without-exif.ts'

// what fails is thrown with the file's name; the library would write it to stderr besides
Log.setLevel(AV_LOG_FATAL)

/** One decoded frame; valid until the reader's next frame is asked for. */
export interface VideoFrame {
  readonly width: number
  readonly height: number
  /** When it is shown, seconds from any beginning; by the frame rate where the file does not say. */
  readonly timeS: number
  /** How it stands upright: phones film lying down, and their front cameras mirrored. */
  readonly orientation: Orientation
  /** Width over height of one stored pixel: anamorphic films have others than 1. */
  readonly pixelAspect: number
  /**
   * The frame as it is stored, at another size (no crop): tightly packed sRGB, 3 * width * height bytes. HDR and wide colours
   * are brought to sRGB, interlaced frames to one field, transparent ones laid on white. The next frame of this size
   * overwrites it and the end of the loop frees it: copy what must stay.
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
  const colours = new FrameRgb(file)
  let opened = false
  const check = (code: number, doing: string): void => FFmpegError.throwIfError(code, `${doing} ${file}`)
  const send = (data: Packet | null): void => {
    const sent = decoder.sendPacketSync(data)
    const plain = sent === AVERROR_INVALIDDATA && data?.data ? withoutExif(data.data) : undefined
    if (data !== null && plain !== undefined) data.data = plain
    check(plain === undefined ? sent : decoder.sendPacketSync(data), 'cannot decode')
  }
  try {
    packet.alloc()
    decoded.alloc()
    check(input.openInputSync(file), 'cannot open')
    opened = true
    // each tile is a stream; how they lie together the library does not tell
    if (input.streams?.some(({ disposition }) => (disposition & AV_DISPOSITION_DEPENDENT) !== 0)) {
      throw new Error(`${file} is made of tiles, as phones' HEIC photos are; save it as JPEG or PNG`)
    }
    check(input.findStreamInfoSync(), 'cannot read the streams of')
    const index = input.findBestStream(AVMEDIA_TYPE_VIDEO)
    const stream = input.streams?.[index]
    if (stream === undefined) throw new Error(`${file} has no video stream`)
    const codec = Codec.findDecoder(stream.codecpar.codecId)
    if (codec === null) throw new Error(`no decoder for the video codec of ${file}`)
    decoder.allocContext3(codec)
    check(decoder.parametersToContext(stream.codecpar), 'cannot set up the decoder for')
    decoder.threadCount = 1
    // a photo that is cut off would be half grey; a film may well have a damaged frame
    const isJpeg = stream.codecpar.codecId === AV_CODEC_ID_MJPEG && /^(jpeg_pipe|image2)$/.test(input.iformat?.name ?? '')
    if (isJpeg) check(decoder.setOption('err_detect', 'explode'), 'cannot set up the decoder for')
    check(decoder.open2Sync(codec, null), 'cannot open the decoder for')

    const { timeBase, avgFrameRate } = stream
    const frameS = avgFrameRate.num > 0 && avgFrameRate.den > 0 ? avgFrameRate.den / avgFrameRate.num : 1 / FPS
    /** Frames before the one that is shown. */
    let count = 0
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
        return at === AV_NOPTS_VALUE ? count * frameS : (Number(at) * timeBase.num) / timeBase.den
      },
      get orientation() {
        return orientationOf(decoded.getSideData(AV_FRAME_DATA_DISPLAYMATRIX) ?? streamMatrix)
      },
      get pixelAspect() {
        return pixelAspectOf(stream.sampleAspectRatio, decoded.sampleAspectRatio)
      },
      rgb: (width, height = width) => colours.rgb(decoded, { width, height }),
    }
    for (;;) {
      const read = input.readFrameSync(packet)
      if (read < 0 && read !== AVERROR_EOF) check(read, 'cannot read')
      const ended = read === AVERROR_EOF
      if (ended || packet.streamIndex === index) send(ended ? null : packet)
      packet.unref()
      for (;;) {
        const received = decoder.receiveFrameSync(decoded)
        if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break
        check(received, 'cannot decode')
        yield frame
        count++
        decoded.unref()
      }
      if (ended) return
    }
  } finally {
    colours.free()
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
