/** Cuts any sound into messages that the server takes. */
import type { AudioData } from '../../../../shared/events.ts'
import { joined, readWav, toBase64, wavOf } from './bytes.ts'

/** Sound in one message, bytes: small enough that the first is being read while the next is sent. */
const PIECE_BYTES = 192 * 1024
const SAMPLE_BYTES: Record<string, number> = { pcm_s16le: 2, pcm_f32le: 4 }

/** Sound as one piece, or as it comes: a stream is raw PCM, or as its `format` says. */
export type AudioSource = Blob | ArrayBuffer | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

export interface RawFormat {
  /**
   * How raw samples are written: `pcm_s16le`, `pcm_f32le`, `mulaw`, `alaw`, ... (`AudioData` lists all), or `auto` for a stream of a
   * file's bytes, as of a MediaRecorder. Without it a file says what it is, and a stream is `pcm_s16le`.
   */
  format?: string
  /** Hz of raw samples. @default 24000, of mulaw and alaw 8000 */
  sample_rate?: number
  /** Of raw samples. @default 1 */
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
  yield* rawPieces([bytes], { ...raw, format: 'auto' })
}

/** Pieces of whole samples, where their size is known; what a chunk has over waits for the next. */
async function* rawPieces(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  raw: RawFormat & { format: string },
): AsyncGenerator<AudioData> {
  const blockAlign = (SAMPLE_BYTES[raw.format] ?? 1) * (raw.channels ?? 1)
  let rest: Uint8Array = new Uint8Array()
  for await (const chunk of chunks) {
    const bytes = joined(rest, chunk)
    const whole = bytes.length - (bytes.length % blockAlign)
    for (let at = 0; at < whole; at += PIECE_BYTES) yield message(bytes.subarray(at, Math.min(whole, at + PIECE_BYTES)), raw.format, raw)
    rest = bytes.slice(whole)
  }
}

function message(bytes: Uint8Array, format: string, { sample_rate, channels }: RawFormat): AudioData {
  return {
    audio: toBase64(bytes),
    format,
    ...(sample_rate === undefined ? {} : { sample_rate }),
    ...(channels === undefined ? {} : { channels }),
  }
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
