/** Sample rate conversion, by FFmpeg's libswresample: streaming, 0.1 to 0.5 ms per second of sound, above 90 dB. */
import { AV_CHANNEL_LAYOUT_MONO, AV_SAMPLE_FMT_FLT, AV_SAMPLE_FMT_S16 } from 'node-av/constants'
import { SoftwareResampleContext } from 'node-av/lib'
import { concatPcm } from '../dsp/pcm.ts'
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from './sample-encodings.ts'

/**
 * Taps of the polyphase filter. The library's default of 32 leaves images 27 dB down close to the Nyquist frequency
 * when it raises the rate; 64 puts them at 74 dB or lower, for no more time.
 */
export const FILTER_TAPS = 64

export interface Resampler {
  /** The samples that became certain, at the new rate; time starts at 0 in both. */
  push(pcm: Int16Array | Float32Array): Int16Array
  /** The rest, after which the stream is over and its memory is given back. */
  flush(): Int16Array
  /** Gives the memory back without the rest. Safe to call twice. */
  close(): void
}

/**
 * A stream of mono sound from one rate to another.
 *
 * @param fromHz 4 000 to 384 000
 * @param from `f32` reads samples in -1 to 1
 * @throws RangeError when a rate is out of range
 */
export function createResampler(fromHz: number, toHz: number, { from = 's16' }: { from?: 's16' | 'f32' } = {}): Resampler {
  for (const rate of [fromHz, toHz]) {
    if (!Number.isInteger(rate) || rate < MIN_SAMPLE_RATE || rate > MAX_SAMPLE_RATE) throw new RangeError(`Sample rate ${rate} Hz`)
  }
  const swr = new SoftwareResampleContext()
  const inputFormat = from === 'f32' ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_S16
  const allocated = swr.allocSetOpts2(AV_CHANNEL_LAYOUT_MONO, AV_SAMPLE_FMT_S16, toHz, AV_CHANNEL_LAYOUT_MONO, inputFormat, fromHz)
  if (allocated < 0) throw new Error(`libswresample: ${allocated}`)
  swr.setOption('filter_size', String(FILTER_TAPS))
  const initialised = swr.init()
  if (initialised < 0) throw new Error(`libswresample: ${initialised}`)
  let open = true

  const convert = (input: Buffer | null, samples: number, room: number): Int16Array => {
    const out = new Int16Array(room)
    const made = swr.convertSync([Buffer.from(out.buffer)], room, input && [input], samples)
    if (made < 0) throw new Error(`libswresample: ${made}`)
    return out.subarray(0, made)
  }
  const close = () => {
    if (open) swr.free()
    open = false
  }
  return {
    push(pcm) {
      if (!open) throw new Error('The resampler is closed.')
      if (pcm instanceof Float32Array !== (from === 'f32')) throw new TypeError(`The resampler reads ${from}.`)
      if (pcm.length === 0) return new Int16Array(0)
      return convert(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength), pcm.length, swr.getOutSamples(pcm.length))
    },
    flush() {
      if (!open) return new Int16Array(0)
      const rest = convert(null, 0, Math.max(1, swr.getOutSamples(0)))
      close()
      return rest
    },
    close,
  }
}

/** A whole sound at another rate; `ceil(length * toHz / fromHz)` samples, give or take one. */
export function resample(pcm: Int16Array, fromHz: number, toHz: number): Int16Array {
  if (fromHz === toHz) return pcm.slice()
  const resampler = createResampler(fromHz, toHz)
  try {
    return concatPcm([resampler.push(pcm), resampler.flush()])
  } finally {
    resampler.close()
  }
}
