/**
 * RIFF/WAVE in plain TypeScript: uncompressed sound of every common kind in, 16-bit PCM out.
 *
 * Layout: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (1991), and
 * "Multiple Channel Audio Data and WAVE Files" (2007) for WAVE_FORMAT_EXTENSIBLE.
 *
 * Not left to FFmpeg, which runs in a process that is started on demand: 2 s of WAV take 6 ms here, and 0.5 s by that process where it
 * has to be started first. Clients that send PCM never start it.
 */
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, type SampleEncoding, sampleReader } from './sample-encodings.ts'

const FORMAT_PCM = 1
const FORMAT_FLOAT = 3
const FORMAT_ALAW = 6
const FORMAT_MULAW = 7
const FORMAT_EXTENSIBLE = 0xfffe
/** Offset of the sub-format in an extensible `fmt ` chunk; its first two bytes are the plain format's number. */
const SUBFORMAT_OFFSET = 24
const HEADER_BYTES = 44
const MAX_CHANNELS = 8
/** Bytes of one chunk before the samples: notes and pictures of editors. */
const MAX_HEADER_BYTES = 4 * 1024 * 1024
/** Data sizes that say "until the end": written by programs that stream. */
const UNKNOWN_SIZES = [0, 0xffff_ffff, 0x7fff_ffff]

/** What stands in the way of reading a WAV, in words for the caller. */
export class WavError extends Error {
  override readonly name = 'WavError'
}

/** Uncompressed sound, wherever its samples lie. */
export interface PcmSource {
  /** Hz */
  sampleRate: number
  channels: number
  /** Samples per channel. */
  frames: number
  /** As `16-bit PCM`. */
  encoding: string
  /** Frames [from, to) mixed to mono, clipped; full scale is 32 768. */
  readS16(from: number, to: number): Int16Array
  /** Frames [from, to) mixed to mono, clipped; full scale is 1, what is not a number reads as 0. */
  readF32(from: number, to: number): Float32Array
}

export interface PcmFormat {
  encoding: SampleEncoding
  sampleRate: number
  channels: number
}

/** What stands before the samples. */
export interface WavHeader {
  /** Undefined when the codec inside is one for the decoder process (ADPCM, GSM). */
  format: PcmFormat | undefined
  codec: number
  /** Where the samples begin. */
  dataStart: number
  /** Bytes of samples; undefined where the file does not say: until its end. */
  dataBytes: number | undefined
}

/** By `format:bits`. */
const ENCODINGS: Record<string, SampleEncoding> = {
  '1:8': 'u8',
  '1:16': 's16le',
  '1:24': 's24le',
  '1:32': 's32le',
  '3:32': 'f32le',
  '3:64': 'f64le',
  '6:8': 'alaw',
  '7:8': 'mulaw',
}

function isWav(bytes: Uint8Array): boolean {
  return bytes.length >= 12 && ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === 'WAVE'
}

/**
 * Finds format and samples. The samples are read where they lie.
 *
 * @throws WavError
 */
export function parseWav(bytes: Uint8Array): PcmSource {
  const header = readWavHeader(bytes)
  if (!header) throw new WavError('it has no data chunk')
  const { format, codec, dataStart, dataBytes } = header
  if (!format) throw new WavError(`its codec is ${hex(codec)}`)
  const room = bytes.length - dataStart
  return pcmSource(bytes.subarray(dataStart, dataStart + Math.min(dataBytes ?? room, room)), format)
}

/** Undefined while its data chunk has not begun. @throws WavError when it never will */
export function readWavHeader(bytes: Uint8Array): WavHeader | undefined {
  if (!isWav(bytes)) throw new WavError('it does not start with a RIFF/WAVE header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let found: Pick<WavHeader, 'format' | 'codec'> | undefined
  let at = 12
  while (at + 8 <= bytes.length) {
    const id = ascii(bytes, at, 4)
    const size = view.getUint32(at + 4, true)
    const body = at + 8
    if (id === 'data') {
      if (!found) throw new WavError('its data comes before its format')
      return { ...found, dataStart: body, dataBytes: UNKNOWN_SIZES.includes(size) ? undefined : size }
    }
    if (size > MAX_HEADER_BYTES) throw new WavError(`a part of its header says that it has ${size} bytes`)
    if (id === 'fmt ') {
      if (size < 16) throw new WavError(`its format chunk has ${size} bytes`)
      if (body + size > bytes.length) return undefined
      found = readFormat(view, body, size)
    }
    // Chunks are padded to even sizes.
    at = body + size + (size % 2)
  }
  return undefined
}

function readFormat(view: DataView, body: number, size: number): Pick<WavHeader, 'format' | 'codec'> {
  const plain = view.getUint16(body, true)
  const codec = plain === FORMAT_EXTENSIBLE && size >= SUBFORMAT_OFFSET + 2 ? view.getUint16(body + SUBFORMAT_OFFSET, true) : plain
  const channels = view.getUint16(body + 2, true)
  const sampleRate = view.getUint32(body + 4, true)
  const blockBytes = view.getUint16(body + 12, true)
  const bits = view.getUint16(body + 14, true)
  if (![FORMAT_PCM, FORMAT_FLOAT, FORMAT_ALAW, FORMAT_MULAW].includes(codec)) return { codec, format: undefined }
  if (channels < 1 || channels > MAX_CHANNELS) throw new WavError(`it says ${channels} channels`)
  if (sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE) {
    throw new WavError(`it says ${sampleRate} Hz; ${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE} are possible`)
  }
  // Containers of 20-bit sound and the like are read by the size of their blocks.
  const sampleBits = blockBytes > 0 && blockBytes % channels === 0 && blockBytes / channels >= bits / 8 ? (blockBytes / channels) * 8 : bits
  const encoding = ENCODINGS[`${codec}:${sampleBits}`]
  if (!encoding) throw new WavError(`it says ${bits} bits a sample${codec === FORMAT_FLOAT ? ' (float)' : ''}`)
  return { codec, format: { encoding, sampleRate, channels } }
}

function hex(codec: number): string {
  return `0x${codec.toString(16).padStart(4, '0')}`
}

/** Samples without any header; what is no whole frame at the end is not read. */
export function pcmSource(bytes: Uint8Array, { encoding, sampleRate, channels }: PcmFormat): PcmSource {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sample = sampleReader(encoding)
  const frames = Math.floor(bytes.length / (sample.bytes * channels))
  const read = <Out extends Int16Array | Float32Array>(from: number, to: number, make: (length: number) => Out, scale: number): Out => {
    const start = Math.max(0, Math.min(from, frames))
    const out = make(Math.max(0, Math.min(to, frames) - start))
    let at = start * sample.bytes * channels
    for (let i = 0; i < out.length; i++) {
      let sum = 0
      for (let channel = 0; channel < channels; channel++) {
        sum += sample.read(view, at)
        at += sample.bytes
      }
      const value = Number.isFinite(sum) ? Math.max(-1, Math.min(1, sum / channels)) : 0
      out[i] = scale === 1 ? value : Math.min(scale - 1, Math.round(value * scale))
    }
    return out
  }
  return {
    sampleRate,
    channels,
    frames,
    encoding: sample.name,
    readF32: (from, to) => read(from, to, (length) => new Float32Array(length), 1),
    readS16: (from, to) => read(from, to, (length) => new Int16Array(length), 0x8000),
  }
}

/** A playable mono WAV of 16-bit PCM. */
export function encodeWav(pcm: Int16Array, sampleRate: number): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + pcm.byteLength)
  out.set(wavHeader(pcm.byteLength, sampleRate))
  // Every machine that runs this is little-endian, as the format is.
  out.set(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength), HEADER_BYTES)
  return out
}

/** What stands before mono 16-bit PCM of so many bytes in a WAV file. */
export function wavHeader(dataBytes: number, sampleRate: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(HEADER_BYTES)
  const view = new DataView(out.buffer)
  const text = (at: number, value: string) => {
    for (let i = 0; i < value.length; i++) out[at + i] = value.charCodeAt(i)
  }
  text(0, 'RIFF')
  view.setUint32(4, HEADER_BYTES + dataBytes - 8, true)
  text(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, FORMAT_PCM, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  text(36, 'data')
  view.setUint32(40, dataBytes, true)
  return out
}

function ascii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}
