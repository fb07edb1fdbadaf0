/** What clients are told of sound that is not taken. */
import { AvatarError } from '../../shared/errors.ts'
import { MAX_AUDIO_BUFFER_MS } from '../../shared/media.ts'
import { nonAudioOf } from './sniff.ts'

/** Bytes of one input: 60 s of 48 kHz stereo float fit. */
export const MAX_INPUT_BYTES = 32 * 1024 * 1024
const ACCEPTED = [
  'WAV',
  'MP3',
  'Ogg (Vorbis, Opus)',
  'WebM',
  'FLAC',
  'AAC',
  'MP4',
  'AIFF',
  'raw samples with their `format` (pcm_s16le, pcm_f32le, mulaw, alaw, ...)',
]

export function audioFailure(found: string, details: Record<string, unknown> = {}, cause?: unknown): AvatarError {
  const message = `Failed to process audio input: ${found}. Send ${ACCEPTED.join(', ')}.`
  return new AvatarError('AUDIO_PROCESSING_ERROR', message, { found, accepted: ACCEPTED, ...details }, cause ? { cause } : undefined)
}

export function tooLong(): AvatarError {
  const maxS = MAX_AUDIO_BUFFER_MS / 1000
  const message = `The sound is longer than ${maxS} s, which is all that is held; send less, and commit it before the next.`
  return new AvatarError('AUDIO_BUFFER_FULL', message, { max_ms: MAX_AUDIO_BUFFER_MS })
}

export function tooLarge(bytes: number): AvatarError {
  return new AvatarError('PAYLOAD_TOO_LARGE', `The audio has ${bytes} bytes; at most ${MAX_INPUT_BYTES} are taken at once.`, {
    bytes,
    max_bytes: MAX_INPUT_BYTES,
  })
}

/** @param sampleBits 8 where they may be samples of eight bits @throws AvatarError when the bytes are certainly no sound */
export function refuseNonAudio(bytes: Uint8Array, sampleBits: 8 | 16 = 16): void {
  const found = nonAudioOf(bytes, sampleBits)
  if (found) throw audioFailure(`it is ${found}`)
}
