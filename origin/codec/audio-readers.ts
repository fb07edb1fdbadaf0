/** What reads one file, or raw samples, of a stream of sound: bytes in pieces of any length in, mono PCM at SAMPLE_RATE out. */
import { audioFailure, refuseNonAudio } from './audio-failures.ts'
import { CompressedStream } from './compressed.ts'
import { GUESS_BYTES, guessEncoding, likelihoodDb } from './guess-encoding.ts'
import type { SampleConverter } from './sample-converter.ts'
import { sampleReader } from './sample-encodings.ts'
import type { Container } from './sniff.ts'
import { type PcmFormat, readWavHeader, WavError, type WavHeader } from './wav.ts'

export interface AudioReader {
  readonly container: Container | 'raw'
  push(bytes: Uint8Array): Promise<Int16Array[]>
  /** No more bytes. What a converter holds stays there: the next file may continue it. */
  finish(): Promise<Int16Array[]>
  close(): void
}

export class CompressedReader implements AudioReader {
  readonly container: Container
  readonly #stream: CompressedStream

  constructor(container: Container) {
    this.container = container
    this.#stream = new CompressedStream(container)
  }

  async push(bytes: Uint8Array): Promise<Int16Array[]> {
    return [await this.#stream.push(bytes, false)]
  }

  async finish(): Promise<Int16Array[]> {
    return [await this.#stream.push(new Uint8Array(0), true)]
  }

  close(): void {
    this.#stream.close()
  }
}

/** Bytes of a chunk after the samples that are skipped; larger ones are not believed. */
const MAX_CHUNK_BYTES = 1 << 24

/** WAV as it comes. Samples that follow where the header says that they end are taken too: senders write the length of the first piece. */
export class WavReader implements AudioReader {
  readonly container = 'wav'
  readonly #converter: SampleConverter
  #format: PcmFormat | undefined
  #compressed: CompressedReader | undefined
  /** The header, or what follows the samples, as far as it is there. */
  #head: Uint8Array = new Uint8Array(0)
  /** Bytes of samples, and of a chunk that is skipped. */
  #data = 0
  #skip = 0
  #padded = false
  #samples = 0

  constructor(converter: SampleConverter) {
    this.#converter = converter
    converter.beginFile()
  }

  async push(bytes: Uint8Array): Promise<Int16Array[]> {
    if (this.#compressed) return this.#compressed.push(bytes)
    if (this.#format) return this.#readData(bytes)
    this.#head = Buffer.concat([this.#head, bytes])
    const header = this.#readHeader()
    if (!header) return []
    const whole = this.#head
    this.#head = new Uint8Array(0)
    if (!header.format) {
      this.#compressed = new CompressedReader('wav')
      return this.#compressed.push(whole)
    }
    this.#format = header.format
    this.#data = header.dataBytes ?? Number.POSITIVE_INFINITY
    this.#padded = this.#data % 2 === 1
    return this.#readData(whole.subarray(header.dataStart))
  }

  async finish(): Promise<Int16Array[]> {
    if (this.#compressed) return this.#compressed.finish()
    if (!this.#format) throw damaged('it ends before its samples')
    if (this.#samples === 0) throw audioFailure('it has no samples', { container: 'wav' })
    return []
  }

  close(): void {
    this.#compressed?.close()
  }

  #readHeader(): WavHeader | undefined {
    try {
      // of what FFmpeg calls a WAV and is none by its first bytes (RF64)
      if (this.#head.length >= 4 && this.#head[3] === 0x34) return { format: undefined, codec: 0, dataStart: 0, dataBytes: undefined }
      return this.#head.length < 12 ? undefined : readWavHeader(this.#head)
    } catch (thrown) {
      throw thrown instanceof WavError ? damaged(thrown.message) : thrown
    }
  }

  async #readData(bytes: Uint8Array): Promise<Int16Array[]> {
    const { parts, rest } = await this.#takeSamples(bytes)
    if (rest.length === 0) return parts
    let tail: Uint8Array = Buffer.concat([this.#head, rest])
    this.#head = new Uint8Array(0)
    for (;;) {
      const skipped = Math.min(this.#skip, tail.length)
      this.#skip -= skipped
      tail = tail.subarray(skipped)
      if (this.#padded && tail.length > 0) {
        if (tail[0] === 0) tail = tail.subarray(1)
        this.#padded = false
      }
      if (tail.length < 8) {
        this.#head = tail.slice()
        return parts
      }
      const size = new DataView(tail.buffer, tail.byteOffset).getUint32(4, true)
      const id = String.fromCharCode(...tail.subarray(0, 4))
      if (!/^[\w ]{4}$/.test(id) || (size > MAX_CHUNK_BYTES && id !== 'data')) {
        refuseNonAudio(tail)
        this.#data = Number.POSITIVE_INFINITY
        const more = await this.#takeSamples(tail)
        return [...parts, ...more.parts]
      }
      if (id === 'data') {
        this.#data = size === 0 || size > MAX_CHUNK_BYTES ? Number.POSITIVE_INFINITY : size
        const more = await this.#readData(tail.subarray(8))
        return [...parts, ...more]
      }
      this.#skip = 8 + size + (size % 2)
    }
  }

  async #takeSamples(bytes: Uint8Array): Promise<{ parts: Int16Array[]; rest: Uint8Array }> {
    const taken = bytes.subarray(0, Math.min(bytes.length, this.#data))
    this.#data -= taken.length
    this.#samples += taken.length
    const parts = this.#format && taken.length > 0 ? await this.#converter.push(taken, this.#format) : []
    return { parts, rest: bytes.subarray(taken.length) }
  }
}

function damaged(why: string): Error {
  return audioFailure(`its WAV header is damaged: ${why}`, { container: 'wav' })
}

/** Bytes of sound after which raw samples need not be questioned any more. */
const TRUSTED_BYTES = 4096

export class RawReader implements AudioReader {
  readonly container = 'raw'
  readonly #converter: SampleConverter
  #format: PcmFormat
  /** What the caller left to us: whether these are 16-bit samples at all, and in which byte order. */
  #question: 'encoding' | 'order' | undefined
  /** Bytes that wait for the answer, and those that were given out without a certain one. */
  #held: Uint8Array = new Uint8Array(0)
  #before: Uint8Array = new Uint8Array(0)

  constructor(converter: SampleConverter, format: PcmFormat, question?: 'encoding' | 'order') {
    this.#converter = converter
    this.#format = format
    this.#question = question
    converter.beginFile()
  }

  async push(bytes: Uint8Array): Promise<Int16Array[]> {
    if (!this.#question) return this.#converter.push(bytes, this.#format)
    this.#held = Buffer.concat([this.#held, bytes])
    return this.#held.length < GUESS_BYTES ? [] : this.#giveOut()
  }

  async finish(): Promise<Int16Array[]> {
    return this.#held.length > 0 ? this.#giveOut() : []
  }

  close(): void {
    this.#held = new Uint8Array(0)
  }

  #giveOut(): Promise<Int16Array[]> {
    const bytes = this.#held
    this.#held = new Uint8Array(0)
    if (this.#question === 'order') this.#decideOrder(bytes)
    else this.#examine(bytes)
    return this.#converter.push(bytes, this.#format)
  }

  #decideOrder(bytes: Uint8Array): void {
    const [little, big] = [likelihoodDb(bytes, 's16le'), likelihoodDb(bytes, 's16be')]
    this.#format = { ...this.#format, encoding: big > little ? 's16be' : 's16le' }
    if (Math.max(little, big) > 0) this.#question = undefined
  }

  /** @throws AvatarError when they are no 16-bit samples */
  #examine(bytes: Uint8Array): void {
    const windows = Math.max(1, Math.floor(bytes.length / TRUSTED_BYTES))
    for (let i = 0; i < windows && this.#question; i++) {
      const until = i === windows - 1 ? bytes.length : (i + 1) * TRUSTED_BYTES
      const window = Buffer.concat([this.#before, bytes.subarray(i * TRUSTED_BYTES, until)])
      // an odd number of bytes would shift the samples
      const from = Math.max(0, window.length - 2 * TRUSTED_BYTES)
      this.#before = window.subarray(from + (from % 2))
      const guess = guessEncoding(this.#before)
      if (guess === 's16le' && this.#before.length >= TRUSTED_BYTES) this.#question = undefined
      if (guess === 'noise') {
        throw audioFailure(
          'it is no file that is known, and read as 16-bit PCM it is noise; if it continues a file, send that from its beginning',
        )
      }
      if (guess === 'constant') throw audioFailure('read as 16-bit PCM it stands still at one value; say its `format`')
      if (guess !== 's16le' && guess !== 'silence' && guess !== 'unknown') {
        throw audioFailure(
          `without a header it would be read as 16-bit PCM, but it is ${sampleReader(guess).name} by its values; say its \`format\` and \`sample_rate\``,
          { looks_like: guess },
        )
      }
    }
  }
}
