/** Stage: synthesizes clauses, in order. */
import type { VoiceSettings } from '../../../shared/api.ts'
import { toMs } from '../../dsp/pcm.ts'
import type { Stage } from '../../pipeline/stage.ts'
import type { SpeechPiece, SpeechProvider } from '../../providers/tts/types.ts'
import type { Clause, Speech } from './types.ts'

export interface SynthesizeOptions {
  tts: SpeechProvider
  voiceId: string
  settings: VoiceSettings
  /** The provider has begun to answer: called once. */
  onFirstSound?: (() => void) | undefined
}

export const synthesize = ({ tts, voiceId, settings, onFirstSound }: SynthesizeOptions): Stage<string, Speech> =>
  async function* speak(clauses, { signal }) {
    let begun = false
    for await (const text of clauses) {
      const clause: Clause = { text, durationMs: tts.estimateDurationS(text, voiceId, settings) * 1000 }
      let previous: SpeechPiece | undefined
      let first = true
      let samples = 0
      for await (const piece of tts.speak({ text, voiceId, settings }, signal)) {
        signal.throwIfAborted()
        if (!begun) onFirstSound?.()
        begun = true
        learn(clause, piece)
        if (previous !== undefined) {
          yield { clause, ...previous, first, last: false }
          first = false
        }
        previous = piece
        samples += piece.pcm.length
        clause.durationMs = Math.max(clause.durationMs, toMs(samples))
      }
      clause.durationMs = toMs(samples)
      if (previous !== undefined) yield { clause, ...previous, first, last: true }
    }
  }

function learn(clause: Clause, { phones, characters }: SpeechPiece): void {
  if (phones) clause.phones = phones
  if (characters) clause.characters = [...(clause.characters ?? []), ...characters]
}
