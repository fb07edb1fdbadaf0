/** Answers in ElevenLabs' spelling. */
import type { CharacterTime } from '../../../origin/providers/tts/types.ts'
import type { Exchange } from '../servers/vendor-server.ts'

interface AlignmentLine {
  characters: string[]
  character_start_times_seconds: number[]
  character_end_times_seconds: number[]
}

function alignmentOf(characters: readonly CharacterTime[]): AlignmentLine {
  return {
    characters: characters.map(({ text }) => text),
    character_start_times_seconds: characters.map(({ startS }) => startS),
    character_end_times_seconds: characters.map(({ endS }) => endS),
  }
}

/** Characters of a text, all of the same length. */
export function evenly(text: string, fromS: number, toS: number): CharacterTime[] {
  const eachS = (toS - fromS) / text.length
  return [...text].map((character, i) => ({ text: character, startS: fromS + i * eachS, endS: fromS + (i + 1) * eachS }))
}

/** One line of `/stream/with-timestamps`. */
export function timestampedLine(pcm: Uint8Array, characters?: readonly CharacterTime[]): string {
  const alignment = characters ? alignmentOf(characters) : null
  return `${JSON.stringify({ audio_base64: Buffer.from(pcm).toString('base64'), alignment, normalized_alignment: alignment })}\n`
}

const VOICES = {
  voices: [
    { voice_id: 'EXAVITQu4vr4xnSDxMaL', name: 'Sarah', category: 'premade', labels: { language: 'en', accent: 'american' } },
    { voice_id: 'voice_of_ours', name: 'Ours', category: 'cloned', labels: { language: 'de' } },
  ],
  has_more: false,
  total_count: 2,
}

/** The account's voices for whoever asks. */
export function answersVoices(exchange: Exchange): boolean {
  if (exchange.path !== '/v2/voices') return false
  exchange.json(200, VOICES)
  return true
}
