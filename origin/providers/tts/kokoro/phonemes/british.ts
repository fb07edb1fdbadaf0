/** American phonemes as British ones, for what the British lexicon does not have: endings, names read by rules. Without the r that is not said. */
import { VOWELS } from './stress.ts'

export type Accent = 'us' | 'uk'

const VOWEL = `[ˈˌ]*[${[...VOWELS].join('')}ᵊ]`
/** Vowels before an r that stands before no vowel. */
const BEFORE_R: Readonly<Record<string, string>> = { ɜ: 'ɜː', ɑ: 'ɑː', ɔ: 'ɔː', ɪ: 'ɪə', ɛ: 'ɛː', ʊ: 'ʊə', ə: 'ə' }
/** Before one that is said, too, but for short vowels. */
const LONG_BEFORE_R: Readonly<Record<string, string>> = { ɜ: 'ɜː', ɑ: 'ɑː', ɔ: 'ɔː' }

/** @param spelling tells the o of `lot` from the a of `spa`, which American English says alike */
export function british(sound: string, spelling: string): string {
  return (
    sound
      .replace(/ɾ/g, 't')
      .replace(/ᵻ/g, 'ɪ')
      .replace(new RegExp(`([ɜɑɔɪɛʊə])ɹ(?!${VOWEL})`, 'g'), (_, vowel: string) => BEFORE_R[vowel] ?? vowel)
      .replace(new RegExp(`ɹ(?!${VOWEL})`, 'g'), '')
      .replace(/([ɜɑɔ])(?=ɹ)/g, (vowel) => LONG_BEFORE_R[vowel] ?? vowel)
      .replace(/ɑ(?!ː)/g, /o/i.test(spelling) ? 'ɒ' : 'ɑː')
      .replace(/ɔ(?!ː)/g, 'ɔː')
      .replace(/ɜ(?!ː)/g, 'ɜː')
      .replace(/æ/g, 'a')
      .replace(/O/g, 'Q')
      .replace(/u(?!ː)/g, 'uː')
      // the last of "happy" and the first of "radio" are short
      .replace(new RegExp(`(?<=[ˈˌ])i(?!ː|${VOWEL})|i(?=[^ː${[...VOWELS].join('')}ˈˌ])`, 'g'), 'iː')
  )
}

/** A stem with an ending: the r of the stem is said before a vowel. */
export function britishEnding(stem: string, said: string, spelling: string): string {
  const whole = said.replace(/ɾ/g, 't')
  if (!whole.startsWith(stem)) return whole.endsWith(stem) ? british(whole.slice(0, -stem.length), '') + stem : british(whole, spelling)
  const ending = british(whole.slice(stem.length), '')
  return stem + (/re?$/i.test(spelling) && /[əː]$/.test(stem) && VOWELS.has(ending.slice(0, 1)) ? 'ɹ' : '') + ending
}
