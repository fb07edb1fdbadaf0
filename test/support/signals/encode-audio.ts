/** Encodes sound into containers, as recorders and encoders of others write them. */
import {
  AV_CHANNEL_LAYOUT_MONO,
  AV_LOG_QUIET,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
  AV_SAMPLE_FMT_S16,
  AV_SAMPLE_FMT_S16P,
  AVSEEK_END,
  AVSEEK_SIZE,
} from 'node-av/constants'
import { Codec, CodecContext, Dictionary, FFmpegError, FormatContext, Frame, IOContext, Log, Packet } from 'node-av/lib'
import { resample } from '../../../origin/codec/resample.ts'

export interface Encoding {
  /** FFmpeg's names. */
  codec: string
  muxer: string
  sampleRate?: number
  bitRate?: number
  /** Of the muxer: `movflags`, `cluster_time_limit`. */
  options?: Record<string, string>
  /** The file is written as a stream: nothing is mended in its header afterwards. */
  live?: boolean
}

const FORMATS: Record<string, number> = {
  libopus: AV_SAMPLE_FMT_S16,
  libvorbis: AV_SAMPLE_FMT_FLTP,
  libmp3lame: AV_SAMPLE_FMT_S16P,
  aac: AV_SAMPLE_FMT_FLTP,
  flac: AV_SAMPLE_FMT_S16,
  pcm_f32le: AV_SAMPLE_FMT_FLT,
}

Log.setLevel(AV_LOG_QUIET)

/** @param pcm 24 kHz mono */
export async function encodeAudio(
  pcm: Int16Array,
  { codec: name, muxer, sampleRate = 24_000, bitRate = 64_000, options = {}, live = false }: Encoding,
): Promise<Uint8Array> {
  const check = (code: number, doing: string): void => FFmpegError.throwIfError(code, doing)
  const codec = Codec.findEncoderByName(name as never)
  if (!codec) throw new Error(`no encoder ${name}`)
  const format = FORMATS[name] ?? AV_SAMPLE_FMT_S16
  const encoder = new CodecContext()
  encoder.allocContext3(codec)
  encoder.sampleRate = sampleRate
  encoder.sampleFormat = format as never
  encoder.channelLayout = AV_CHANNEL_LAYOUT_MONO
  encoder.bitRate = BigInt(bitRate)
  encoder.timeBase = { num: 1, den: sampleRate } as never
  if (!['adts', 'mp3', 'ogg', 'wav'].includes(muxer)) encoder.flags = (encoder.flags | (1 << 22)) as never
  check(await encoder.open2(codec, null), 'encoder')
  const output = new FormatContext()
  check(output.allocOutputContext2(null, muxer, ''), 'muxer')
  let file: Buffer = Buffer.alloc(0)
  let position = 0
  const io = new IOContext()
  io.allocContextWithCallbacks(
    4096,
    1,
    null,
    (part) => {
      const length = Math.max(file.length, position + part.length)
      const next = Buffer.alloc(length)
      next.set(file)
      next.set(part, position)
      file = next
      position += part.length
      return part.length
    },
    live
      ? null
      : (offset, whence) => {
          if (whence === AVSEEK_SIZE) return BigInt(file.length)
          position = whence === AVSEEK_END ? file.length + Number(offset) : Number(offset)
          return BigInt(position)
        },
  )
  output.pb = io
  const stream = output.newStream(null)
  stream.codecpar.fromContext(encoder)
  stream.timeBase = { num: 1, den: sampleRate } as never
  const dictionary = Dictionary.fromObject(options)
  check(await output.writeHeader(dictionary), 'header')
  const samples = sampleRate === 24_000 ? pcm : resample(pcm, 24_000, sampleRate)
  const size = encoder.frameSize || 1024
  const packet = new Packet()
  packet.alloc()
  const drain = async (): Promise<void> => {
    while ((await encoder.receivePacket(packet)) >= 0) {
      packet.rescaleTs({ num: 1, den: sampleRate } as never, stream.timeBase)
      packet.streamIndex = 0
      check(await output.writeFrame(packet), 'packet')
      packet.unref()
    }
  }
  for (let from = 0; from < samples.length; from += size) {
    const piece = samples.subarray(from, from + size)
    const frame = new Frame()
    frame.alloc()
    frame.format = format as never
    frame.nbSamples = piece.length
    frame.sampleRate = sampleRate
    frame.channelLayout = AV_CHANNEL_LAYOUT_MONO
    check(frame.getBuffer(0), 'frame')
    const plane = frame.data?.[0]
    const float = format === AV_SAMPLE_FMT_FLT || format === AV_SAMPLE_FMT_FLTP
    const values = float ? Float32Array.from(piece, (value) => value / 32_768) : piece.slice()
    plane?.set(Buffer.from(values.buffer))
    frame.pts = BigInt(from)
    check(await encoder.sendFrame(frame), 'send')
    frame.free()
    await drain()
  }
  check(await encoder.sendFrame(null), 'flush')
  await drain()
  check(await output.writeTrailer(), 'trailer')
  await io.flush()
  encoder.freeContext()
  packet.free()
  output.pb = null
  output.freeContext()
  io.freeContext()
  return file
}
