/** English words of numbers. */

const ONES = `zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
  nineteen`.split(/\s+/)
const TENS = 'zero ten twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const SCALES = ['', ' thousand', ' million', ' billion', ' trillion']
const MAX_DIGITS = 15
const ORDINALS: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
}

function belowThousand(n: number): string {
  if (n < 20) return ONES[n] ?? ''
  if (n < 100) return `${TENS[Math.floor(n / 10)]}${n % 10 ? ` ${ONES[n % 10]}` : ''}`
  return `${ONES[Math.floor(n / 100)]} hundred${n % 100 ? ` ${belowThousand(n % 100)}` : ''}`
}

/** Each digit by its name; other characters separate groups. */
export function digitWords(text: string): string {
  return text
    .split(/\D+/)
    .filter((group) => group !== '')
    .map((group) => [...group].map((digit) => ONES[Number(digit)]).join(' '))
    .join(', ')
}

/** @param digits may have commas; longer numbers than trillions and those with zeros in front are read digit by digit */
export function cardinalWords(digits: string): string {
  const plain = digits.replace(/\D/g, '')
  if (plain.length > MAX_DIGITS || /^0\d/.test(plain)) return digitWords(plain)
  let rest = Number(plain)
  if (rest === 0) return 'zero'
  const parts: string[] = []
  for (let scale = 0; rest > 0; scale++) {
    const group = rest % 1000
    if (group > 0) parts.unshift(`${belowThousand(group)}${SCALES[scale]}`)
    rest = Math.floor(rest / 1000)
  }
  return parts.join(' ')
}

/** A number with a sign and decimals: `-1,200.50`. */
export function numberWords(text: string): string {
  const [whole = '', decimals] = text.replace(/^[-−+]/, '').split('.')
  const sign = /^[-−]/.test(text) ? 'minus ' : text.startsWith('+') ? 'plus ' : ''
  return `${sign}${cardinalWords(whole || '0')}${decimals ? ` point ${digitWords(decimals)}` : ''}`
}

export function ordinalWords(digits: string): string {
  const words = cardinalWords(digits).split(' ')
  const last = words.pop() ?? ''
  return [...words, ORDINALS[last] ?? (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last.replace(/t$/, 't')}th`)].join(' ')
}

/** `1984`, `2005`, `1900`: four digits as years are read. */
export function yearWords(digits: string): string {
  const year = Number(digits)
  const [century, rest] = [Math.floor(year / 100), year % 100]
  if (digits.length !== 4 || year < 1000 || (century % 10 === 0 && rest < 10)) return cardinalWords(digits)
  if (rest === 0) return `${cardinalWords(String(century))} hundred`
  return `${cardinalWords(String(century))} ${rest < 10 ? `oh ${ONES[rest]}` : belowThousand(rest)}`
}

/** `the 1990s`, `the '80s`. */
export function decadeWords(digits: string): string {
  const words = digits.length === 4 ? yearWords(digits) : belowThousand(Number(digits))
  return words.endsWith('y') ? `${words.slice(0, -1)}ies` : `${words}s`
}

const NUMERALS: Readonly<Record<string, number>> = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 }

/** Value of a Roman numeral. */
export function romanValue(numeral: string): number {
  const values = [...numeral].map((sign) => NUMERALS[sign] ?? 0)
  return values.reduce((sum, value, i) => sum + (value < (values[i + 1] ?? 0) ? -value : value), 0)
}
