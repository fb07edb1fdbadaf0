/**
 * The process that opens compressed sound of strangers. Native decoders read every byte of it, so it has none of our
 * environment or memory, opens only the container that it is told, and may die without taking the origin along.
 */
import {
  AV_CHANNEL_LAYOUT_MONO,
  AV_CHANNEL_LAYOUT_STEREO,
  AV_LOG_QUIET,
  AV_SAMPLE_FMT_S16,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_AUDIO,
  AVSEEK_CUR,
  AVSEEK_END,
  AVSEEK_SET,
  AVSEEK_SIZE,
} from 'node-av/constants'
import {
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Frame,
  InputFormat,
  IOContext,
  Log,
  Packet,
  SoftwareResampleContext,
} from 'node-av/lib'
import { concatPcm } from '../dsp/pcm.ts'
import { serveJobs } from '../workers/serve-jobs.ts'
import type { Container } from './sniff.ts'

export interface DecodeJob {
  bytes: Uint8Array
  container: Container
  /** Hz of the result. */
  toHz: number
  /** Samples at which decoding stops: the sound is longer. */
  maxSamples: number
}
export interface Decoded {
  pcm: Int16Array
  codec: string
  /** Packets read, and those that were damaged. */
  packets: number
  damaged: number
}

const DEMUXERS: Record<Container, string> = {
  wav: 'wav',
  mp3: 'mp3',
  ogg: 'ogg',
  webm: 'matroska',
  flac: 'flac',
  aac: 'aac',
  mp4: 'mov',
  aiff: 'aiff',
  caf: 'caf',
}
const IO_BUFFER_BYTES = 64 * 1024
/** No demuxer may follow a name in the file to other files or hosts. */
const DEMUXER_OPTIONS = { protocol_whitelist: 'none', max_streams: '16', probesize: String(1 << 20), analyzeduration: '5000000' }

/** Input that lives in memory, for FFmpeg to read and seek. */
function memoryInput(bytes: Uint8Array): IOContext {
  let position = 0
  const io = new IOContext()
  io.allocContextWithCallbacks(
    IO_BUFFER_BYTES,
    0,
    (size) => {
      if (position >= bytes.length) return AVERROR_EOF
      const part = Buffer.from(bytes.subarray(position, position + size))
      position += part.length
      return part
    },
    null,
    (offset, whence) => {
      if (whence === AVSEEK_SIZE) return BigInt(bytes.length)
      const base = whence === AVSEEK_CUR ? position : whence === AVSEEK_END ? bytes.length : 0
      if (whence !== AVSEEK_SET && whence !== AVSEEK_CUR && whence !== AVSEEK_END) return -1n
      position = Math.max(0, Math.min(bytes.length, base + Number(offset)))
      return BigInt(position)
    },
  )
  return io
}

async function decode({ bytes, container, toHz, maxSamples }: DecodeJob): Promise<Decoded> {
  const input = new FormatContext()
  const io = memoryInput(bytes)
  const decoder = new CodecContext()
  const packet = new Packet()
  const frame = new Frame()
  const mono = new MonoConverter(toHz)
  const options = Dictionary.fromObject(DEMUXER_OPTIONS)
  let opened = false
  try {
    packet.alloc()
    frame.alloc()
    input.allocContext()
    input.pb = io
    FFmpegError.throwIfError(await input.openInput('', InputFormat.findInputFormat(DEMUXERS[container]), options), 'its header')
    opened = true
    FFmpegError.throwIfError(await input.findStreamInfo(null), 'its streams')
    const index = input.findBestStream(AVMEDIA_TYPE_AUDIO)
    const stream = input.streams[index]
    if (index < 0 || !stream) throw new Error('it has no sound track')
    const codec = Codec.findDecoder(stream.codecpar.codecId)
    if (!codec) throw new Error('its codec is not known')
    decoder.allocContext3(codec)
    FFmpegError.throwIfError(decoder.parametersToContext(stream.codecpar), 'its codec parameters')
    decoder.threadCount = 1
    FFmpegError.throwIfError(await decoder.open2(codec, null), 'its codec')
    let packets = 0
    let damaged = 0
    for (;;) {
      const read = await input.readFrame(packet)
      // A damaged file ends where it can be read no further.
      const ended = read < 0
      if (ended || packet.streamIndex === index) {
        if (!ended) packets++
        if ((await decoder.sendPacket(ended ? null : packet)) < 0 && !ended) damaged++
      }
      packet.unref()
      for (;;) {
        const received = await decoder.receiveFrame(frame)
        if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break
        if (received < 0) {
          damaged++
          break
        }
        mono.push(frame)
        frame.unref()
      }
      if (ended || mono.samples > maxSamples) break
    }
    return { pcm: mono.finish(), codec: codec.name ?? 'unknown', packets, damaged }
  } finally {
    mono.close()
    frame.free()
    packet.free()
    decoder.freeContext()
    if (opened) await input.closeInput()
    io.freeContext()
    options.free()
  }
}

/** Frames of any layout, rate and format in, mono 16-bit PCM of one rate out. */
class MonoConverter {
  readonly #toHz: number
  #swr: SoftwareResampleContext | undefined
  #key = ''
  readonly #parts: Int16Array[] = []
  samples = 0

  constructor(toHz: number) {
    this.#toHz = toHz
  }

  push(frame: Frame): void {
    // Plain PCM says how many channels it has and not which; the converter wants to know.
    if (frame.channels === 1) frame.channelLayout = AV_CHANNEL_LAYOUT_MONO
    if (frame.channels === 2) frame.channelLayout = AV_CHANNEL_LAYOUT_STEREO
    // A stream may change its layout on the way: the converter starts anew.
    const key = `${frame.sampleRate} ${frame.format} ${frame.channels}`
    if (key !== this.#key) {
      this.#drain()
      const swr = new SoftwareResampleContext()
      this.#swr = swr
      this.#key = key
      FFmpegError.throwIfError(
        swr.allocSetOpts2(
          AV_CHANNEL_LAYOUT_MONO,
          AV_SAMPLE_FMT_S16,
          this.#toHz,
          frame.channelLayout,
          frame.format as never,
          frame.sampleRate,
        ),
        'its sample format',
      )
      FFmpegError.throwIfError(swr.init(), 'its sample format')
    }
    this.#convert(frame)
  }

  finish(): Int16Array {
    this.#drain()
    return concatPcm(this.#parts)
  }

  close(): void {
    this.#swr?.free()
    this.#swr = undefined
  }

  #drain(): void {
    if (!this.#swr) return
    this.#convert(null)
    this.close()
  }

  #convert(frame: Frame | null): void {
    const out = new Frame()
    try {
      out.alloc()
      out.format = AV_SAMPLE_FMT_S16
      out.sampleRate = this.#toHz
      out.channelLayout = AV_CHANNEL_LAYOUT_MONO
      const converted = this.#swr?.convertFrame(out, frame) ?? 0
      FFmpegError.throwIfError(converted, 'its samples')
      const data = out.data?.[0]
      if (!data || out.nbSamples <= 0) return
      const pcm = new Int16Array(out.nbSamples)
      Buffer.from(pcm.buffer).set(data.subarray(0, pcm.byteLength))
      this.#parts.push(pcm)
      this.samples += pcm.length
    } finally {
      out.free()
    }
  }
}

Log.setLevel(AV_LOG_QUIET)
await serveJobs<DecodeJob, Decoded>(() => async (job) => ({ result: await decode(job) }))
