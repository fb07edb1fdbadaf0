/** Decoded frames of any layout, rate and sample format in, mono 16-bit PCM of one rate out. One converter for a whole stream. */
import { AV_CHANNEL_LAYOUT_MONO, AV_CHANNEL_LAYOUT_STEREO, AV_SAMPLE_FMT_S16 } from 'node-av/constants'
import { FFmpegError, Frame, SoftwareResampleContext } from 'node-av/lib'
import { concatPcm } from '../dsp/pcm.ts'
import { FILTER_TAPS } from './resample.ts'

export class MonoConverter {
  readonly #toHz: number
  #swr: SoftwareResampleContext | undefined
  #key = ''
  #parts: Int16Array[] = []
  /** Samples that were not taken yet. */
  waiting = 0

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
      this.drain()
      this.#swr = this.#open(frame)
      this.#key = key
    }
    this.#convert(frame)
  }

  /** What has come out since the last call. */
  take(): Int16Array {
    const pcm = concatPcm(this.#parts)
    this.#parts = []
    this.waiting = 0
    return pcm
  }

  /** Gives out what the converter holds. */
  drain(): void {
    if (!this.#swr) return
    this.#convert(null)
    this.close()
  }

  close(): void {
    this.#swr?.free()
    this.#swr = undefined
    this.#key = ''
  }

  #open({ channelLayout, format, sampleRate }: Frame): SoftwareResampleContext {
    const swr = new SoftwareResampleContext()
    const allocated = swr.allocSetOpts2(AV_CHANNEL_LAYOUT_MONO, AV_SAMPLE_FMT_S16, this.#toHz, channelLayout, format as never, sampleRate)
    FFmpegError.throwIfError(allocated, 'its sample format')
    swr.setOption('filter_size', String(FILTER_TAPS))
    FFmpegError.throwIfError(swr.init(), 'its sample format')
    return swr
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
      this.waiting += pcm.length
    } finally {
      out.free()
    }
  }
}
