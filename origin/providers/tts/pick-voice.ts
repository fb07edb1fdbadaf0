/** Which of the provider's voices speaks. */
import type { SpeechProvider } from './types.ts'

/** @param wanted of one request @param usual the session's @returns a voice that exists, and what the caller should know */
export function pickVoice(
  { name, voices, defaultVoiceId }: SpeechProvider,
  wanted: string | undefined,
  usual: string | null,
): { voiceId: string; warnings: string[] } {
  const isKnown = (id: string | null | undefined): id is string => voices.some((info) => info.voice_id === id)
  const fallback = isKnown(usual) ? usual : defaultVoiceId
  if (wanted === undefined || isKnown(wanted)) return { voiceId: wanted ?? fallback, warnings: [] }
  return { voiceId: fallback, warnings: [`The voice provider (${name}) has no voice "${wanted}"; "${fallback}" speaks instead.`] }
}
