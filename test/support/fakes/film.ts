/** Writes films of every kind that people bring: any codec, pixel format, pixel aspect, times, fields. */
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_CODEC_FLAG_INTERLACED_DCT,
  AV_FRAME_FLAG_INTERLACED,
  AV_FRAME_FLAG_TOP_FIELD_FIRST,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGBA,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT470BG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_RGB,
  type AVColorPrimaries,
  type AVColorSpace,
  type AVColorTransferCharacteristic,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  type AVPixelFormat,
  type FFEncoderCodec,
  SWS_ACCURATE_RND,
  SWS_POINT,
} from 'node-av/constants'
import {
  avGetPixFmtName,
  Codec,
  CodecContext,
  FFmpegError,
  FormatContext,
  Frame,
  Packet,
  Rational,
  SoftwareScaleContext,
} from 'node-av/lib'

export interface FilmOptions {
  file: string
  /** Name of the container in FFmpeg. @default by the file's name */
  format?: string
  codec: FFEncoderCodec
  pixelFormat: AVPixelFormat
  width: number
  height: number
  /** Of one pixel. @default not said */
  aspect?: { num: number; den: number }
  /** When each frame is shown, in ms. */
  timesMs: readonly number[]
  interlaced?: boolean
  /** What the film says of its colours. */
  colours?: { primaries: AVColorPrimaries; transfer: AVColorTransferCharacteristic; space: AVColorSpace }
  /** RGB of a pixel, and how opaque it is (255 where left out); of a film with `colours` the signal itself, not the light. */
  paint: (x: number, y: number, frame: number) => readonly number[]
}

/** @throws Error where this build lacks the codec */
export function writeFilm(options: FilmOptions): void {
  const { file, format, codec: name, pixelFormat, width, height, aspect, timesMs, interlaced = false, colours, paint } = options
  // some codecs know frame rates only
  const constant = timesMs.every((ms, i) => ms === 40 * i)
  const timeBase = constant ? new Rational(1, 25) : new Rational(1, 1000)
  const check = (code: number, doing: string): void => FFmpegError.throwIfError(code, `${doing} ${file}`)
  const codec = Codec.findEncoderByName(name)
  if (!codec) throw new Error(`this build has no ${name}`)
  const context = new CodecContext()
  context.allocContext3(codec)
  Object.assign(context, { width, height, pixelFormat, timeBase, framerate: new Rational(25, 1), threadCount: 1 })
  const formatName = avGetPixFmtName(pixelFormat) ?? ''
  const isRgb = /^(rgb|bgr|gbr|argb|pal)/.test(formatName)
  // the formats of JPEG, which says nothing of its colours, are named so
  const isJpeg = formatName.startsWith('yuvj')
  const space = isRgb ? AVCOL_SPC_RGB : isJpeg ? AVCOL_SPC_BT470BG : (colours?.space ?? AVCOL_SPC_BT709)
  const range = isRgb || isJpeg ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
  Object.assign(context, { colorSpace: space, colorRange: range })
  if (colours) Object.assign(context, { colorPrimaries: colours.primaries, colorTrc: colours.transfer })
  if (aspect) context.sampleAspectRatio = new Rational(aspect.num, aspect.den)
  if (/\.(mp4|mkv)$/.test(file)) context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER)
  if (interlaced) context.setFlags(AV_CODEC_FLAG_INTERLACED_DCT)
  context.bitRate = 20_000_000n
  check(context.open2Sync(codec), 'cannot open the encoder of')
  const output = new FormatContext()
  check(output.allocOutputContext2(null, format ?? null, file), 'cannot write')
  output.url = file
  const stream = output.newStream(null)
  check(stream.codecpar.fromContext(context), 'cannot write')
  stream.timeBase = timeBase
  if (aspect) stream.sampleAspectRatio = new Rational(aspect.num, aspect.den)
  check(output.openOutputSync(), 'cannot create')
  check(output.writeHeaderSync(), 'cannot write')
  const packet = new Packet()
  packet.alloc()
  const drain = (): void => {
    for (;;) {
      const received = context.receivePacketSync(packet)
      if (received === AVERROR_EAGAIN || received === AVERROR_EOF) return
      check(received, 'cannot encode')
      packet.streamIndex = stream.index
      packet.duration = constant ? 1n : 40n
      packet.rescaleTs(timeBase, stream.timeBase)
      check(output.interleavedWriteFrameSync(packet), 'cannot write')
      packet.unref()
    }
  }
  const transparent = paint(0, 0, 0).length === 4
  const drawing = frameOf({ width, height }, transparent ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24)
  const scaler = new SoftwareScaleContext()
  scaler.allocContext()
  scaler.setOption('sws_flags', SWS_POINT | SWS_ACCURATE_RND)
  for (const [i, ms] of timesMs.entries()) {
    const pixels = Buffer.from(Array.from({ length: width * height }, (_, at) => [...paint(at % width, Math.floor(at / width), i)]).flat())
    check(drawing.fromBuffer(pixels), 'wrong frame for')
    const frame = frameOf({ width, height }, pixelFormat)
    Object.assign(frame, { colorSpace: space, colorRange: range })
    check(scaler.scaleFrameSync(frame, drawing), 'cannot convert a frame of')
    if (colours) Object.assign(frame, { colorPrimaries: colours.primaries, colorTrc: colours.transfer })
    if (aspect) frame.sampleAspectRatio = new Rational(aspect.num, aspect.den)
    if (interlaced) frame.flags |= AV_FRAME_FLAG_INTERLACED | AV_FRAME_FLAG_TOP_FIELD_FIRST
    frame.pts = BigInt(constant ? i : ms)
    check(context.sendFrameSync(frame), 'cannot encode')
    drain()
    frame.free()
  }
  check(context.sendFrameSync(null), 'cannot encode')
  drain()
  check(output.writeTrailerSync(), 'cannot write')
  output.closeOutputSync()
  output.freeContext()
  context.freeContext()
  scaler.freeContext()
  drawing.free()
  packet.free()
}

function frameOf({ width, height }: { width: number; height: number }, format: AVPixelFormat): Frame {
  const frame = new Frame()
  frame.alloc()
  Object.assign(frame, { width, height, format })
  FFmpegError.throwIfError(frame.getBuffer(), 'no memory for a frame')
  return frame
}
