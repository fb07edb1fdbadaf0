/**
 * What bytes are, by how they begin. Plain TypeScript: nothing is opened. FFmpeg could guess too, but it would then choose among all of
 * its demuxers by bytes of strangers; the decoder process is told the one that it may open.
 */

/** Containers that the decoder opens. */
export type Container = 'wav' | 'mp3' | 'ogg' | 'webm' | 'flac' | 'aac' | 'mp4' | 'aiff' | 'caf'

interface Magic {
  at: number
  /** Bytes as Latin-1 text. */
  text: string
  and?: { at: number; text: string }
}

const AUDIO: readonly (readonly [Container, Magic])[] = [
  ['wav', { at: 0, text: 'RIFF', and: { at: 8, text: 'WAVE' } }],
  ['wav', { at: 0, text: 'RF64', and: { at: 8, text: 'WAVE' } }],
  ['ogg', { at: 0, text: 'OggS' }],
  ['flac', { at: 0, text: 'fLaC' }],
  ['webm', { at: 0, text: '\x1a\x45\xdf\xa3' }],
  ['mp3', { at: 0, text: 'ID3' }],
  ['mp4', { at: 4, text: 'ftyp' }],
  ['aiff', { at: 0, text: 'FORM', and: { at: 8, text: 'AIF' } }],
  ['caf', { at: 0, text: 'caff' }],
]
const OTHERS: readonly (readonly [string, Magic])[] = [
  ['a PNG picture', { at: 0, text: '\x89PNG' }],
  ['a JPEG picture', { at: 0, text: '\xff\xd8\xff' }],
  ['a GIF picture', { at: 0, text: 'GIF8' }],
  ['a PDF document', { at: 0, text: '%PDF' }],
  ['a ZIP archive', { at: 0, text: 'PK\x03\x04' }],
  ['Windows Media', { at: 0, text: '\x30\x26\xb2\x75' }],
  ['a MIDI file', { at: 0, text: 'MThd' }],
  ['gzip-compressed data', { at: 0, text: '\x1f\x8b\x08' }],
  ['a RIFF file that is not WAVE', { at: 0, text: 'RIFF' }],
]
/** Bytes that must all be printable before they are called text; sound of that many samples never is. */
const MIN_TEXT_BYTES = 24

/** The container that a file's first bytes name beyond doubt. */
export function containerOf(bytes: Uint8Array): Container | undefined {
  return AUDIO.find(([, magic]) => matches(bytes, magic))?.[0]
}

/**
 * A stream of MPEG audio frames, which have no magic number but a header each: two in a row must fit together
 * (ISO/IEC 11172-3 section 2.4.2.3; ISO/IEC 13818-7 annex B for ADTS).
 */
export function framedContainerOf(bytes: Uint8Array): 'mp3' | 'aac' | undefined {
  for (const [container, frameBytes] of [
    ['aac', adtsFrameBytes],
    ['mp3', mp3FrameBytes],
  ] as const) {
    const length = frameBytes(bytes, 0)
    if (length !== undefined && (length === bytes.length || frameBytes(bytes, length) !== undefined)) return container
  }
  return undefined
}

/** In words, what the bytes are that are certainly no sound. */
export function nonAudioOf(bytes: Uint8Array): string | undefined {
  const known = OTHERS.find(([, magic]) => matches(bytes, magic))?.[0]
  if (known) return known
  const head = bytes.subarray(0, 512)
  const printable = (byte: number) => (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d
  return head.length >= MIN_TEXT_BYTES && head.every(printable) ? 'text' : undefined
}

function matches(bytes: Uint8Array, { at, text, and }: Magic): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return and === undefined || matches(bytes, and)
}

const MP3_KBPS = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const
const MP3_RATES = { 3: [44_100, 48_000, 32_000], 2: [22_050, 24_000, 16_000], 0: [11_025, 12_000, 8_000] } as const

/** Length of a layer III frame whose header stands at `at`. */
function mp3FrameBytes(bytes: Uint8Array, at: number): number | undefined {
  const [sync = 0, second = 0, third = 0] = bytes.subarray(at, at + 3)
  if (sync !== 0xff || (second & 0xe0) !== 0xe0 || (second & 0x06) !== 0x02) return undefined
  const version = (second >> 3) & 3
  if (version === 1) return undefined
  const rate = MP3_RATES[version as 0 | 2 | 3][(third >> 2) & 3]
  const kbps = (version === 3 ? MP3_KBPS.mpeg1 : MP3_KBPS.mpeg2)[third >> 4]
  if (!rate || !kbps) return undefined
  return Math.floor(((version === 3 ? 144_000 : 72_000) * kbps) / rate) + ((third >> 1) & 1)
}

function adtsFrameBytes(bytes: Uint8Array, at: number): number | undefined {
  const head = bytes.subarray(at, at + 6)
  const [sync = 0, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0] = head
  // Layer 0 tells ADTS from MPEG audio layers; 13 is the first reserved rate.
  if (sync !== 0xff || (second & 0xf6) !== 0xf0 || ((third >> 2) & 15) >= 13) return undefined
  const length = ((fourth & 3) << 11) | (fifth << 3) | (sixth >> 5)
  return length > 7 ? length : undefined
}
