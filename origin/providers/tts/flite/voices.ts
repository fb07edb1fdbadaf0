/** The voices inside the engine, with what was measured of each over 15 sentences. */
import type { VoiceInfo } from '../../../../shared/api.ts'

export interface FliteVoice extends VoiceInfo {
  /** The engine's own name. */
  engineName: string
  /** dB that bring this voice's peaks to about -3 dBFS; its median peak is -3 minus this. */
  gainDb: number
  /** Length of its speech relative to `slt`. */
  pace: number
}

const voice = (engineName: string, name: string, language: string, gainDb: number, pace: number): FliteVoice => ({
  voice_id: `flite_${engineName}`,
  name,
  provider: 'flite',
  language,
  default: engineName === 'slt',
  engineName,
  gainDb,
  pace,
})

export const VOICES: readonly [FliteVoice, ...FliteVoice[]] = [
  voice('slt', 'Slt (female, US English)', 'en-US', 1.2, 1),
  voice('rms', 'Rms (male, US English)', 'en-US', 3.4, 1.12),
  voice('awb', 'Awb (male, Scottish English)', 'en-GB', 1, 0.97),
  voice('kal16', 'Kal (male, US English, small and plain)', 'en-US', 7, 0.91),
]

/** The voice of that id, else the default one. */
export function voiceById(voiceId: string): FliteVoice {
  return VOICES.find((known) => known.voice_id === voiceId) ?? VOICES[0]
}
