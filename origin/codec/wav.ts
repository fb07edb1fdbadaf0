/**
 * RIFF/WAVE in plain TypeScript: uncompressed sound of every common kind in, 16-bit PCM out.
 *
 * Layout: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (1991), and
 * "Multiple Channel Audio Data and WAVE Files" (2007) for WAVE_FORMAT_EXTENSIBLE.
 *
 * Not left to FFmpeg, which runs in a process that is started on demand: 2 s of WAV take 6 ms here, and 0.5 s by that process where it
 * has to be started first. Clients that send PCM never start it.
 */

const FORMAT_PCM = 1
const FORMAT_FLOAT = 3
const FORMAT_EXTENSIBLE = 0xfffe
/** Offset of the sub-format in an extensible `fmt ` chunk; its first two bytes are the plain format's number. */
const SUBFORMAT_OFFSET = 24
const HEADER_BYTES = 44
const MAX_CHANNELS = 8
/** Data sizes that say "until the end": written by programs that stream. */
const UNKNOWN_SIZES = [0, 0xffff_ffff, 0x7fff_ffff]

/** What stands in the way of reading a WAV, in words for the caller. */
export class WavError extends Error {
  override readonly name = 'WavError'
  /** True when the container is sound and only its codec is another one. */
  readonly otherCodec: boolean
  constructor(message: string, otherCodec = false) {
    super(message)
    this.otherCodec = otherCodec
  }
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

interface SampleFormat {
  bytes: number
  encoding: string
  /** A sample between -1 and 1 (floats may go beyond). */
  read(view: DataView, at: number): number
}

const PCM_16: SampleFormat = { bytes: 2, encoding: '16-bit PCM', read: (view, at) => view.getInt16(at, true) / 0x8000 }
const FLOAT_32: SampleFormat = { bytes: 4, encoding: '32-bit float', read: (view, at) => view.getFloat32(at, true) }
/** By `format:bits`. */
const SAMPLE_FORMATS: Record<string, SampleFormat> = {
  '1:8': { bytes: 1, encoding: '8-bit PCM', read: (view, at) => (view.getUint8(at) - 128) / 128 },
  '1:16': PCM_16,
  '1:24': {
    bytes: 3,
    encoding: '24-bit PCM',
    read: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 0x10000) / 0x80_0000,
  },
  '1:32': { bytes: 4, encoding: '32-bit PCM', read: (view, at) => view.getInt32(at, true) / 0x8000_0000 },
  '3:32': FLOAT_32,
  '3:64': { bytes: 8, encoding: '64-bit float', read: (view, at) => view.getFloat64(at, true) },
}

export function isWav(bytes: Uint8Array): boolean {
  return bytes.length >= 12 && ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === 'WAVE'
}

/**
 * Finds format and samples. The samples are read where they lie.
 *
 * @throws WavError
 */
export function parseWav(bytes: Uint8Array): PcmSource {
  if (!isWav(bytes)) throw new WavError('it does not start with a RIFF/WAVE header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let format: { tag: number; channels: number; sampleRate: number; bits: number; blockBytes: number } | undefined
  let at = 12
  while (at + 8 <= bytes.length) {
    const id = ascii(bytes, at, 4)
    const size = view.getUint32(at + 4, true)
    const body = at + 8
    if (id === 'fmt ' && body + 16 <= bytes.length && size >= 16) {
      const tag = view.getUint16(body, true)
      const extended = tag === FORMAT_EXTENSIBLE && size >= SUBFORMAT_OFFSET + 2 && body + SUBFORMAT_OFFSET + 2 <= bytes.length
      format = {
        tag: extended ? view.getUint16(body + SUBFORMAT_OFFSET, true) : tag,
        channels: view.getUint16(body + 2, true),
        sampleRate: view.getUint32(body + 4, true),
        blockBytes: view.getUint16(body + 12, true),
        bits: view.getUint16(body + 14, true),
      }
    } else if (id === 'data') {
      if (!format) throw new WavError('its data comes before its format')
      const room = bytes.length - body
      return describe(view, format, body, UNKNOWN_SIZES.includes(size) ? room : Math.min(size, room))
    }
    // Chunks are padded to even sizes.
    at = body + size + (size % 2)
  }
  throw new WavError(format ? 'it has no data chunk' : 'it has no format chunk')
}

function describe(
  view: DataView,
  { tag, channels, sampleRate, bits, blockBytes }: { tag: number; channels: number; sampleRate: number; bits: number; blockBytes: number },
  dataStart: number,
  dataBytes: number,
): PcmSource {
  if (tag !== FORMAT_PCM && tag !== FORMAT_FLOAT) throw new WavError(`its codec is 0x${tag.toString(16).padStart(4, '0')}`, true)
  if (channels < 1 || channels > MAX_CHANNELS) throw new WavError(`it says ${channels} channels`)
  // Containers of 20-bit sound and the like are read by the size of their blocks.
  const sampleBits = blockBytes > 0 && blockBytes % channels === 0 && blockBytes / channels >= bits / 8 ? (blockBytes / channels) * 8 : bits
  const sample = SAMPLE_FORMATS[`${tag}:${sampleBits}`]
  if (!sample) throw new WavError(`it says ${bits} bits a sample${tag === FORMAT_FLOAT ? ' (float)' : ''}`)
  return pcmSource(view, { sample, channels, sampleRate, dataStart, frames: Math.floor(dataBytes / (sample.bytes * channels)) })
}

/** Raw little-endian samples without any header. */
export function rawPcm(bytes: Uint8Array, format: 's16' | 'f32', sampleRate: number, channels: number): PcmSource {
  const sample = format === 'f32' ? FLOAT_32 : PCM_16
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return pcmSource(view, { sample, channels, sampleRate, dataStart: 0, frames: Math.floor(bytes.length / (sample.bytes * channels)) })
}

function pcmSource(
  view: DataView,
  {
    sample,
    channels,
    sampleRate,
    dataStart,
    frames,
  }: { sample: SampleFormat; channels: number; sampleRate: number; dataStart: number; frames: number },
): PcmSource {
  const read = <Out extends Int16Array | Float32Array>(from: number, to: number, make: (length: number) => Out, scale: number): Out => {
    const start = Math.max(0, Math.min(from, frames))
    const out = make(Math.max(0, Math.min(to, frames) - start))
    let at = dataStart + start * sample.bytes * channels
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
    encoding: sample.encoding,
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
