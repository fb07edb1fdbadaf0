/** A stream of samples as pieces of sound that are soon complete and begin where mouth frames begin. */
import { MOUTH_FPS, SAMPLE_RATE } from '../../../shared/media.ts'
import { concatPcm } from '../../dsp/pcm.ts'

/** Samples of one mouth frame. */
const GRAIN = SAMPLE_RATE / MOUTH_FPS
/** Stages hold a piece until the next is there: the first ones are short, so that sound starts soon. */
const PIECE_SAMPLES = { first: 5 * GRAIN, later: 15 * GRAIN }
/** Samples of the clause after which pieces are longer. */
const FIRST_SAMPLES = 0.5 * SAMPLE_RATE

export class PcmPieces {
  /** Samples that make no whole piece yet. */
  #rest: Int16Array = new Int16Array(0)
  #samples = 0

  /** Samples received, given or not. */
  get receivedSamples(): number {
    return this.#samples + this.#rest.length
  }

  push(pcm: Int16Array): Int16Array[] {
    const joined = concatPcm([this.#rest, pcm])
    const pieces: Int16Array[] = []
    let at = 0
    for (;;) {
      const samples = this.#samples < FIRST_SAMPLES ? PIECE_SAMPLES.first : PIECE_SAMPLES.later
      if (joined.length - at < samples) break
      pieces.push(joined.slice(at, at + samples))
      this.#samples += samples
      at += samples
    }
    this.#rest = joined.slice(at)
    return pieces
  }

  /** The rest, at most one piece. */
  flush(): Int16Array[] {
    const rest = this.#rest
    this.#rest = new Int16Array(0)
    this.#samples += rest.length
    return rest.length > 0 ? [rest] : []
  }
}
