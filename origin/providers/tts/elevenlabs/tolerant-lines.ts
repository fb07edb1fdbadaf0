/**
 * Lines of a timestamped answer as the package expects them. Its own reader drops a last line without a line end,
 * and fails the whole answer over a line without sound or with names in the spelling of the vendor's sockets.
 */
import { textFailure, type VendorAudioOptions } from '../vendor-audio.ts'

/** Longest line, characters: minutes of sound. Beyond it the answer is not what was asked for. */
const MAX_LINE_CHARS = 32 * 1024 * 1024

type Json = Record<string, unknown>

/** @throws in the stream, AvatarError `PROVIDER_FAILED` with the vendor's words when a line is an error, Error when it is endless */
export function tolerantLines(options: VendorAudioOptions): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let rest = ''
  const normalized = (line: string): string => (line.trim() === '' ? '' : `${JSON.stringify(normalizeLine(parseLine(line, options)))}\n`)
  return new TransformStream({
    transform(bytes, controller) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_CHARS) throw new Error('A line of the answer has no end.')
      const out = lines.map(normalized).join('')
      if (out) controller.enqueue(encoder.encode(out))
    },
    flush(controller) {
      const out = normalized(rest + decoder.decode())
      if (out) controller.enqueue(encoder.encode(out))
    },
  })
}

function parseLine(text: string, options: VendorAudioOptions): Json {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (thrown) {
    throw textFailure(text, options, thrown)
  }
  if (!isObject(line)) throw textFailure(text, options)
  if (audioOf(line) === undefined && ['error', 'detail', 'message'].some((name) => name in line)) throw textFailure(text, options)
  return line
}

function audioOf(line: Json): string | undefined {
  const audio = line.audio_base64 ?? line.audioBase64 ?? line.audio
  return typeof audio === 'string' ? audio : undefined
}

function normalizeLine(line: Json): Json {
  return {
    audio_base64: audioOf(line) ?? '',
    alignment: normalizeAlignment(line.alignment),
    normalized_alignment: normalizeAlignment(line.normalized_alignment ?? line.normalizedAlignment),
  }
}

/** Characters with start and end in seconds; null where any of them is missing. */
function normalizeAlignment(alignment: unknown): Json | null {
  if (!isObject(alignment)) return null
  const characters = alignment.characters ?? alignment.chars
  if (!Array.isArray(characters) || !characters.every((character) => typeof character === 'string')) return null
  const inMs = numbers(alignment.char_start_times_ms ?? alignment.charStartTimesMs)
  const starts = numbers(alignment.character_start_times_seconds ?? alignment.characterStartTimesSeconds) ?? inMs?.map((ms) => ms / 1000)
  const durationsMs = numbers(alignment.char_durations_ms ?? alignment.chars_durations_ms ?? alignment.charDurationsMs)
  const ends =
    numbers(alignment.character_end_times_seconds ?? alignment.characterEndTimesSeconds) ??
    durationsMs?.map((ms, i) => (starts?.[i] ?? 0) + ms / 1000)
  if (!starts || !ends || starts.length !== characters.length || ends.length !== characters.length) return null
  return { characters, character_start_times_seconds: starts, character_end_times_seconds: ends }
}

function numbers(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === 'number' && Number.isFinite(one)) ? value : undefined
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
