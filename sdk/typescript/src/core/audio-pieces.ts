/** Cuts any sound into messages that the server takes. */
import type { AudioData } from '../../../../shared/events.ts'
import { joined, readWav, toBase64, wavOf } from './bytes.ts'
import { avatarError } from './errors.ts'

/** Sound in one message, bytes: small enough that the first is being read while the next is sent. */
const PIECE_BYTES = 192 * 1024
/** Largest file that cannot be cut (MP3, Ogg, ...), bytes: its base64 has to fit the server's 8 MiB message. */
const MAX_WHOLE_BYTES = 6_000_000

/** Sound as one piece, or as it comes: a stream is raw PCM. */
export type AudioSource = Blob | ArrayBuffer | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

export interface RawFormat {
  /** How raw samples are written; without it, the bytes say what they are (WAV, MP3, Ogg, WebM, FLAC). */
  format?: 'pcm_s16le' | 'pcm_f32le'
  /** Hz of raw samples. @default 24000 */
  sample_rate?: number
  /** @default 1 */
  channels?: 1 | 2
}

/** The `data` of the messages to send, in order. @throws AvatarError AUDIO_PROCESSING_ERROR */
export async function* audioPieces(source: AudioSource, raw: RawFormat = {}): AsyncGenerator<AudioData> {
  if (isStream(source)) {
    yield* rawPieces(chunksOf(source), { format: 'pcm_s16le', ...raw })
    return
  }
  const bytes = source instanceof Uint8Array ? source : new Uint8Array(source instanceof ArrayBuffer ? source : await source.arrayBuffer())
  if (raw.format !== undefined) {
    yield* rawPieces([bytes], { ...raw, format: raw.format })
    return
  }
  const wav = readWav(bytes)
  if (wav) {
    const step = Math.max(1, Math.floor(PIECE_BYTES / wav.blockAlign)) * wav.blockAlign
    for (let at = 0; at < wav.data.length; at += step) yield message(wavOf(wav.format, wav.data.subarray(at, at + step)), 'auto', raw)
    return
  }
  if (bytes.length > MAX_WHOLE_BYTES) {
    const text = `A file of ${bytes.length} bytes is too large for one message; send WAV or raw PCM, which can be cut.`
    throw avatarError({ code: 'AUDIO_PROCESSING_ERROR', message: text, details: { max_bytes: MAX_WHOLE_BYTES } })
  }
  if (bytes.length > 0) yield message(bytes, 'auto', raw)
}

/** Pieces of whole samples; what a chunk has over waits for the next. */
async function* rawPieces(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  raw: RawFormat & { format: 'pcm_s16le' | 'pcm_f32le' },
): AsyncGenerator<AudioData> {
  const blockAlign = (raw.format === 'pcm_f32le' ? 4 : 2) * (raw.channels ?? 1)
  let rest: Uint8Array = new Uint8Array()
  for await (const chunk of chunks) {
    const bytes = joined(rest, chunk)
    const whole = bytes.length - (bytes.length % blockAlign)
    for (let at = 0; at < whole; at += PIECE_BYTES) yield message(bytes.subarray(at, Math.min(whole, at + PIECE_BYTES)), raw.format, raw)
    rest = bytes.slice(whole)
  }
}

function message(bytes: Uint8Array, format: AudioData['format'], { sample_rate = 24_000, channels = 1 }: RawFormat): AudioData {
  return { audio: toBase64(bytes), format, sample_rate, channels }
}

function isStream(source: AudioSource): source is AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> {
  return Symbol.asyncIterator in source || 'getReader' in source
}

async function* chunksOf(source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (!('getReader' in source)) {
    yield* source
    return
  }
  // read by hand: not every platform's streams can be iterated
  const reader = source.getReader()
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value
  } finally {
    await reader.cancel()
  }
}
