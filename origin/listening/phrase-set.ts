/** Compares what was said with a list of phrases: letter case, accents, punctuation, drawn-out letters and repetition do not count. */

/** Scripts without spaces between words: a phrase may begin and end anywhere. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u
const ACCENTS_AND_APOSTROPHES = /[\u0300-\u036f'’ʼ]/g
const BETWEEN_WORDS = /[^\p{L}\p{M}\p{N}]+/u
const DRAWN_OUT = /(\p{L})\1+/gu

export class PhraseSet {
  readonly #forms = new Set<string>()

  constructor(phrases: Iterable<string>) {
    for (const phrase of phrases) {
      const words = wordsOf(phrase)
      // "uh-huh" is also written as one word
      this.#forms.add(words.join('')).add(words.join('').replace(DRAWN_OUT, '$1'))
    }
    this.#forms.delete('')
  }

  /** The text is made of these phrases alone. */
  covers(text: string): boolean {
    const { letters, reached } = this.#read(text)
    return letters !== '' && reached.has(letters.length)
  }

  /** The text is made of these phrases, but for an end that may become one. */
  mayBecome(text: string): boolean {
    const { letters, reached } = this.#read(text)
    const rests = [...reached].map((from) => letters.slice(from))
    return letters !== '' && rests.some((rest) => rest === '' || [...this.#forms].some((form) => form.startsWith(rest)))
  }

  /** @returns `reached`: offsets that phrases lead to, one after the other, from the beginning */
  #read(text: string): { letters: string; reached: Set<number> } {
    const words = wordsOf(text)
    const letters = words.join('')
    const ends = new Set<number>()
    let end = 0
    for (const word of words) {
      for (let i = 1; i < word.length; i++) if (UNSPACED.test(word[i - 1] ?? '')) ends.add(end + i)
      end += word.length
      ends.add(end)
    }
    const reached = new Set([0])
    // offsets that are added meanwhile are visited too
    for (const from of reached) {
      for (const form of this.#forms) if (ends.has(from + form.length) && letters.startsWith(form, from)) reached.add(from + form.length)
    }
    return { letters, reached }
  }
}

/** Letters and digits of a text. */
export function letterCount(text: string): number {
  return wordsOf(text).reduce((sum, word) => sum + [...word].length, 0)
}

function wordsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(ACCENTS_AND_APOSTROPHES, '').toLowerCase()
  return plain.split(BETWEEN_WORDS).flatMap((word) => (word === '' ? [] : [word.replace(DRAWN_OUT, '$1')]))
}
