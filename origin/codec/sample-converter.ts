/** Uncompressed samples in pieces of any length to mono at SAMPLE_RATE, with one resampler for as long as their format stays. */
import { setImmediate } from 'node:timers/promises'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { createResampler, type Resampler } from './resample.ts'
import { sampleReader } from './sample-encodings.ts'
import { type PcmFormat, pcmSource } from './wav.ts'

/** s of sound that are converted before others get the event loop: 1 to 4 ms. */
const SLICE_S = 0.5

export class SampleConverter {
  #format: PcmFormat | undefined
  #resampler: Resampler | undefined
  /** Bytes that are no whole frame yet. */
  #rest: Uint8Array = new Uint8Array(0)
  /** Frames in, samples out. */
  #taken = 0
  #given = 0

  /** ms of samples that were taken and not given out. */
  get heldMs(): number {
    return this.#format ? Math.max(0, (this.#taken / this.#format.sampleRate - this.#given / SAMPLE_RATE) * 1000) : 0
  }

  /** Samples of another format end those before them. @returns pieces that are complete */
  async push(bytes: Uint8Array, format: PcmFormat): Promise<Int16Array[]> {
    const parts: Int16Array[] = []
    if (this.#format && !sameFormat(this.#format, format)) parts.push(...this.finish())
    if (!this.#format && format.sampleRate !== SAMPLE_RATE) {
      this.#resampler = createResampler(format.sampleRate, SAMPLE_RATE, { from: 'f32' })
    }
    this.#format = format
    const joined = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes
    const frameBytes = sampleReader(format.encoding).bytes * format.channels
    const whole = joined.length - (joined.length % frameBytes)
    this.#rest = joined.slice(whole)
    const source = pcmSource(joined.subarray(0, whole), format)
    const slice = Math.ceil(format.sampleRate * SLICE_S)
    for (let at = 0; at < source.frames; at += slice) {
      if (at > 0) await setImmediate()
      // closed meanwhile
      if (this.#format !== format) return parts
      const made = this.#resampler ? this.#resampler.push(source.readF32(at, at + slice)) : source.readS16(at, at + slice)
      this.#given += made.length
      parts.push(made)
    }
    this.#taken += source.frames
    return parts
  }

  /** Forgets the half of a frame that the file before ended with. */
  beginFile(): void {
    this.#rest = new Uint8Array(0)
  }

  /** What the resampler holds. */
  finish(): Int16Array[] {
    const rest = this.#resampler?.flush()
    this.close()
    return rest && rest.length > 0 ? [rest] : []
  }

  close(): void {
    this.#resampler?.close()
    this.#resampler = undefined
    this.#format = undefined
    this.#taken = 0
    this.#given = 0
    this.#rest = new Uint8Array(0)
  }
}

function sameFormat(a: PcmFormat, b: PcmFormat): boolean {
  return a.encoding === b.encoding && a.sampleRate === b.sampleRate && a.channels === b.channels
}
