/**
 * What bytes are, by how they begin. Plain TypeScript: nothing is opened. FFmpeg could guess too, but it would then choose among all of
 * its demuxers by bytes of strangers; the decoder process is told the one that it may open.
 */

/** Containers that the decoder opens. */
export type Container = 'wav' | 'mp3' | 'ogg' | 'webm' | 'flac' | 'aac' | 'mp4' | 'aiff' | 'caf' | 'au' | 'amr'

interface Magic {
  at: number
  /** Bytes as Latin-1 text. */
  text: string
  and?: Magic
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
  ['au', { at: 0, text: '.snd\x00' }],
  ['amr', { at: 0, text: '#!AMR' }],
]
const OTHERS: readonly (readonly [string, Magic])[] = [
  ['a PNG picture', { at: 0, text: '\x89PNG' }],
  // its first three bytes are also those of quiet samples
  ['a JPEG picture', { at: 0, text: '\xff\xd8\xff', and: { at: 6, text: 'JFIF' } }],
  ['a JPEG picture', { at: 0, text: '\xff\xd8\xff', and: { at: 6, text: 'Exif' } }],
  ['a GIF picture', { at: 0, text: 'GIF8' }],
  ['a PDF document', { at: 0, text: '%PDF' }],
  ['a ZIP archive', { at: 0, text: 'PK\x03\x04' }],
  ['Windows Media', { at: 0, text: '\x30\x26\xb2\x75' }],
  ['a MIDI file', { at: 0, text: 'MThd' }],
  ['Sony Wave64', { at: 0, text: 'riff\x2e\x91\xcf\x11' }],
  ['WavPack', { at: 0, text: 'wvpk' }],
  ['True Audio', { at: 0, text: 'TTA1' }],
  ['Flash Video', { at: 0, text: 'FLV\x01' }],
  ["Monkey's Audio", { at: 0, text: 'MAC ' }],
  ['gzip-compressed data', { at: 0, text: '\x1f\x8b\x08' }],
  ['a RIFF file that is not WAVE', { at: 0, text: 'RIFF' }],
]
/**
 * How a file begins, strictly enough to be found in the middle of others: `?` is any byte, the rest Latin-1. An Ogg page that
 * begins a stream, a FLAC stream's own description, an ID3 tag of version 2 to 4.
 */
const BEGINNINGS: Partial<Record<Container, readonly string[]>> = {
  wav: ['RIFF????WAVE'],
  ogg: ['OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00'],
  flac: ['fLaC?\x00\x00\x22'],
  webm: ['\x1a\x45\xdf\xa3'],
  mp3: ['ID3\x02\x00', 'ID3\x03\x00', 'ID3\x04\x00'],
  mp4: ['\x00\x00\x00?ftyp'],
  aiff: ['FORM????AIF'],
  caf: ['caff\x00\x01'],
  au: ['.snd\x00\x00'],
  amr: ['#!AMR'],
}
/** Streams that are cut from their beginning are named, not decoded. */
const MIDDLES: readonly (readonly [string, Magic])[] = [
  ['a WebM cluster without the header of its file; send that first', { at: 0, text: '\x1f\x43\xb6\x75' }],
  ['an MP4 fragment without the header of its file; send that first', { at: 4, text: 'moof' }],
  ['an MP4 fragment without the header of its file; send that first', { at: 4, text: 'styp' }],
  ['MPEG transport stream', { at: 0, text: '\x47', and: { at: 188, text: '\x47', and: { at: 376, text: '\x47' } } }],
]
/** Bytes from which no beginning is missed. */
export const MIN_HEAD_BYTES = 16
/** Bytes that must all be printable before they are called text; sound of that many samples never is. */
const MIN_TEXT_BYTES = 24

/** The container that a file's first bytes name beyond doubt. */
export function containerOf(bytes: Uint8Array): Container | undefined {
  const found = AUDIO.find(([, magic]) => matches(bytes, magic))?.[0]
  // segments of HTTP Live Streaming: ADTS behind a tag that MP3 has
  return found === 'mp3' && adtsFrameBytes(bytes, id3Bytes(bytes)) !== undefined ? 'aac' : found
}

/** Largest tag behind which ADTS is looked for, bytes: one with a picture belongs to MP3. */
const MAX_ADTS_TAG_BYTES = 16_384

/** Whether the kind of a file with a tag stands in bytes that are still to come. */
export function hidesKind(bytes: Uint8Array): boolean {
  const tag = id3Bytes(bytes)
  return tag > 0 && tag <= MAX_ADTS_TAG_BYTES && bytes.length < tag + 6
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

/** As `framedContainerOf`, of a stream that was cut in the middle of a frame: three in a row must fit. */
export function framedContainerInside(bytes: Uint8Array): { container: 'mp3' | 'aac'; at: number } | undefined {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue
    for (const [container, frameBytes] of [
      ['aac', adtsFrameBytes],
      ['mp3', mp3FrameBytes],
    ] as const) {
      const second = at + (frameBytes(bytes, at) ?? bytes.length)
      const third = second + (frameBytes(bytes, second) ?? bytes.length)
      if (frameBytes(bytes, third) !== undefined) return { container, at }
    }
  }
  return undefined
}

/** Words with their spaces, and signs of JSON and of pages: samples of eight bits may all be printable, but not all be these. */
const WORDS = /^[\w\s{}[\]<>"':,./=-]{64,}$/
const SPACES = /[\s"]/g

/**
 * In words, what the bytes are that are certainly no sound.
 *
 * @param sampleBits 8 where they may be samples of eight bits, of which many in a row are printable
 */
export function nonAudioOf(bytes: Uint8Array, sampleBits: 8 | 16 = 16): string | undefined {
  const known = [...OTHERS, ...MIDDLES].find(([, magic]) => matches(bytes, magic))?.[0]
  if (known) return known
  const head = bytes.subarray(0, 512)
  if (sampleBits === 8) {
    const text = String.fromCharCode(...head)
    return WORDS.test(text) && (text.match(SPACES)?.length ?? 0) * 16 >= text.length ? 'text' : undefined
  }
  const printable = (byte: number) => (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d
  return head.length >= MIN_TEXT_BYTES && head.every(printable) ? 'text' : undefined
}

/** Whether a file of any kind begins with these bytes, beyond doubt. */
export function beginsFile(bytes: Uint8Array): Container | undefined {
  for (const [container, patterns] of Object.entries(BEGINNINGS) as [Container, readonly string[]][]) {
    if (patterns.some((pattern) => bytes.length >= pattern.length && agrees(bytes, 0, pattern))) return container
  }
  return undefined
}

/** Whether a file may begin with these few bytes. */
export function mayBecomeFile(bytes: Uint8Array): boolean {
  return Object.values(BEGINNINGS).some((patterns) => patterns.some((pattern) => agrees(bytes, 0, pattern)))
}

/** Whether a file that is named by its first letters is cut or damaged in what must follow them. */
export function lacksBeginning(bytes: Uint8Array, container: Container): boolean {
  if (container === 'mp3') return beginsFile(bytes) !== 'mp3' || bytes.subarray(6, 10).some((byte) => byte > 127)
  return (container === 'ogg' || container === 'flac') && beginsFile(bytes) !== container
}

/** Where the next file of the same kind begins, at `from` or later. */
export function nextBeginning(bytes: Uint8Array, from: number, container: Container): number | undefined {
  const places = (BEGINNINGS[container] ?? []).map((pattern) => firstPlace(bytes, from, pattern))
  if (container === 'mp3') places.push(nextInfoFrame(bytes, from))
  const found = places.filter((place) => place !== undefined)
  return found.length > 0 ? Math.min(...found) : undefined
}

/** Bytes at the end that may be a beginning whose rest is still to come. */
export function unfinishedBeginning(bytes: Uint8Array, container: Container): number {
  if (container === 'mp3') return Math.min(bytes.length, INFO_OFFSETS[0] + 3)
  let most = 0
  for (const pattern of BEGINNINGS[container] ?? []) {
    for (let length = Math.min(pattern.length - 1, bytes.length); length > most; length--) {
      if (agrees(bytes, bytes.length - length, pattern)) most = length
    }
  }
  return most
}

/** Bytes of the ID3v2 tag that a file begins with, and 0 without one. */
export function id3Bytes(bytes: Uint8Array): number {
  if (!matches(bytes, { at: 0, text: 'ID3' }) || bytes.length < 10) return 0
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(6, 10)
  return 10 + ((a & 127) << 21) + ((b & 127) << 14) + ((c & 127) << 7) + (d & 127)
}

/** Whether an MPEG frame begins here, as far as its header can say. */
export function mayBeFrame(bytes: Uint8Array): boolean {
  return adtsFrameBytes(bytes, 0) !== undefined || mp3FrameBytes(bytes, 0) !== undefined
}

/** Where `Info` or `Xing` stands in the first frame of an MP3: after the side information of stereo, mono, and low-rate mono. */
const INFO_OFFSETS = [36, 21, 13] as const

function nextInfoFrame(bytes: Uint8Array, from: number): number | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let first: number | undefined
  for (const word of ['Info', 'Xing']) {
    for (let at = buffer.indexOf(word, from, 'latin1'); at >= 0; at = buffer.indexOf(word, at + 1, 'latin1')) {
      const start = INFO_OFFSETS.map((offset) => at - offset).find((place) => place >= from && mp3FrameBytes(bytes, place) !== undefined)
      if (start !== undefined && start < (first ?? Number.POSITIVE_INFINITY)) first = start
    }
  }
  return first
}

function firstPlace(bytes: Uint8Array, from: number, pattern: string): number | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const until = bytes.length - pattern.length
  // by its first certain bytes, which a search finds fast
  const word = pattern.match(/[^?]{3,}/)?.[0] ?? pattern
  const offset = pattern.indexOf(word)
  for (let at = buffer.indexOf(word, from + offset, 'latin1'); at >= 0; at = buffer.indexOf(word, at + 1, 'latin1')) {
    if (at - offset <= until && agrees(bytes, at - offset, pattern)) return at - offset
  }
  return undefined
}

/** Whether the bytes from `at` on are those of the pattern, as far as there are any. */
function agrees(bytes: Uint8Array, at: number, pattern: string): boolean {
  const length = Math.min(pattern.length, bytes.length - at)
  for (let i = 0; i < length; i++) if (pattern[i] !== '?' && bytes[at + i] !== pattern.charCodeAt(i)) return false
  return true
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
