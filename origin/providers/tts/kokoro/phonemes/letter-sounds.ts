/** Phonemes of unknown words from CMU phones, as letter rules give them: without stress, which is guessed here. */
import { PRIMARY } from './stress.ts'

const SYMBOLS: Readonly<Record<string, string>> = {
  aa: 'ɑ',
  ae: 'æ',
  ah: 'ʌ',
  ao: 'ɔ',
  aw: 'W',
  ax: 'ə',
  axr: 'əɹ',
  ay: 'I',
  b: 'b',
  ch: 'ʧ',
  d: 'd',
  dh: 'ð',
  dx: 'ɾ',
  eh: 'ɛ',
  el: 'ᵊl',
  em: 'ᵊm',
  en: 'ᵊn',
  er: 'ɜɹ',
  ey: 'A',
  f: 'f',
  g: 'ɡ',
  hh: 'h',
  hv: 'h',
  ih: 'ɪ',
  ix: 'ɪ',
  iy: 'i',
  jh: 'ʤ',
  k: 'k',
  l: 'l',
  m: 'm',
  n: 'n',
  ng: 'ŋ',
  nx: 'n',
  ow: 'O',
  oy: 'Y',
  p: 'p',
  r: 'ɹ',
  s: 's',
  sh: 'ʃ',
  t: 't',
  th: 'θ',
  uh: 'ʊ',
  uw: 'u',
  ux: 'u',
  v: 'v',
  w: 'w',
  y: 'j',
  z: 'z',
  zh: 'ʒ',
}
const VOWEL = /^[aeiou][a-z]r?$/
const WEAK = /^(?:ax|axr|ix|el|em|en)$/
const HEAVY = /^(?:aw|ay|ey|ow|oy|aa|ae|iy|uw)$/

/** The stress is on the vowel before them. */
const STRESSED_BEFORE = /(?:[cst]ion|[cst]ia|[cst]ian|ics?|ial|ious|[vnw]sk[iy])s?$/
/** On the one before that. */
const STRESSED_EARLIER = /(?:ity|ical|ify)s?$/
/** On the vowel before the i, where that is a vowel of its own. */
const STRESSED_BEFORE_I = /i(?:a|an|um|us|as|al|ant|ent|ous|ism)s?$/
const STRESSED_LAST = /(?:eer|ette|esque|oon|ee|ese|aire)$/
/** Names and words of Romance languages and Japanese: the last vowel is heard, the one before has the stress. */
const OPEN_END = /^.{4,}[aoi]$|e$/
/** Endings that leave the stress where it was. */
const NEUTRAL_END = /(?:ment|ness|able|ible|ish|er|ism|less|ful)$/
const PREFIX = /^(?:be|de|dis|em|en|im|in|re|un|mis|ad|con|com|ex|pre|pro)[^aeiou]/

/**
 * The stress is on the right vowel in 77 % of words; models/voice/README.md has what was measured. Heavy vowels
 * from two away have a secondary one.
 */
export function fromCmu(given: readonly string[], spelling: string): string {
  const phones = withAh(given, spelling)
  const vowels = vowelsOf(phones)
  const primary = stressed(phones, vowels, spelling)
  return phones
    .map((phone, i) => {
      const at = vowels.indexOf(i)
      if (at < 0) return isTapped(phones, i, primary) ? SYMBOLS.dx : (SYMBOLS[phone] ?? '')
      if (i === primary) return PRIMARY + stressedSymbol(phone)
      const distance = Math.abs(at - vowels.indexOf(primary ?? 0))
      return distance >= 2 && HEAVY.test(phone) && at < vowels.length - 1 ? `ˌ${SYMBOLS[phone]}` : weakSymbol(phone)
    })
    .join('')
}

function vowelsOf(phones: readonly string[]): number[] {
  return phones.flatMap((phone, i) => (VOWEL.test(phone) ? [i] : []))
}

/** The embedded engine says `aa` for the vowel of "cut", too: the spelling tells them apart, where it has as many vowels. */
function withAh(phones: readonly string[], spelling: string): string[] {
  const vowels = vowelsOf(phones)
  const written = spelling.toLowerCase().match(/[aeiouy]+(?!$)|[aiouy]+$|e+$/g) ?? []
  const isSilent = written.length === vowels.length + 1 && /[^aeiouy]e$/i.test(spelling)
  const isAligned = isSilent || written.length === vowels.length
  return phones.map((phone, i) => {
    const letters = isAligned ? written[vowels.indexOf(i)] : /[ao]/i.test(spelling) ? undefined : 'u'
    return phone === 'aa' && /^o?u$/.test(letters ?? '') ? 'ah' : phone
  })
}

/** Index of the phone with the stress. */
function stressed(phones: readonly string[], vowels: readonly number[], spelling: string): number | undefined {
  const word = spelling.toLowerCase()
  const full = vowels.filter((i) => !WEAK.test(phones[i] ?? ''))
  const first = full[0] ?? vowels[0]
  const fromEnd = (back: number): number | undefined => {
    const vowel = vowels.at(-1 - back)
    return vowel !== undefined && full.includes(vowel) ? vowel : undefined
  }
  if (STRESSED_BEFORE_I.test(word)) {
    const back = /isms?$/.test(word) ? 3 : 2
    const i = vowels.at(-back)
    if (i !== undefined && phones[i] === 'iy' && vowels.at(1 - back) === i + 1) return vowels.at(-1 - back) ?? first
  }
  if (STRESSED_LAST.test(word)) return vowels.at(-1)
  if (STRESSED_EARLIER.test(word)) return fromEnd(2) ?? first
  if (STRESSED_BEFORE.test(word)) return fromEnd(1) ?? first
  if (VOWEL.test(phones.at(-1) ?? '') && OPEN_END.test(word)) return fromEnd(1) ?? first
  if (vowels.length >= 4 && !NEUTRAL_END.test(word)) return fromEnd(2) ?? first
  return vowels.length === 2 && PREFIX.test(spelling) ? vowels[1] : first
}

/** Between a vowel (or r) and a weaker vowel. */
function isTapped(phones: readonly string[], i: number, primary: number | undefined): boolean {
  const before = phones[i - 1] ?? ''
  return phones[i] === 't' && (VOWEL.test(before) || before === 'r') && VOWEL.test(phones[i + 1] ?? '') && i + 1 !== primary
}

function stressedSymbol(phone: string): string {
  return phone === 'ax' ? 'ʌ' : phone === 'axr' ? 'ɜɹ' : (SYMBOLS[phone] ?? '')
}

function weakSymbol(phone: string): string {
  return phone === 'ah' ? 'ə' : phone === 'er' ? 'əɹ' : (SYMBOLS[phone] ?? '')
}
