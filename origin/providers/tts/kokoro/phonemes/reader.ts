/** The words of a clause in their context: weak forms, words of two sounds, compounds. */
import { readingOf } from './homographs.ts'
import type { Entry } from './lexicon.ts'
import type { Pronunciation } from './pronunciation.ts'
import { CONSONANTS, compounded, type Emphasis, emphasized, joined, VOWELS } from './stress.ts'
import { partOfSpeech, placeOf, type Tag } from './tags.ts'
import type { Token, WordToken } from './tokens.ts'

/** What the next sound is, and whether the next word is `to`. */
interface Ahead {
  sound: 'vowel' | 'consonant' | 'pause'
  isTo: boolean
}

const PAUSES = /[;:,.!?—…]/

export class Reader {
  readonly #pronunciation: Pronunciation
  readonly #tokens: readonly Token[]
  /** Entries of the clause's words, by their letters. */
  readonly #known = new Map<string, Entry>()
  /** The clause in small letters, `undefined` for pauses; and where each token stands in it. */
  readonly #clause: (string | undefined)[] = []
  readonly #places = new Map<Token, number>()

  constructor(pronunciation: Pronunciation, tokens: readonly Token[]) {
    this.#pronunciation = pronunciation
    this.#tokens = tokens
    for (const token of tokens) {
      if ('mark' in token && !PAUSES.test(token.mark)) continue
      this.#places.set(token, this.#clause.length)
      this.#clause.push('word' in token ? token.word.toLowerCase() : undefined)
    }
  }

  /** Phonemes of each token, '' for marks. */
  async read(): Promise<string[]> {
    this.#spellAbbreviations()
    const parts = this.#tokens.map((token) => ('word' in token && !token.isSpelt ? this.#pronunciation.partsOf(token.word) : []))
    await this.#learn(parts.flat())
    const sounds: string[] = []
    let ahead: Ahead = { sound: 'pause', isTo: false }
    for (let i = this.#tokens.length - 1; i >= 0; i--) {
      const token = this.#tokens[i] as Token
      const sound = 'mark' in token ? '' : this.#say(token, parts[i] ?? [], ahead)
      sounds.unshift(this.#pronunciation.finished(sound))
      ahead = after('mark' in token ? token.mark : sound, 'word' in token && token.word.toLowerCase() === 'to', ahead)
    }
    return sounds
  }

  /** Unknown words in capitals, unless the whole text shouts. */
  #spellAbbreviations(): void {
    for (const [i, token] of this.#tokens.entries()) {
      if (!('word' in token) || !token.isCapitals || token.isSpelt) continue
      const isShouted = [i - 1, i + 1].some((at) => {
        const other = this.#tokens[at]
        return other !== undefined && 'word' in other && other.isCapitals && !other.isSpelt
      })
      token.isSpelt = !isShouted && this.#pronunciation.isAbbreviation(token.word)
    }
  }

  async #learn(words: readonly string[]): Promise<void> {
    const unknown: string[] = []
    for (const word of new Set(words)) {
      const entry = this.#pronunciation.find(word)
      if (entry) this.#known.set(word, entry)
      else if (/^[A-Z]{2,5}$/.test(word)) this.#known.set(word, { sound: this.#pronunciation.letters(word), byTag: {} })
      else unknown.push(word)
    }
    if (unknown.length === 0) return
    const entries = await this.#pronunciation.guess(unknown)
    for (const [i, word] of unknown.entries()) this.#known.set(word, entries[i] ?? { sound: '', byTag: {} })
  }

  #say(token: WordToken, parts: readonly string[], ahead: Ahead): string {
    if (token.isSpelt) return this.#spelt(token.word)
    if (parts.length === 1) return this.#part(token, parts[0] ?? '', ahead)
    let next = ahead
    const said = parts.toReversed().map((text) => {
      const sound = this.#part(token, text, next)
      next = after(sound, text.toLowerCase() === 'to', next)
      return { text, sound }
    })
    const inOrder = said.toReversed()
    return token.word.includes('-') ? compounded(inOrder) : joined(inOrder)
  }

  #spelt(word: string): string {
    const [letters = '', genitive] = word.split("'")
    return this.#pronunciation.letters(letters) + (genitive ? 'z' : '')
  }

  #part(token: WordToken, text: string, ahead: Ahead): string {
    const emphasis: Emphasis = token.isCapitals ? 'full' : text === text.toLowerCase() ? 'none' : 'some'
    return weakForm(text.toLowerCase(), emphasis, ahead) ?? emphasized(this.#inContext(token, text, ahead), emphasis)
  }

  #inContext(token: WordToken, text: string, ahead: Ahead): string {
    const { sound, byTag } = this.#known.get(text) ?? { sound: '', byTag: {} }
    if (ahead.sound === 'pause' && byTag.None) return byTag.None
    const place = placeOf(this.#clause, this.#places.get(token) ?? 0)
    // a part of a compound has other neighbours
    if (place.word !== text.toLowerCase()) return sound
    const reading = readingOf(place)
    if (reading?.sound !== undefined) return this.#pronunciation.localized(reading.sound, text)
    if (Object.keys(byTag).length === 0) return sound
    const tag = reading ? reading.tag : partOfSpeech(place, byTag.VERB === undefined)
    return soundOf(tag, sound, byTag, text)
  }
}

function soundOf(tag: Tag | undefined, sound: string, byTag: Entry['byTag'], word: string): string {
  if (tag === undefined) return sound
  // where only verb and adjective differ ("an elaborate plan"), what is no verb is an adjective
  const next = /^VB/.test(tag) ? byTag.VERB : tag === 'NOUN' && word.endsWith('ate') ? byTag.ADJ : undefined
  return byTag[tag] ?? next ?? sound
}

/** Small words as they sound before what comes. */
function weakForm(word: string, emphasis: Emphasis, { sound }: Ahead): string | undefined {
  switch (word) {
    case 'a':
      return 'ɐ'
    case 'an':
      return 'ɐn'
    case 'i':
      return 'ˌI'
    case 'the':
      return sound === 'vowel' ? 'ði' : 'ðə'
    case 'to':
      return sound === 'pause' ? undefined : sound === 'vowel' ? 'tʊ' : 'tə'
    case 'in':
      return sound === 'pause' ? 'ˈɪn' : 'ɪn'
    case 'am':
      return sound === 'pause' || emphasis !== 'none' ? undefined : 'ɐm'
    default:
      return undefined
  }
}

/** What is ahead of the word before this sound. */
function after(sound: string, isTo: boolean, before: Ahead): Ahead {
  for (const symbol of sound) {
    if (PAUSES.test(symbol)) return { sound: 'pause', isTo }
    // the article's own vowel is left out, as the network learnt it
    if (VOWELS.has(symbol) && symbol !== 'ɐ') return { sound: 'vowel', isTo }
    if (CONSONANTS.has(symbol)) return { sound: 'consonant', isTo }
  }
  return { ...before, isTo }
}
