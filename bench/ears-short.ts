/** Short answers: one word alone, at many levels, to an avatar that is silent. */
import type { VadWeights } from '../origin/listening/vad.ts'
import { shortAnswers, turnsHeard } from '../test/support/signals/short-answers.ts'

const VOICES = ['flite_rms', 'flite_awb', 'flite_kal16', 'flite_slt']

/** Share that begins a turn, by level; prints what was missed. */
export async function benchShortAnswers(weights: VadWeights): Promise<Record<string, number>> {
  const answers = await shortAnswers(VOICES)
  const figures: Record<string, number> = { short_answers: answers.length }
  for (const level of new Set(answers.map(({ levelDb }) => levelDb))) {
    const some = answers.filter(({ levelDb }) => levelDb === level)
    const missed = some.filter(({ pcm }) => turnsHeard(weights, pcm) === 0)
    for (const { voice, word, roomDb } of missed) console.log(`not heard: ${voice} ${word} at ${level} dBFS, room ${roomDb}`)
    figures[`short_heard_${-level}`] = 1 - missed.length / some.length
  }
  return figures
}
