/** base64 and WAV, without the platform's help where platforms differ. */

/** Bytes per call of `fromCharCode`: its arguments go on the stack. */
const SLICE = 0x8000

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += SLICE) binary += String.fromCharCode(...bytes.subarray(at, at + SLICE))
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other
  const bytes = new Uint8Array(one.length + other.length)
  bytes.set(one)
  bytes.set(other, one.length)
  return bytes
}

export interface WavParts {
  /** The bytes of the `fmt ` chunk, with its 8-byte head. */
  format: Uint8Array
  /** The samples. */
  data: Uint8Array
  sampleRate: number
  channels: number
  bitsPerSample: number
  /** Bytes of one sample of every channel. */
  blockAlign: number
}

/** Takes a RIFF WAVE file apart; undefined when it is none, or not a whole one. */
export function readWav(bytes: Uint8Array): WavParts | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || ascii(bytes, 0) !== 'RIFF' || ascii(bytes, 8) !== 'WAVE') return undefined
  let format: Uint8Array | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true)
    const id = ascii(bytes, at)
    if (id === 'fmt ' && size >= 16 && at + 8 + size <= bytes.length) format = bytes.subarray(at, at + 8 + size)
    if (id === 'data' && format) {
      const head = new DataView(format.buffer, format.byteOffset + 8)
      const blockAlign = head.getUint16(12, true)
      if (blockAlign === 0) return undefined
      return {
        format,
        // a streaming writer leaves the size open: then the data ends with the file
        data: bytes.subarray(at + 8, Math.min(bytes.length, at + 8 + size)),
        sampleRate: head.getUint32(4, true),
        channels: head.getUint16(2, true),
        bitsPerSample: head.getUint16(14, true),
        blockAlign,
      }
    }
    at += 8 + size + (size % 2)
  }
  return undefined
}

/** A WAV of the same format around other samples. */
export function wavOf(format: Uint8Array, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + format.length + 8 + data.length)
  const view = new DataView(bytes.buffer)
  const text = (at: number, word: string): void => {
    for (let i = 0; i < 4; i++) bytes[at + i] = word.charCodeAt(i)
  }
  text(0, 'RIFF')
  view.setUint32(4, bytes.length - 8, true)
  text(8, 'WAVE')
  bytes.set(format, 12)
  text(12 + format.length, 'data')
  view.setUint32(16 + format.length, data.length, true)
  bytes.set(data, 20 + format.length)
  return bytes
}

function ascii(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4))
}
