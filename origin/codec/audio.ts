/**
 * Sound of clients and vendors, in whatever form it comes, as 24 kHz mono 16-bit PCM. All bytes of one stream go through one
 * decoder: files cut anywhere, files joined, raw samples cut inside a sample. Uncompressed sound is read here, compressed sound in a
 * process of its own. What is refused says what it is and what would be taken.
 */
import { type AudioFormat, parseAudioFormat, type SampleEncoding } from '../../shared/audio-format.ts'
import type { AudioData } from '../../shared/events.ts'
import { MAX_AUDIO_BUFFER_MS, SAMPLE_RATE } from '../../shared/media.ts'
import { concatPcm, toMs } from '../dsp/pcm.ts'
import { audioFailure, MAX_INPUT_BYTES, refuseNonAudio, tooLarge, tooLong } from './audio-failures.ts'
import { type AudioReader, CompressedReader, RawReader, WavReader } from './audio-readers.ts'
import { FileBoundaries } from './file-boundaries.ts'
import { SampleConverter } from './sample-converter.ts'
import {
  beginsFile,
  type Container,
  containerOf,
  framedContainerInside,
  framedContainerOf,
  hidesKind,
  id3Bytes,
  lacksBeginning,
  MIN_HEAD_BYTES,
  mayBecomeFile,
  mayBeFrame,
} from './sniff.ts'
import type { PcmFormat } from './wav.ts'

/** Hz of raw samples whose rate is not said. */
const TELEPHONE_RATE = 8_000
const EIGHT_BITS: readonly AudioFormat['encoding'][] = ['u8', 'mulaw', 'alaw']
/** Bytes from which text is told from samples. */
const HEAD_BYTES = 64
/** Bytes in which two frames of MP3 or AAC must fit together. */
const FRAMES_BYTES = 4096
/** A sound of the full length may have a little more: encoders pad, resamplers round. */
const MAX_SAMPLES = (MAX_AUDIO_BUFFER_MS / 1000 + 0.2) * SAMPLE_RATE

/** How to read sound without a header. */
export type AudioHint = Partial<Omit<AudioData, 'audio'>>

export interface DecodedAudio {
  /** Mono, SAMPLE_RATE Hz. */
  pcm: Int16Array
  durationMs: number
  /** `raw` without a container. */
  container: Container | 'raw'
}

interface RawFormat extends Omit<PcmFormat, 'encoding'> {
  encoding: AudioFormat['encoding']
}

/** One stream of sound. Calls must not overlap. After an error it is as new. */
export class AudioDecoder {
  readonly #converter = new SampleConverter()
  #hint = ''
  #format: RawFormat = { encoding: 'auto', sampleRate: SAMPLE_RATE, channels: 1 }
  #reader: AudioReader | undefined
  #boundaries: FileBoundaries | undefined
  /** First bytes that do not say yet what they are. */
  #head: Uint8Array = new Uint8Array(0)
  #parts: Int16Array[] = []
  /** Of the last file. */
  container: DecodedAudio['container'] | undefined

  /** ms of raw samples that were taken and come with what follows. */
  get heldMs(): number {
    return this.#converter.heldMs
  }

  /**
   * The sound that is complete with these bytes.
   *
   * @throws AvatarError `AUDIO_PROCESSING_ERROR` naming what was found and what is accepted; `AUDIO_BUFFER_FULL` when it is more than a
   *   minute; `CAPACITY_EXCEEDED`; `PAYLOAD_TOO_LARGE`
   */
  push(bytes: Uint8Array, hint: AudioHint = {}): Promise<Int16Array> {
    return this.#guarded(async () => {
      if (bytes.length > MAX_INPUT_BYTES) throw tooLarge(bytes.length)
      if (bytes.length === 0) throw audioFailure('the audio is empty')
      await this.#useHint(hint)
      await this.#read(bytes)
    })
  }

  /** No more bytes: the sound that is left. Then another stream may begin. @throws AvatarError as `push` */
  finish(): Promise<Int16Array> {
    return this.#guarded(async () => {
      await this.#endFile()
      this.#parts.push(...this.#converter.finish())
    })
  }

  /** Gives everything back. Safe to call twice. */
  close(): void {
    this.#reader?.close()
    this.#reader = undefined
    this.#boundaries = undefined
    this.#head = new Uint8Array(0)
    this.#parts = []
    this.#converter.close()
  }

  async #guarded(work: () => Promise<void>): Promise<Int16Array> {
    try {
      await work()
      const pcm = concatPcm(this.#parts)
      this.#parts = []
      if (pcm.length > MAX_SAMPLES) throw tooLong()
      return pcm
    } catch (thrown) {
      this.close()
      throw thrown
    }
  }

  async #useHint(hint: AudioHint): Promise<void> {
    const key = JSON.stringify([hint.format, hint.sample_rate, hint.channels])
    if (key === this.#hint) return
    await this.#endFile()
    const said = parseAudioFormat(hint.format ?? 'auto')
    if (!said) throw audioFailure('its `format` is not known')
    const telephone = said.encoding === 'mulaw' || said.encoding === 'alaw'
    this.#hint = key
    this.#format = {
      encoding: said.encoding,
      sampleRate: hint.sample_rate ?? said.sampleRate ?? (telephone ? TELEPHONE_RATE : SAMPLE_RATE),
      channels: hint.channels ?? said.channels ?? 1,
    }
  }

  async #read(bytes: Uint8Array): Promise<void> {
    if (this.#reader && this.#beginsOther(bytes)) await this.#endFile()
    if (!this.#reader) {
      this.#head = this.#head.length > 0 ? Buffer.concat([this.#head, bytes]) : bytes
      await this.#openFile(false)
      return
    }
    if (!this.#boundaries) {
      refuseNonAudio(bytes, this.#sampleBits)
      this.#parts.push(...(await this.#reader.push(bytes)))
      return
    }
    for (const { bytes: part, begins } of this.#boundaries.split(bytes)) {
      if (begins) {
        await this.#endReader()
        this.#reader = this.#openReader()
      }
      if (part.length > 0) this.#parts.push(...((await this.#reader?.push(part)) ?? []))
    }
  }

  /** A piece that is the beginning of a file of another kind; one of the same kind is found wherever it begins. */
  #beginsOther(bytes: Uint8Array): boolean {
    const began =
      beginsFile(bytes) ?? (this.#reader?.container === 'raw' && this.#format.encoding === 'auto' ? framedContainerOf(bytes) : undefined)
    return began !== undefined && began !== this.#reader?.container
  }

  /** Decides what the first bytes are, once that is certain. */
  async #openFile(last: boolean): Promise<void> {
    const head = this.#head
    const container = this.#containerOf(head, last)
    if (container === 'unknown') return
    this.#head = new Uint8Array(0)
    if (container === 'raw') {
      this.#reader = this.#openRaw(head)
      this.container = 'raw'
      this.#parts.push(...(await this.#reader.push(head)))
      return
    }
    // ADTS has no tags of its own, and its demuxer takes none
    const file = container === 'aac' ? head.subarray(id3Bytes(head)) : head
    this.#boundaries = new FileBoundaries(container, file)
    this.container = container
    this.#reader = this.#openReader()
    await this.#read(file)
  }

  #containerOf(head: Uint8Array, last: boolean): Container | 'raw' | 'unknown' {
    const { encoding } = this.#format
    const certain = containerOf(head)
    if (!last && hidesKind(head)) return 'unknown'
    if (certain && head.length >= MIN_HEAD_BYTES && lacksBeginning(head, certain)) {
      throw audioFailure(`it looks like ${certain} but its beginning is missing or damaged; send the file from its first byte`, {
        container: certain,
      })
    }
    if (certain && (last || head.length >= MIN_HEAD_BYTES)) return certain
    const guessed = encoding === 'auto' || encoding === 'file'
    const framed = guessed ? framedContainerOf(head) : undefined
    if (framed) return framed
    if (!last && head.length < (guessed ? HEAD_BYTES : MIN_HEAD_BYTES) && (guessed || mayBecomeFile(head))) return 'unknown'
    if (!last && guessed && head.length < FRAMES_BYTES && (encoding === 'file' || mayBeFrame(head))) return 'unknown'
    const cut = encoding === 'file' ? framedContainerInside(head) : undefined
    if (cut) return cut.container
    return 'raw'
  }

  /** Of raw samples. */
  get #sampleBits(): 8 | 16 {
    return EIGHT_BITS.includes(this.#format.encoding) ? 8 : 16
  }

  #openReader(): AudioReader {
    const kind = this.container
    return kind === 'wav' ? new WavReader(this.#converter) : new CompressedReader(kind as Container)
  }

  /** @throws AvatarError when the bytes are certainly no sound */
  #openRaw(head: Uint8Array): RawReader {
    const { encoding, sampleRate, channels } = this.#format
    refuseNonAudio(head, this.#sampleBits)
    if (encoding === 'file') throw audioFailure('it is no file of a known kind, as its `format` says')
    const known: SampleEncoding = encoding === 'auto' || encoding === 'l16' ? 's16le' : encoding
    const question = encoding === 'auto' ? 'encoding' : encoding === 'l16' ? 'order' : undefined
    return new RawReader(this.#converter, { encoding: known, sampleRate, channels }, question)
  }

  async #endFile(): Promise<void> {
    if (this.#head.length > 0) await this.#openFile(true)
    const held = this.#boundaries?.flush()
    if (held && held.length > 0 && this.#reader) this.#parts.push(...(await this.#reader.push(held)))
    await this.#endReader()
    this.#boundaries = undefined
  }

  async #endReader(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    if (reader) this.#parts.push(...(await reader.finish()))
  }
}

/** Ends the decoder processes. */
export { closeDecoders } from './compressed.ts'

/** A whole sound of any accepted form. A header in the bytes wins over the hint. @throws AvatarError as `AudioDecoder` */
export async function decodeAudio(bytes: Uint8Array, hint: AudioHint): Promise<DecodedAudio> {
  const decoder = new AudioDecoder()
  try {
    const pcm = concatPcm([await decoder.push(bytes, hint), await decoder.finish()])
    if (pcm.length > MAX_SAMPLES) throw tooLong()
    if (pcm.length === 0) throw audioFailure('it has no samples')
    return { pcm, durationMs: toMs(pcm.length), container: decoder.container ?? 'raw' }
  } finally {
    decoder.close()
  }
}
