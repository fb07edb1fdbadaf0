/** Times of characters in a clause, from alignments that arrive chunk by chunk. */
import type { CharacterTime } from '../types.ts'

/** As the package spells it. */
export interface Alignment {
  characters: string[]
  characterStartTimesSeconds: number[]
  characterEndTimesSeconds: number[]
}

/** s by which times may seem to go back without meaning anything. */
const TOLERANCE_S = 0.05
/** s; an alignment that counts from its own chunk begins within this. */
const CHUNK_START_S = 0.15

/**
 * Over HTTP times count from the start of the answer, over sockets from the start of their chunk, and some models send
 * characters twice. So an alignment that begins again near zero is placed where its sound begins, and characters that
 * were placed already are left out.
 */
export class CharacterClock {
  #text = ''
  #endS = 0

  /** @param chunkStartS where the sound of the alignment's chunk begins: s of sound received before it */
  place(
    { characters, characterStartTimesSeconds: starts, characterEndTimesSeconds: ends }: Alignment,
    chunkStartS: number,
  ): CharacterTime[] {
    const firstS = starts[0] ?? 0
    const goesBack = firstS < this.#endS - TOLERANCE_S
    const repeats = characters.join('').startsWith(this.#text)
    const fromS = goesBack && !repeats && firstS < CHUNK_START_S ? Math.max(chunkStartS, this.#endS) : 0
    const placed: CharacterTime[] = []
    for (const [i, text] of characters.entries()) {
      const startS = fromS + (starts[i] ?? 0)
      if (startS < this.#endS - TOLERANCE_S) continue
      const from = Math.max(this.#endS, startS)
      this.#endS = Math.max(from, fromS + (ends[i] ?? 0))
      this.#text += text
      placed.push({ text, startS: from, endS: this.#endS })
    }
    return placed
  }
}
