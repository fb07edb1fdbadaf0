/** Stage: cuts segments to at most MAX_CLAUSE_MS, where they are quiet. */
import { VISEMES } from '../../../shared/face.ts'
import { MAX_CLAUSE_MS, MOUTH_FPS, SAMPLE_RATE } from '../../../shared/media.ts'
import { toMs } from '../../dsp/pcm.ts'
import type { Stage } from '../../pipeline/stage.ts'
import type { Segment } from './types.ts'

const MAX_SAMPLES = (MAX_CLAUSE_MS / 1000) * SAMPLE_RATE
/** Cuts fall between mouth frames, so that sound and mouth are cut at the same place. */
const GRAIN = SAMPLE_RATE / MOUTH_FPS
/** How far back from the limit a quiet place is looked for: 0.8 s. */
const SEARCH_SAMPLES = 0.8 * SAMPLE_RATE

/** Sample at which to cut: the end of the quietest 20 ms within the search range before `limit`. */
function quietCut(pcm: Int16Array, limit: number): number {
  let best = limit
  let bestEnergy = Number.POSITIVE_INFINITY
  for (let at = limit; at > limit - SEARCH_SAMPLES; at -= GRAIN) {
    let energy = 0
    for (let i = at - GRAIN; i < at; i++) energy += (pcm[i] ?? 0) ** 2
    if (energy < bestEnergy) {
      bestEnergy = energy
      best = at
    }
  }
  return best
}

export const cutSegments: Stage<Segment, Segment> = async function* cutSegments(segments) {
  for await (const whole of segments) {
    let start = 0
    while (start < whole.pcm.length) {
      const left = whole.pcm.length - start
      const samples = left <= MAX_SAMPLES ? left : quietCut(whole.pcm.subarray(start), MAX_SAMPLES)
      const firstRow = start / GRAIN
      const rows = Math.ceil(samples / GRAIN)
      yield {
        clause: whole.clause,
        offsetMs: whole.offsetMs + toMs(start),
        pcm: whole.pcm.subarray(start, start + samples),
        mouth: whole.mouth.subarray(firstRow * VISEMES.length, (firstRow + rows) * VISEMES.length),
      }
      start += samples
    }
  }
}
