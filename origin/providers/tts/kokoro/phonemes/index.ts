/** Written English to the phonemes that the Kokoro network was trained on. */
import type { Pronouncer } from '../../types.ts'
import type { Accent } from './british.ts'
import { Lexicon } from './lexicon.ts'
import { Pronunciation } from './pronunciation.ts'
import { Reader } from './reader.ts'
import { type MarkToken, type Token, tokensOf, type WordToken, writtenWords } from './tokens.ts'

export { cmuOf, phonesOf } from './cmu.ts'

/** A written word with its place in the text and in the phonemes; a word without sound has an empty place there. */
interface PhonemeWord {
  /** As written, with its punctuation. */
  text: string
  from: number
  to: number
  /** Its sounds, without the punctuation and spaces around them. */
  phonemesFrom: number
  phonemesTo: number
}
export interface Phonemes {
  /** Symbols of the network; '' when nothing of the text can be said. */
  phonemes: string
  words: PhonemeWord[]
}

export interface PhonemizerOptions {
  /** `models/voice/lexicon-us.txt.gz` or `lexicon-uk.txt.gz`. */
  lexiconPath: string
  /** That of the lexicon. */
  accent?: Accent
  /** For words that the lexicon does not have; without it they are read by rough rules. Closed by its owner. */
  pronouncer?: Pronouncer
}

/** As often as this, a repeated mark is heard. */
const MAX_REPEATED_MARKS = 3

export class Phonemizer {
  readonly #pronunciation: Pronunciation

  private constructor(pronunciation: Pronunciation) {
    this.#pronunciation = pronunciation
  }

  /** @throws Error when the lexicon is missing or damaged */
  static async load({ lexiconPath, pronouncer, accent = 'us' }: PhonemizerOptions): Promise<Phonemizer> {
    return new Phonemizer(new Pronunciation(await Lexicon.load(lexiconPath), pronouncer, accent))
  }

  /** @param text a clause as written; numbers, signs and short forms are said in words. Never rejects */
  async phonemize(text: string): Promise<Phonemes> {
    const written = writtenWords(text)
    const tokens = tokensOf(text, written)
    const sounds = await new Reader(this.#pronunciation, tokens).read()
    if (sounds.every((sound) => sound === '')) {
      return { phonemes: '', words: written.map((word) => ({ ...word, phonemesFrom: 0, phonemesTo: 0 })) }
    }
    const out = new PhonemeString()
    for (const [i, token] of tokens.entries()) {
      if ('word' in token) out.addWord(token, sounds[i] ?? '')
      else out.addMark(token, tokens.slice(i + 1))
    }
    return { phonemes: out.text, words: written.map((word, i) => ({ ...word, ...out.placeOf(i) })) }
  }
}

class PhonemeString {
  text = ''
  #isApart = false
  #of = -1
  readonly #places = new Map<number, { phonemesFrom: number; phonemesTo: number }>()
  #lastPlace = 0

  addWord(token: WordToken, sound: string): void {
    this.#separate(token)
    if (sound === '') return
    this.#space()
    const from = this.text.length
    this.text += sound
    const place = this.#places.get(token.of)
    this.#places.set(token.of, { phonemesFrom: place?.phonemesFrom ?? from, phonemesTo: this.text.length })
  }

  addMark(token: MarkToken, rest: readonly Token[]): void {
    this.#separate(token)
    const isOpening = /[“(]/.test(token.mark)
    // a pause before the first sound says nothing, nor does an opening mark after the last
    if (token.mark === ')' && !this.text.slice(this.text.lastIndexOf(')') + 1).includes('(')) return
    if (isOpening ? !rest.some((later) => 'word' in later) : this.text === '') return
    if (this.text.endsWith(token.mark.repeat(MAX_REPEATED_MARKS))) return
    // the stop of an abbreviation
    if (/[?!]/.test(token.mark) && this.text.endsWith('.')) this.text = this.text.slice(0, -1)
    if (isOpening || token.mark === '—') this.#space()
    else this.#isApart = false
    this.text += token.mark
    // also where none was written: "one.two"
    this.#isApart = /[,.;:!?…]/.test(token.mark)
  }

  /** In order, also for words without sound. */
  placeOf(index: number): { phonemesFrom: number; phonemesTo: number } {
    const place = this.#places.get(index) ?? { phonemesFrom: this.#lastPlace, phonemesTo: this.#lastPlace }
    this.#lastPlace = place.phonemesTo
    return place
  }

  #separate(token: Token): void {
    this.#isApart ||= token.isApart || token.of !== this.#of
    this.#of = token.of
  }

  #space(): void {
    if (this.#isApart && this.text !== '' && !/[ “(]$/.test(this.text)) this.text += ' '
    this.#isApart = false
  }
}
