/** The voices of models/voice, with what was measured of each over 12 sentences (`npm run bench:voice`). */
import type { VoiceInfo } from '../../../../shared/api.ts'

export interface KokoroVoice extends VoiceInfo {
  /** What their peaks are multiplied by, so that the median peak of a sentence is at -3 dBFS. */
  gain: number
  /** Length of its speech relative to the estimate for flite's `slt`. */
  pace: number
}

const ACCENTS = { a: ['US', 'en-US'], b: ['UK', 'en-GB'] } as const

/** @param id as the network's authors name it: accent, sex, name */
function voice(id: string, gain: number, pace: number): KokoroVoice {
  const [accent, language] = ACCENTS[id.startsWith('b') ? 'b' : 'a']
  const name = id.slice(3, 4).toUpperCase() + id.slice(4)
  return {
    voice_id: id,
    name: `${name} (${id[1] === 'f' ? 'female' : 'male'}, ${accent} English)`,
    provider: 'kokoro',
    language,
    default: id === 'af_heart',
    gain,
    pace,
  }
}

export const VOICES: readonly [KokoroVoice, ...KokoroVoice[]] = [
  voice('af_heart', 1.43, 0.97),
  voice('af_bella', 1.31, 1.04),
  voice('af_nicole', 0.98, 1.54),
  voice('af_aoede', 0.88, 1.02),
  voice('af_kore', 1.08, 1.02),
  voice('af_sarah', 0.92, 1.08),
  voice('af_nova', 2.01, 1.11),
  voice('af_sky', 1.41, 1.03),
  voice('am_michael', 1.33, 1.1),
  voice('am_fenrir', 0.81, 0.98),
  voice('am_puck', 0.82, 0.98),
  voice('am_adam', 0.81, 1.05),
  voice('am_echo', 1.16, 1.15),
  voice('am_onyx', 1.15, 1.12),
  voice('bf_emma', 1.08, 1.08),
  voice('bf_isabella', 0.88, 1.08),
  voice('bf_alice', 0.99, 1.07),
  voice('bm_george', 1.32, 1.2),
  voice('bm_fable', 1.12, 1.14),
  voice('bm_daniel', 1.17, 1.05),
]

/** The voice of that id, else the default one. */
export function voiceById(voiceId: string): KokoroVoice {
  return VOICES.find((known) => known.voice_id === voiceId) ?? VOICES[0]
}
