/** The voice detector over a whole recording. */

import { HISTORY, logMel, MEL_BANDS } from '../../../origin/dsp/log-mel.ts'
import { Vad, type VadWeights } from '../../../origin/listening/vad.ts'

/** Probability of speech of each row, moved back by the detector's delay. @param pcm 16 kHz mono */
export function vadRows(weights: VadWeights, pcm: Int16Array): number[] {
  const vad = new Vad(weights)
  const padded = new Int16Array(HISTORY + pcm.length)
  padded.set(pcm, HISTORY)
  const mel = logMel(padded)
  const rows: number[] = []
  for (let i = 0; i < mel.length; i += MEL_BANDS) {
    const probability = vad.push(mel.subarray(i, i + MEL_BANDS))
    if (probability !== undefined) rows.push(probability)
  }
  return rows
}
