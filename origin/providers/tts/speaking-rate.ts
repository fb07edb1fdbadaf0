/** Estimates how long a voice takes for a text, from the rate of its earlier clauses. */
import { SAMPLE_RATE } from '../../../shared/media.ts'
import { estimateSpeechS } from './flite/estimate.ts'

/** Weight of the newest clause in a voice's rate. */
const NEWEST = 0.2
/** Ratios beyond are accidents (a clause without words, a sound effect) and teach nothing. */
const PLAUSIBLE = { min: 0.4, max: 2.5 }
const MAX_VOICES = 200

export class Pace {
  /** Length of a voice's speech at speed 1, relative to the embedded default voice. */
  readonly #ratios = new Map<string, number>()

  estimateS(text: string, voiceId: string, speed: number): number {
    return (estimateSpeechS(text) * (this.#ratios.get(voiceId) ?? 1)) / speed
  }

  /** @param samples length of the text's audio */
  learn(text: string, voiceId: string, speed: number, samples: number): void {
    const ratio = ((samples / SAMPLE_RATE) * speed) / estimateSpeechS(text)
    if (ratio < PLAUSIBLE.min || ratio > PLAUSIBLE.max) return
    const before = this.#ratios.get(voiceId)
    if (before === undefined && this.#ratios.size >= MAX_VOICES) return
    this.#ratios.set(voiceId, before === undefined ? ratio : before + NEWEST * (ratio - before))
  }
}
