/**
 * Sound of clients, in whatever form it comes, as 24 kHz mono 16-bit PCM. Uncompressed sound is read here, in plain
 * TypeScript; compressed sound in a process of its own. What is refused says what it is and what would be taken.
 */
import { setImmediate } from 'node:timers/promises'
import { AvatarError } from '../../shared/errors.ts'
import type { AudioData } from '../../shared/events.ts'
import { MAX_AUDIO_BUFFER_MS, SAMPLE_RATE } from '../../shared/media.ts'
import { concatPcm, toMs } from '../dsp/pcm.ts'
import { log } from '../log.ts'
import { processWorker } from '../workers/job-worker.ts'
import { JobError, WorkerClient } from '../workers/worker-client.ts'
import type { Decoded, DecodeJob } from './decoder-process.ts'
import { createResampler, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from './resample.ts'
import { type Container, containerOf, framedContainerOf, nonAudioOf } from './sniff.ts'
import { isWav, type PcmSource, parseWav, rawPcm, WavError } from './wav.ts'

/** Bytes of one input: 60 s of 48 kHz stereo float fit. */
const MAX_INPUT_BYTES = 32 * 1024 * 1024
const ACCEPTED = [
  'WAV',
  'MP3',
  'Ogg (Vorbis, Opus)',
  'WebM',
  'FLAC',
  'AAC',
  'MP4',
  'AIFF',
  'raw PCM (16-bit or 32-bit float, little-endian)',
]
/** s of sound that are converted before others get the event loop: 1 to 4 ms. */
const SLICE_S = 0.5
/** ms for one compressed input; a minute of Opus takes 0.3 s on a free core. */
const DECODE_TIMEOUT_MS = 10_000
const MAX_QUEUED_DECODES = 32
/** ms after which the idle decoder process is ended. */
const DECODER_IDLE_MS = 60_000
/** The decoder process grows by about 60 KB with every input. */
const DECODES_PER_PROCESS = 500
/** Share of damaged packets from which sound is refused; single bad ones are usual at the cut edges of MP3. */
const MAX_DAMAGED_SHARE = 0.1

/** How to read sound without a header. */
export type AudioHint = Pick<AudioData, 'format' | 'sample_rate' | 'channels'>

export interface DecodedAudio {
  /** Mono, SAMPLE_RATE Hz. */
  pcm: Int16Array
  durationMs: number
  /** `raw` without a container. */
  container: Container | 'raw'
}

const decoder = new WorkerClient<DecodeJob, Decoded>({
  name: 'decoder',
  spawn: () => processWorker(new URL('./decoder-process.ts', import.meta.url)),
  maxPending: 1,
  maxQueued: MAX_QUEUED_DECODES,
  timeoutMs: DECODE_TIMEOUT_MS,
  idleMs: DECODER_IDLE_MS,
  jobsPerWorker: DECODES_PER_PROCESS,
  onCrash: ({ message }) => log.error({ why: message }, 'the decoder process ended; the next sound starts a new one'),
})

/** Sound as an event carries it. @throws AvatarError `AUDIO_PROCESSING_ERROR`, `AUDIO_BUFFER_FULL`, `PAYLOAD_TOO_LARGE` */
export async function decodeAudioData({ audio, ...hint }: AudioData): Promise<DecodedAudio> {
  return decodeAudio(decodeBase64Audio(audio), hint)
}

/**
 * Bytes of a base64 text (RFC 4648 section 4). Padding is required and white space refused, so that a text that was cut
 * or mangled on its way is noticed.
 *
 * @throws AvatarError `AUDIO_PROCESSING_ERROR`, `PAYLOAD_TOO_LARGE`
 */
export function decodeBase64Audio(text: string): Uint8Array {
  if (text.length > Math.ceil(MAX_INPUT_BYTES / 3) * 4) throw tooLarge(Math.floor((text.length * 3) / 4))
  if (text === '') throw failure('the audio is empty')
  if (text.startsWith('data:')) throw failure('it is a data: URL; send only what follows the comma')
  if (/[-_]/.test(text)) throw failure('it is URL-safe base64; send standard base64 (with + and /)')
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw failure('it is not valid base64')
  return Buffer.from(text, 'base64')
}

/**
 * Sound of any accepted form. A header in the bytes wins over the hint.
 *
 * @throws AvatarError `AUDIO_PROCESSING_ERROR` naming what was found and what is accepted; `AUDIO_BUFFER_FULL` past one minute; `PAYLOAD_TOO_LARGE`
 */
export async function decodeAudio(bytes: Uint8Array, hint: AudioHint): Promise<DecodedAudio> {
  if (bytes.length > MAX_INPUT_BYTES) throw tooLarge(bytes.length)
  if (bytes.length === 0) throw failure('the audio is empty')
  const container = containerOf(bytes) ?? (hint.format === 'auto' ? framedContainerOf(bytes) : undefined)
  if (container === undefined) return decodeRaw(bytes, hint)
  const pcm = (isWav(bytes) ? await decodeWav(bytes) : undefined) ?? (await decodeCompressed(bytes, container))
  return result(pcm, container)
}

/** Ends the decoder process; inputs that wait are refused. */
export function closeDecoder(): Promise<void> {
  return decoder.close()
}

async function decodeRaw(bytes: Uint8Array, { format, sample_rate, channels }: AudioHint): Promise<DecodedAudio> {
  const found = nonAudioOf(bytes)
  if (found) throw failure(`it is ${found}`)
  const sampleFormat = format === 'pcm_f32le' ? 'f32' : 's16'
  const frameBytes = (sampleFormat === 'f32' ? 4 : 2) * channels
  if (bytes.length % frameBytes !== 0) {
    throw failure(`${bytes.length} bytes are no whole number of samples (${frameBytes} bytes for ${channels} channel(s) of ${format})`)
  }
  return result(await convert(rawPcm(bytes, sampleFormat, sample_rate, channels)), 'raw')
}

/** Undefined when the codec inside is one for the decoder process (A-law, ADPCM). */
async function decodeWav(bytes: Uint8Array): Promise<Int16Array | undefined> {
  try {
    return await convert(parseWav(bytes))
  } catch (thrown) {
    if (!(thrown instanceof WavError)) throw thrown
    if (thrown.otherCodec) return undefined
    throw failure(`its WAV header is damaged: ${thrown.message}`, { container: 'wav' })
  }
}

async function decodeCompressed(bytes: Uint8Array, container: Container): Promise<Int16Array> {
  const maxSamples = (MAX_AUDIO_BUFFER_MS / 1000) * SAMPLE_RATE
  let decoded: Decoded
  try {
    decoded = await decoder.run({ bytes, container, toHz: SAMPLE_RATE, maxSamples })
  } catch (thrown) {
    if (!(thrown instanceof JobError)) throw thrown
    if (thrown.kind === 'busy' || thrown.kind === 'closed') {
      throw new AvatarError('CAPACITY_EXCEEDED', 'Too much sound is being decoded at once; try again in a moment.', {}, { cause: thrown })
    }
    throw failure(`it looks like ${container} but cannot be decoded`, { container, reason: thrown.message }, thrown)
  }
  const { pcm, packets, damaged, codec } = decoded
  if (pcm.length > maxSamples) throw tooLong()
  if (pcm.length === 0 || damaged > Math.max(1, packets * MAX_DAMAGED_SHARE)) {
    throw failure(`it looks like ${container} but is damaged`, { container, codec, packets, damaged_packets: damaged })
  }
  return pcm
}

/** Uncompressed sound to mono and the one rate, in slices. */
async function convert(source: PcmSource): Promise<Int16Array> {
  const { sampleRate, frames } = source
  if (sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE) {
    throw failure(`it says ${sampleRate} Hz; ${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE} are possible`)
  }
  if ((frames / sampleRate) * 1000 > MAX_AUDIO_BUFFER_MS) throw tooLong()
  if (frames === 0) throw failure('it has no samples')
  const slice = Math.ceil(sampleRate * SLICE_S)
  const parts: Int16Array[] = []
  const resampler = sampleRate === SAMPLE_RATE ? undefined : createResampler(sampleRate, SAMPLE_RATE, { from: 'f32' })
  try {
    for (let at = 0; at < frames; at += slice) {
      if (at > 0) await setImmediate()
      parts.push(resampler ? resampler.push(source.readF32(at, at + slice)) : source.readS16(at, at + slice))
    }
    if (resampler) parts.push(resampler.flush())
  } finally {
    resampler?.close()
  }
  return concatPcm(parts)
}

function result(pcm: Int16Array, container: DecodedAudio['container']): DecodedAudio {
  return { pcm, durationMs: toMs(pcm.length), container }
}

function failure(found: string, details: Record<string, unknown> = {}, cause?: unknown): AvatarError {
  const message = `Failed to process audio input: ${found}. Send ${ACCEPTED.join(', ')}.`
  return new AvatarError('AUDIO_PROCESSING_ERROR', message, { found, accepted: ACCEPTED, ...details }, cause ? { cause } : undefined)
}

function tooLong(): AvatarError {
  const maxS = MAX_AUDIO_BUFFER_MS / 1000
  const message = `The sound is longer than ${maxS} s, which is all that is held; send less, and commit it before the next.`
  return new AvatarError('AUDIO_BUFFER_FULL', message, { max_ms: MAX_AUDIO_BUFFER_MS })
}

function tooLarge(bytes: number): AvatarError {
  return new AvatarError('PAYLOAD_TOO_LARGE', `The audio has ${bytes} bytes; at most ${MAX_INPUT_BYTES} are taken at once.`, {
    bytes,
    max_bytes: MAX_INPUT_BYTES,
  })
}
