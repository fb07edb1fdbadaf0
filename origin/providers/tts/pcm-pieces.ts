/** A stream of bytes as pieces of sound that are soon complete and begin where mouth frames begin. */
import { MOUTH_FPS, SAMPLE_RATE } from '../../../shared/media.ts'

/** Samples of one mouth frame. */
const GRAIN = SAMPLE_RATE / MOUTH_FPS
/** Stages hold a piece until the next is there: the first ones are short, so that sound starts soon. */
const PIECE_SAMPLES = { first: 5 * GRAIN, later: 15 * GRAIN }
/** Samples of the clause after which pieces are longer. */
const FIRST_SAMPLES = 0.5 * SAMPLE_RATE

/** 16-bit little-endian bytes in, samples out; chunks may end anywhere, also inside a sample. */
export class PcmPieces {
  /** Bytes that make no whole piece yet. */
  #rest: Uint8Array = new Uint8Array(0)
  #samples = 0

  /** Samples received, given or not. */
  get receivedSamples(): number {
    return this.#samples + Math.floor(this.#rest.length / 2)
  }

  push(bytes: Uint8Array): Int16Array[] {
    const joined = new Uint8Array(this.#rest.length + bytes.length)
    joined.set(this.#rest)
    joined.set(bytes, this.#rest.length)
    const pieces: Int16Array[] = []
    let at = 0
    for (;;) {
      const samples = this.#samples < FIRST_SAMPLES ? PIECE_SAMPLES.first : PIECE_SAMPLES.later
      if (joined.length - at < samples * 2) break
      pieces.push(toSamples(joined.subarray(at, at + samples * 2)))
      this.#samples += samples
      at += samples * 2
    }
    this.#rest = joined.slice(at)
    return pieces
  }

  /** The rest, at most one piece; half a sample at the end is dropped. */
  flush(): Int16Array[] {
    const rest = toSamples(this.#rest)
    this.#rest = new Uint8Array(0)
    this.#samples += rest.length
    return rest.length > 0 ? [rest] : []
  }
}

function toSamples(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Int16Array.from({ length: Math.floor(bytes.length / 2) }, (_, i) => view.getInt16(i * 2, true))
}
