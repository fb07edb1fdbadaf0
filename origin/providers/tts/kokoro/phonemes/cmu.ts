/** Between Kokoro's symbols and CMU phones: the mouth reads phones, and the letter rules for unknown words give them. */
import type { Phone } from '../../types.ts'
import { PRIMARY } from './stress.ts'

const PAUSE = 'pau'
/** s; a space that lasts longer is heard as a pause, a shorter one belongs to the sound before it. */
const HEARD_SPACE_S = 0.1

const SOUNDS: Readonly<Record<string, string>> = {
  aa: 'ɑɒa',
  ae: 'æ',
  ah: 'ʌɐ',
  ao: 'ɔœ',
  aw: 'W',
  ax: 'əᵊɚɤ',
  ay: 'I',
  b: 'bβ',
  ch: 'ʧʨ',
  d: 'dTɾɖɟɽ',
  dh: 'ð',
  eh: 'ɛeø',
  er: 'ɜ',
  ey: 'A',
  f: 'fɸ',
  g: 'ɡɣɰ',
  hh: 'hxçχʰ',
  ih: 'ɪᵻɨ',
  iy: 'iy',
  jh: 'ʤʣʥ',
  k: 'kcqʔ',
  l: 'lʎ',
  m: 'm',
  n: 'nɳɲɴ',
  ng: 'ŋ',
  ow: 'OQo',
  oy: 'Y',
  p: 'p',
  r: 'ɹrʁɻ',
  s: 's',
  sh: 'ʃSɕʂ',
  t: 'tʈʦ',
  th: 'θ',
  uh: 'ʊ',
  uw: 'uɯ',
  v: 'vʋ',
  w: 'wɥᵝ',
  y: 'jʝʲ',
  z: 'zꭧ',
  zh: 'ʒ',
  [PAUSE]: ' ;:,.!?—…"()“”',
}
const CMU = new Map(Object.entries(SOUNDS).flatMap(([name, symbols]) => [...symbols].map((symbol) => [symbol, name] as const)))
/** Before the sound that they belong to; other marks stand after it. */
const MARKS_BEFORE = /[ˈˌ]/

/** CMU name of a symbol; undefined for marks (stress, length, tone), which belong to a neighbour. */
export function cmuOf(symbol: string): string | undefined {
  return CMU.get(symbol)
}

/**
 * Phones of a phoneme string with their times, without gaps from 0 to the sum of the durations.
 *
 * @param durationsS one per symbol of `phonemes`
 * @throws RangeError when there are more or fewer
 */
export function phonesOf(phonemes: string, durationsS: readonly number[]): Phone[] {
  const symbols = [...phonemes]
  if (symbols.length !== durationsS.length) throw new RangeError(`${symbols.length} symbols, ${durationsS.length} durations`)
  const phones: Phone[] = []
  let atS = 0
  let openedS = 0
  for (const [i, symbol] of symbols.entries()) {
    const name = cmuOf(symbol)
    const lastsS = durationsS[i] ?? 0
    const before = phones.at(-1)
    atS += lastsS
    if (name === undefined && MARKS_BEFORE.test(symbol)) continue
    const isPart = name === undefined || (symbol === ' ' && lastsS < HEARD_SPACE_S) || (name === PAUSE && before?.name === PAUSE)
    if (isPart && before) before.endS = atS
    else if (name !== undefined && !isPart && atS > openedS) phones.push({ name, startS: openedS, endS: atS })
    else continue
    openedS = atS
  }
  const last = phones.at(-1)
  if (last) last.endS = atS
  return phones
}

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
const VOWEL = /^(?:[aeiou][a-z]r?)$/
const WEAK = /^(?:ax|axr|ix|el|em|en)$/
/** Spellings that have the stress on the vowel before them. */
const STRESSED_BEFORE = /(?:[cst]ion|[cst]ia|[cst]ian|ity|ical|ics?|ify|ial|ious|[vnw]sk[iy])s?$/
/** Names and words of Romance languages and Japanese: the last vowel is heard, the one before has the stress. */
const OPEN_END = /^.{4,}[aoi]$|e$/
const HEAVY = /^(?:aw|ay|ey|ow|oy|aa|ae|iy|uw)$/

/**
 * Phonemes of an unknown word, from phones that say nothing about stress: it is on the first full vowel, or on the one before an ending
 * that attracts it; heavy vowels from two after it have a secondary one.
 */
export function fromCmu(phones: readonly string[], spelling: string): string {
  const vowels = phones.flatMap((phone, i) => (VOWEL.test(phone) ? [i] : []))
  const full = vowels.filter((i) => !WEAK.test(phones[i] ?? ''))
  const back = stressFromEnd(spelling.toLowerCase(), VOWEL.test(phones.at(-1) ?? ''))
  const attracted = back === undefined ? undefined : vowels.at(-1 - back)
  const primary = (attracted !== undefined && full.includes(attracted) ? attracted : undefined) ?? full[0] ?? vowels[0]
  return phones
    .map((phone, i) => {
      const at = vowels.indexOf(i)
      if (at < 0) return tapped(phones, i) ? SYMBOLS.dx : (SYMBOLS[phone] ?? '')
      if (i === primary) return PRIMARY + stressedSymbol(phone)
      const distance = Math.abs(at - vowels.indexOf(primary ?? 0))
      if (distance >= 2 && HEAVY.test(phone) && at < vowels.length - 1) return `ˌ${SYMBOLS[phone]}`
      return weakSymbol(phone)
    })
    .join('')

  /** Between a vowel (or r) and a weaker vowel. */
  function tapped(all: readonly string[], i: number): boolean {
    const before = all[i - 1] ?? ''
    return all[i] === 't' && (VOWEL.test(before) || before === 'r') && VOWEL.test(all[i + 1] ?? '') && i + 1 !== primary
  }
}

/** Vowels after the stressed one, where the spelling tells. */
function stressFromEnd(spelling: string, isOpen: boolean): number | undefined {
  const ending = STRESSED_BEFORE.exec(spelling)?.[0]
  if (ending !== undefined) return /(?:ity|ical|ify)s?$/.test(ending) ? 2 : 1
  return isOpen && OPEN_END.test(spelling) ? 1 : undefined
}

function stressedSymbol(phone: string): string {
  return phone === 'ax' ? 'ʌ' : phone === 'axr' ? 'ɜɹ' : (SYMBOLS[phone] ?? '')
}

function weakSymbol(phone: string): string {
  return phone === 'ah' ? 'ə' : phone === 'er' ? 'əɹ' : (SYMBOLS[phone] ?? '')
}
