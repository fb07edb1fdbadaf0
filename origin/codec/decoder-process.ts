/**
 * The process that opens compressed sound of strangers, stream by stream: bytes go in as they come, and each push gives the
 * sound that is complete by then. Native decoders read every byte, so the process has none of our environment or memory,
 * opens only the container that it is told, and may die without taking the origin along.
 */
import { AV_LOG_QUIET, AVERROR_EAGAIN, AVERROR_EOF, AVMEDIA_TYPE_AUDIO } from 'node-av/constants'
import { Codec, CodecContext, Dictionary, FFmpegError, FormatContext, Frame, InputFormat, Log, Packet } from 'node-av/lib'
import { serveJobs } from '../workers/serve-jobs.ts'
import { DemuxerInput } from './demuxer-input.ts'
import { MonoConverter } from './mono-converter.ts'
import type { Container } from './sniff.ts'

/** Bytes of one stream; `last` ends it. The first job of a number opens the stream. */
export interface PushJob {
  kind: 'push'
  stream: number
  bytes: Uint8Array
  last: boolean
  container: Container
  /** The bytes are all there is, and the demuxer may go back in them. */
  seekable: boolean
  /** Hz of the result. */
  toHz: number
  /** Samples of one result at which decoding stops: the sound is longer. */
  maxSamples: number
}
export type DecodeJob = PushJob | { kind: 'close'; stream: number }

export interface Decoded {
  pcm: Int16Array
  /** Undefined until the header was read. */
  codec: string | undefined
  /** Packets of the stream that were read, and those that were damaged. */
  packets: number
  damaged: number
  /** Nothing more is read: `complete` at the end of the file, `broken` where it can be read no further. */
  ended: 'complete' | 'broken' | undefined
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
  au: 'au',
  amr: 'amr',
}
/** No demuxer may follow a name in the file to other files or hosts. */
const DEMUXER_OPTIONS = { protocol_whitelist: 'none', max_streams: '16', fflags: '+nobuffer' }

class DecodeStream {
  readonly #job: PushJob
  readonly #input: DemuxerInput
  readonly #mono: MonoConverter
  readonly #decoded = { codec: undefined as string | undefined, packets: 0, damaged: 0, ended: undefined as Decoded['ended'] }
  #failure: unknown
  readonly #done: Promise<void>

  constructor(job: PushJob) {
    this.#job = job
    this.#input = new DemuxerInput(job.seekable)
    this.#mono = new MonoConverter(job.toHz)
    this.#done = this.#decode().catch((thrown: unknown) => {
      this.#failure = thrown
    })
  }

  /** The sound that is complete with these bytes. */
  async push({ bytes, last }: PushJob): Promise<Decoded> {
    if (this.#decoded.ended === undefined) this.#input.push(bytes, last)
    // the demuxer asks for more only when everything before was decoded
    await (last ? this.#done : Promise.race([this.#done, this.#input.starved()]))
    if (this.#failure !== undefined) throw this.#failure
    return { pcm: this.#mono.take(), ...this.#decoded }
  }

  async close(): Promise<void> {
    this.#input.end()
    await this.#done
  }

  async #decode(): Promise<void> {
    const input = new FormatContext()
    const decoder = new CodecContext()
    const packet = new Packet()
    const frame = new Frame()
    const options = Dictionary.fromObject(DEMUXER_OPTIONS)
    let opened = false
    try {
      packet.alloc()
      frame.alloc()
      input.allocContext()
      input.pb = this.#input.io
      const format = InputFormat.findInputFormat(DEMUXERS[this.#job.container])
      FFmpegError.throwIfError(await input.openInput('', format, options), 'its header')
      opened = true
      // by its kind: the best one is only known of streams that were read ahead, which would delay the first sound
      const stream = input.streams?.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_AUDIO)
      if (!stream) throw new Error('it has no sound track')
      const codec = Codec.findDecoder(stream.codecpar.codecId)
      if (!codec) throw new Error('its codec is not known')
      decoder.allocContext3(codec)
      FFmpegError.throwIfError(decoder.parametersToContext(stream.codecpar), 'its codec parameters')
      decoder.threadCount = 1
      FFmpegError.throwIfError(await decoder.open2(codec, null), 'its codec')
      this.#decoded.codec = codec.name ?? 'unknown'
      for (;;) {
        const read = await input.readFrame(packet)
        // a damaged file ends where it can be read no further
        const ended = read < 0
        if (ended || packet.streamIndex === stream.index) {
          if (!ended) this.#decoded.packets++
          if ((await decoder.sendPacket(ended ? null : packet)) < 0 && !ended) this.#decoded.damaged++
        }
        packet.unref()
        for (;;) {
          const received = await decoder.receiveFrame(frame)
          if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break
          if (received < 0) {
            this.#decoded.damaged++
            break
          }
          this.#mono.push(frame)
          frame.unref()
        }
        if (!ended && this.#mono.waiting <= this.#job.maxSamples) continue
        this.#decoded.ended = !ended || read === AVERROR_EOF ? 'complete' : 'broken'
        break
      }
      this.#mono.drain()
    } finally {
      this.#mono.close()
      frame.free()
      packet.free()
      decoder.freeContext()
      if (opened) await input.closeInput()
      this.#input.free()
      options.free()
    }
  }
}

const streams = new Map<number, DecodeStream>()

async function work(job: DecodeJob): Promise<Decoded> {
  let stream = streams.get(job.stream)
  if (job.kind === 'close') {
    streams.delete(job.stream)
    await stream?.close()
    return { pcm: new Int16Array(0), codec: undefined, packets: 0, damaged: 0, ended: 'complete' }
  }
  if (!stream) {
    stream = new DecodeStream(job)
    streams.set(job.stream, stream)
  }
  try {
    const decoded = await stream.push(job)
    if (job.last) streams.delete(job.stream)
    return decoded
  } catch (thrown) {
    streams.delete(job.stream)
    throw thrown
  }
}

Log.setLevel(AV_LOG_QUIET)
await serveJobs<DecodeJob, Decoded>(() => async (job) => ({ result: await work(job) }))
