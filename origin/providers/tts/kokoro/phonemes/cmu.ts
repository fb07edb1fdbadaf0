/** Kokoro's symbols as CMU phones, which the mouth reads. */
import type { Phone } from '../../types.ts'

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
