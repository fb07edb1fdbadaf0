/** Words and their phonemes from `models/voice/lexicon-us.txt.gz` or `lexicon-uk.txt.gz`, looked up in the unpacked file itself: nothing is parsed at the start. */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

export interface Entry {
  /** Phonemes of the word where its tags do not say otherwise. */
  sound: string
  /** Other sounds of the same letters, by part of speech (`NOUN`, `VERB`, `ADJ`, `ADV`, `VBD`, `VBN`, `DT`) and `None`: before a pause. */
  byTag: Readonly<Record<string, string>>
}

const NEWLINE = 10
const TAB = 9
const unpack = promisify(gunzip)

export class Lexicon {
  readonly #lines: Buffer

  /** @param lines `word<tab>phonemes[ TAG=phonemes]*`, each ended by a newline, in the order of their bytes */
  constructor(lines: Buffer) {
    this.#lines = lines
  }

  /** @throws Error when the file is missing or damaged */
  static async load(path: string): Promise<Lexicon> {
    const lines = await unpack(await readFile(path))
    if (lines.at(-1) !== NEWLINE || !lines.includes(TAB)) throw new Error(`${path} is no lexicon`)
    return new Lexicon(lines)
  }

  /** The word as it is written, else in small letters, with a capital, in capitals. */
  find(word: string): Entry | undefined {
    const small = word.toLowerCase()
    return (
      this.#entry(word) ??
      (small !== word ? this.#entry(small) : undefined) ??
      this.#entry(small.slice(0, 1).toUpperCase() + small.slice(1)) ??
      this.#entry(word.toUpperCase())
    )
  }

  has(word: string): boolean {
    return this.find(word) !== undefined
  }

  #entry(word: string): Entry | undefined {
    let from = 0
    let to = this.#lines.length
    while (from < to) {
      const middle = (from + to) >>> 1
      const start = middle === 0 ? 0 : this.#lines.lastIndexOf(NEWLINE, middle - 1) + 1
      const order = this.#compare(word, start)
      if (order === 0) return this.#parse(start + word.length + 1)
      if (order < 0) to = start
      else from = this.#lines.indexOf(NEWLINE, middle) + 1
    }
    return undefined
  }

  /** Less than zero when the word comes before the line. */
  #compare(word: string, start: number): number {
    for (let i = 0; i < word.length; i++) {
      const byte = this.#lines[start + i] ?? NEWLINE
      const difference = word.charCodeAt(i) - byte
      if (difference !== 0) return difference
    }
    return TAB - (this.#lines[start + word.length] ?? TAB)
  }

  #parse(at: number): Entry {
    const [sound = '', ...others] = this.#lines.toString('utf8', at, this.#lines.indexOf(NEWLINE, at)).split(' ')
    return { sound, byTag: Object.fromEntries(others.map((other) => other.split('='))) }
  }
}
