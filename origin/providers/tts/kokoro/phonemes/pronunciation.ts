/** Sounds of single words: the lexicon, endings, compounds, letters; for the rest a pronouncer that knows letter rules. */
import type { Pronouncer } from '../../types.ts'
import { type Accent, british, britishEnding } from './british.ts'
import { derivations, withS } from './endings.ts'
import { fromCmu } from './letter-sounds.ts'
import type { Entry, Lexicon } from './lexicon.ts'
import { OWN_WORDS } from './own-words.ts'
import { phonesBySpelling } from './spelling-rules.ts'
import { joined, spelled } from './stress.ts'

/** Shortest parts of a compound that nobody wrote as two words, and shortest compound. */
const MIN_PART = 3
const MIN_NAME_PART = 4
const MIN_COMPOUND = 7
/** Capitals up to this many are letters where they are no known word. */
const MAX_SPELT = 5

export class Pronunciation {
  readonly #lexicon: Lexicon
  readonly #pronouncer: Pronouncer | undefined

  readonly #accent: Accent

  constructor(lexicon: Lexicon, pronouncer: Pronouncer | undefined, accent: Accent) {
    this.#lexicon = lexicon
    this.#accent = accent
    this.#pronouncer = pronouncer
  }

  /** undefined for a word that only letter rules can read. */
  find(word: string): Entry | undefined {
    const bare = word.replace(/^'|'$/g, '')
    for (const form of new Set([word, word.replace(/^'/, ''), bare])) {
      const found = this.#listed(form) ?? this.#derived(form, (stem) => this.#listed(stem))
      if (found) return found
    }
    const short = bare.replace(/(.)\1{2,}/gi, '$1$1')
    if (short !== bare) return this.#listed(short) ?? this.#listed(short.replace(/(.)\1/gi, '$1'))
    return this.#compound(bare) ?? this.#derived(bare, (stem) => this.#compound(stem))
  }

  /** Sounds of unknown words, in their order: as the pronouncer says them, else by spelling, else letter by letter. Never rejects. */
  async guess(words: readonly string[]): Promise<Entry[]> {
    const stems = words.map((word) => word.replace(/'s?$|^'/g, ''))
    const phones = (await this.#pronouncer?.pronounce(stems)) ?? []
    return words.map((word, i) => {
      const stem = stems[i] ?? ''
      const heard = phones[i]?.length ? phones[i] : phonesBySpelling(stem)
      const sound = (/[aeiouy]/i.test(stem) && this.localized(fromCmu(heard, stem), stem)) || this.letters(stem)
      return { sound: word.endsWith("'s") ? withS(sound) : sound, byTag: {} }
    })
  }

  /** An American sound in this accent. */
  localized(sound: string, spelling: string): string {
    return this.#accent === 'uk' ? british(sound, spelling) : sound
  }

  /** With the network's own symbols: it has one letter for the tapped t, and none for the glottal stop. */
  finished(sound: string): string {
    const tap = this.#accent === 'uk' ? 't' : 'T'
    return sound.replaceAll('ɾ', tap).replaceAll('ʔ', 't')
  }

  /** Names of the letters, as one word. */
  letters(word: string): string {
    return spelled([...word.toUpperCase()].map((letter) => this.#listed(letter)?.sound ?? ''))
  }

  /** Parts that a hyphen or a capital divides; one where the word is known as a whole. */
  partsOf(word: string): string[] {
    const whole = word.replace(/[-_‐‑]/g, '-')
    if (this.#listed(whole) || this.#derived(whole, (stem) => this.#listed(stem))) return [whole]
    const parts = whole.split('-').filter((part) => part !== '')
    if (parts.length > 1 && this.#listed(parts.join(''))) return [parts.join('')]
    return parts.flatMap((part) => (this.#listed(part) ? [part] : part.split(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)))
  }

  /** Not a known word, and short enough for an abbreviation. */
  isAbbreviation(word: string): boolean {
    return word.length > 1 && word.length <= MAX_SPELT && !this.find(word)
  }

  #listed(word: string): Entry | undefined {
    if (word === 'Z' && this.#accent === 'uk') return { sound: 'zˈɛd', byTag: {} }
    const own = Object.hasOwn(OWN_WORDS, word.toLowerCase()) ? OWN_WORDS[word.toLowerCase()] : undefined
    return own === undefined ? this.#lexicon.find(word) : { sound: this.localized(own, word), byTag: {} }
  }

  #derived(word: string, find: (stem: string) => Entry | undefined): Entry | undefined {
    for (const { stem, sound } of derivations(word)) {
      const entry = find(stem)
      if (!entry) continue
      const say = (its: string): string => (this.#accent === 'uk' ? britishEnding(its, sound(its), stem) : sound(its))
      return { sound: say(entry.sound), byTag: Object.fromEntries(Object.entries(entry.byTag).map(([tag, its]) => [tag, say(its)])) }
    }
    return undefined
  }

  /** Two known words written as one; of several ways the most even. */
  #compound(word: string): Entry | undefined {
    if (word.length < MIN_COMPOUND || !/^[A-Za-z]+$/.test(word)) return undefined
    const min = word === word.toLowerCase() ? MIN_PART : MIN_NAME_PART
    for (let shorter = Math.floor(word.length / 2); shorter >= min; shorter--) {
      for (const at of new Set([shorter, word.length - shorter])) {
        const texts = [word.slice(0, at), word.slice(at)]
        const sounds = texts.map((text) => this.#lexicon.find(text)?.sound)
        if (sounds.includes(undefined)) continue
        return { sound: joined(texts.map((text, i) => ({ text, sound: sounds[i] ?? '' }))), byTag: {} }
      }
    }
    return undefined
  }
}
