/** Rules for what is written in digits. */
import { CURRENCIES, MAGNITUDES, PER_UNITS, UNITS } from './measures.ts'
import { cardinalWords, decadeWords, digitWords, numberWords, ordinalWords, romanValue, yearWords } from './numbers.ts'
import type { SpokenRule } from './rule.ts'
import { COUNTED, MONTHS, SIGNS } from './words.ts'

const any = (words: readonly string[]): string =>
  [...words]
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .join('|')

// the second form is India's: 2,00,000
const NUMBER = '(?:\\d{1,3}(?:,\\d{3})+|\\d{1,2}(?:,\\d{2})+,\\d{3}|\\d+)(?:\\.\\d+)?'
const MONTH = `${any(MONTHS)}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec`
const SIGN = any(['US$', '$', '€', '£', '¥', '₹', '₩', '₽'])
const CODE = any(Object.keys(CURRENCIES).filter((name) => /^[A-Z]{3}$/.test(name)))
const MAGNITUDE = any(Object.keys(MAGNITUDES))
const LETTER_UNIT = any(Object.keys(UNITS).filter((name) => /^[A-Za-z]{2,}$/.test(name)))
/** What something is counted by, after a slash. */
const PER = `(?:${any(Object.keys(PER_UNITS))})`
const DASH = '\\s?[-–—]\\s?'
const POWERS: Readonly<Record<string, string>> = { 2: 'squared', 3: 'cubed' }
const FRACTIONS: Readonly<Record<number, string>> = { 2: 'half', 3: 'third', 4: 'quarter' }

function moneyWords(amount: string, magnitude: string | undefined, sign: string): string {
  const [one, many, cent] = CURRENCIES[sign] ?? ['', '', '']
  if (magnitude) return `${numberWords(amount)} ${MAGNITUDES[magnitude]} ${many}`
  const [whole = '', decimals = ''] = amount.split('.')
  if (decimals !== '' && decimals.length !== 2) return `${numberWords(amount)} ${many}`
  const units = `${cardinalWords(whole)} ${whole === '1' ? one : many}`
  if (Number(decimals) === 0) return units
  const cents = `${cardinalWords(String(Number(decimals)))} ${cent === 'penny' ? 'pence' : Number(decimals) === 1 ? cent : `${cent}s`}`
  return Number(whole) === 0 ? cents : `${units} and ${cents}`
}

function timeWords(hour: string, minute: string, half: string | undefined): string {
  const after = half ? ` ${half.toUpperCase()} M` : ''
  const h = cardinalWords(String(Number(hour)))
  if (Number(minute) === 0) return half ? `${h}${after}` : Number(hour) > 12 ? `${h} hundred` : `${h} o'clock`
  return `${h} ${minute.startsWith('0') ? 'oh ' : ''}${cardinalWords(String(Number(minute)))}${after}`
}

function counted(amount: string, name: string): string {
  return `${cardinalWords(String(Number(amount)))} ${name}${Number(amount) === 1 ? '' : 's'}`
}

function monthOf(name: string): string {
  return MONTHS.find((month) => month.startsWith(name.slice(0, 3))) ?? name
}

function dateWords(year: string | undefined, month: number, day: string): string | undefined {
  const name = MONTHS[month - 1]
  if (!name || Number(day) < 1 || Number(day) > 31) return undefined
  return `${name} ${ordinalWords(String(Number(day)))}${year ? `, ${yearWords(year)}` : ''}`
}

function fractionWords(top: string, bottom: string): string | undefined {
  const [n, d] = [Number(top), Number(bottom)]
  if (top === '24' && bottom === '7') return 'twenty-four seven'
  if (top === '9' && bottom === '11') return 'nine eleven'
  if (top === '50' && bottom === '50') return 'fifty-fifty'
  if (d < 2 || d > 100 || n < 1) return undefined
  if (n > d && d > 20) return `${cardinalWords(top)} over ${cardinalWords(bottom)}`
  if (n >= d) return `${cardinalWords(top)} out of ${cardinalWords(bottom)}`
  const part = FRACTIONS[d] ?? ordinalWords(bottom)
  return `${cardinalWords(top)} ${n === 1 ? part : d === 2 ? 'halves' : `${part}s`}`
}

function unitWords(amount: string, unit: string): string {
  const name = UNITS[unit] ?? unit
  if (amount !== '1' || !/s(?: |$)/.test(name) || unit === 'x') return name === 'feet' && amount === '1' ? 'foot' : name
  return name.replace(/inches$/, 'inch').replace(/s(?= per| Cel| Fah|$)/, '')
}

/** Digits of a code: in pairs where there are four, else one by one. */
function codeWords(digits: string): string {
  if (digits.length === 4 && !digits.startsWith('0') && !/00$/.test(digits)) return yearWords(digits)
  return digits.length <= 2 && !digits.startsWith('0') ? cardinalWords(digits) : digitWords(digits)
}

/** Before a number with a letter. */
const PLACED =
  /\b(?:exit|gate|room|apt\.?|apartment|unit|flat|seat|row|line|section|article|bus|block|level|platform|building|suite|hall|number|no\.|figure|table|item|appendix|terminal|stand|lot|bay) $/i
const REGENTS =
  'Henry|Louis|George|Edward|Charles|James|William|Richard|Elizabeth|Mary|Philip|Francis|Napoleon|Ramses|Pope|Paul|Pius|John|Benedict|Leo|Gregory|Frederick|Wilhelm|Nicholas|Alexander|Catherine|Peter|Ivan'

export const NUMBER_RULES: readonly SpokenRule[] = [
  // addresses of machines, versions
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::(\d+))?\b/g, (m) => m[0].replace(/\d+/g, cardinalWords).replaceAll('.', ' dot ').replace(':', ' port ')],
  [/\b[vV](?:ersion )?(\d+(?:\.\d+)*)\b(?!\.\d)/g, (m) => `version ${m[1]?.split('.').map(cardinalWords).join(' point ')}`],
  [/(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)/g, (m) => m[0].split('.').map(cardinalWords).join(' point ')],
  // dates
  [
    /(?<!\d)(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\d-])/g,
    ([, year, month, day = '', hour, minute]) => {
      const date = dateWords(year, Number(month), day)
      return date && hour && minute ? `${date}, ${timeWords(hour, minute, undefined)}` : date
    },
  ],
  [
    /(?<![\d/])(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})(?![\d/])/g,
    ([, a = '', b = '', year = '']) => {
      const full = year.length === 4 ? year : `20${year}`
      return Number(a) > 12 ? dateWords(full, Number(b), a) : dateWords(full, Number(a), b)
    },
  ],
  [
    new RegExp(`\\b(${MONTH})\\.? (\\d{1,2})(?:st|nd|rd|th)?(?:,? (\\d{4}))?(?![\\d:%])(?!,\\d)`, 'g'),
    ([, month = '', day = '', year]) => dateWords(year, MONTHS.indexOf(monthOf(month)) + 1, day),
  ],
  [
    new RegExp(`(?<![\\d.,])(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${any(MONTHS)})(?: (\\d{4}))?\\b`, 'g'),
    ([, day = '', month = '', year]) => `the ${ordinalWords(day)} of ${month}${year ? `, ${yearWords(year)}` : ''}`,
  ],
  // durations
  [
    /(?<![\w.])(\d+)\s?h(?:rs?\.?|ours?)?\s?(\d{1,2})(?:\s?m(?:ins?\.?)?)?(?:\s?(\d{1,2})\s?s(?:ecs?\.?)?)?(?![\w/])/g,
    ([, hours = '', minutes = '', seconds]) =>
      `${counted(hours, 'hour')} ${counted(minutes, 'minute')}${seconds ? ` ${counted(seconds, 'second')}` : ''}`,
  ],
  [
    /(?<![\w.])(\d+)\s?m(?:ins?\.?)?\s?(\d{1,2})\s?s(?:ecs?\.?)?(?![\w/])/g,
    ([, minutes = '', seconds = '']) => `${counted(minutes, 'minute')} ${counted(seconds, 'second')}`,
  ],
  // decades
  [/(?<![\d.])['’]?(\d{4}|\d0)['’]?s\b/g, (m) => decadeWords(m[1] ?? '')],
  [/\bc\. ?(?=\d{3,4}\b)/g, () => 'about '],
  [/(?<=\d(?:st|nd|rd|th) )c\./gi, (m) => `century${/^\W*$/.test(m.input.slice(m.index + m[0].length)) ? '.' : ''}`],
  // telephone, card and book numbers
  [
    /\b(1[- ])?\(?(8\d\d|900)\)?[- ]([A-Z]{3,}(?:-[A-Z]+)?)\b/g,
    ([, one, area = '', name = '']) =>
      `${one ? 'one ' : ''}${area.endsWith('00') ? cardinalWords(area) : digitWords(area)} ${name.toLowerCase().replace('-', ' ')}`,
  ],
  [
    /(?<![\d.,-])(\+?)(\(?\d{1,4}\)?(?:[ .-]?\(?\d{2,4}\)?){2,5})(?![\d.,]*\d)/g,
    (m) => {
      const digits = (m[2] ?? '').replace(/\D/g, '').length
      if (digits < 9 || !(m[1] || /\D/.test(m[2] ?? ''))) return undefined
      return `${m[1] ? 'plus ' : ''}${digitWords(m[2] ?? '')}`
    },
  ],
  [/(?<![\d.,-])\d{3}-\d{4}(?![\d-])/g, (m) => digitWords(m[0])],
  [/\b(?:97[89]-)?(?:\d+-){2,4}[\dX]\b/g, (m) => digitWords(m[0])],
  [/(?<=\b(?:call|dial|ring|text|code|PIN|extension) )\d{3,6}\b(?![.,]\d)/gi, (m) => digitWords(m[0])],
  // times
  [
    /(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([aApP])\.?\s?[mM]\b\.?)?(?![\d:])/g,
    ([, hour = '', minute = '', second, half]) => {
      if (Number(hour) > 24 || Number(minute) > 59 || Number(second ?? 0) > 59) return undefined
      const seconds = Number(second ?? 0) === 0 ? '' : ` and ${counted(second ?? '', 'second')}`
      return timeWords(hour, minute, half) + seconds
    },
  ],
  [/(?<![\d:.])(\d{1,2})\s?([aApP])\.?[mM]\b(?:\.(?!\s*$))?/g, ([, hour = '', half]) => timeWords(hour, '00', half)],
  // money
  [
    new RegExp(`(?<=\\b(?:[Aa]n?|[Aa]nother|[Ee]ach|[Ee]very) )(${SIGN})(${NUMBER})(?:\\s?(${MAGNITUDE})\\b)?(?=[ -]\\p{Ll})`, 'gu'),
    ([, sign = '', amount = '', magnitude]) => {
      const [one = ''] = CURRENCIES[sign] ?? []
      return moneyWords(amount, magnitude, sign).replace(/(\w+)s$/, (word, base) => (word === `${one}s` || base === 'cent' ? base : word))
    },
  ],
  [
    new RegExp(`([-−]?)(${SIGN})\\s?(${NUMBER})(?:${DASH}(?:${SIGN})?(${NUMBER}))?(?:\\s?(${MAGNITUDE})\\b)?`, 'g'),
    ([, minus, sign = '', amount = '', until, magnitude]) =>
      `${minus ? 'minus ' : ''}${until ? `${numberWords(amount)} to ` : ''}${moneyWords(until ?? amount, magnitude, sign)}`,
  ],
  [new RegExp(`\\b(${CODE})\\s?(${NUMBER})(?:\\s?(${MAGNITUDE})\\b)?`, 'g'), (m) => moneyWords(m[2] ?? '', m[3], m[1] ?? '')],
  [
    new RegExp(`(?<![\\w.])(${NUMBER})(?:\\s?(${MAGNITUDE}))?\\s?(${SIGN}|${CODE})(?![\\w])`, 'g'),
    (m) => moneyWords(m[1] ?? '', m[2], m[3] ?? ''),
  ],
  // measures
  [/\b(\d+)['′’](\d{1,2})(?:["″”]|'')/g, (m) => `${cardinalWords(m[1] ?? '')} foot ${cardinalWords(m[2] ?? '')}`],
  [/\b(\d+)['′](?=[\s,.]|$)/g, (m) => `${cardinalWords(m[1] ?? '')} feet`],
  [/\b(\d+)["″](?=[\s,.]|$)/g, (m) => `${cardinalWords(m[1] ?? '')} inches`],
  [
    new RegExp(`(?<=\\b[Aa]n? )(${NUMBER})[ -]?(${LETTER_UNIT})\\.?(?=[ -]\\p{Ll})`, 'gu'),
    ([, amount = '', unit = '']) => `${numberWords(amount)} ${unitWords('1', unit)}`,
  ],
  [
    new RegExp(
      `(?<![\\w.]|\\d/)([-−+]?)(${NUMBER})(?:${DASH}(${NUMBER}))?\\s?(${any(Object.keys(UNITS))})(?![\\p{L}\\p{N}²³])(?!/(?!${PER}\\b))(?!['’]\\p{L})(?:(?<=\\p{L}{2})\\.(?=\\s\\p{Ll}))?`,
      'gu',
    ),
    ({ 0: whole, 1: sign = '', 2: amount = '', 3: until, 4: unit = '', input, index }) => {
      if (/^[A-Za-z]$/.test(unit) && /\s/.test(whole.at(-2) ?? '') && /^[sxhAVWl]$/.test(unit)) return undefined
      // a place with a letter, a variable
      if (/^[A-Z]$/.test(unit) && PLACED.test(input.slice(0, index))) return undefined
      if (unit === 'x' && /^\s?[\^=+*/²³−-]/.test(input.slice(index + whole.length)) && !/^\/day/.test(input.slice(index + whole.length)))
        return undefined
      return `${numberWords(sign + amount)}${until ? ` to ${numberWords(until)}` : ''} ${unitWords(until ?? amount, unit)}`
    },
  ],
  [
    new RegExp(`(?<=[½⅓⅔¼¾⅛]\\s?|\\d\\/\\d{1,2} )(${LETTER_UNIT})\\b(?:\\.(?=\\s\\p{Ll}))?`, 'gu'),
    ([, unit = '']) => ` ${unitWords('1', unit)}`,
  ],
  // fractions, powers
  [
    /(?<![\w/.])(?:(\d+)[ -])?(\d{1,3})\/(\d{1,3})(?![\w/])/g,
    ([, whole, top = '', bottom = '']) => {
      const words = fractionWords(top, bottom)
      return words && whole ? `${cardinalWords(whole)} and ${words.replace(/^one (?=half|quarter)/, 'a ')}` : words
    },
  ],
  [
    /(?:(\d+)\s?)?([½⅓⅔¼¾⅛])/g,
    ([, whole, part = '']) =>
      whole ? `${cardinalWords(whole)} and ${SIGNS[part]?.replace(/^one (?=half|quarter)/, 'a ')}` : (SIGNS[part] ?? ''),
  ],
  [
    new RegExp(`(?<![\\w.])(${NUMBER})[eE]([-+]?\\d+)\\b`, 'g'),
    (m) => `${numberWords(m[1] ?? '')} times ten to the ${numberWords((m[2] ?? '').replace('+', ''))}`,
  ],
  [/\b(\d+)\^([-−]?\d+)/g, (m) => `${cardinalWords(m[1] ?? '')} to the ${numberWords(m[2] ?? '')}`],
  [/(?<=[\p{L})])\^([-−]?\d+)/gu, ([, power = '']) => ` ${POWERS[power] ?? `to the ${numberWords(power)}`}`],
  // ranges, scores, ratios, ordinals
  [
    new RegExp(`(?<![\\w.,-])(${NUMBER})(?:[-–—]|\\s[–—]\\s)(${NUMBER})(?![\\w-])(?!\\.\\d)`, 'g'),
    ([, from = '', to = '']) => {
      const read = (text: string): string => (/^(?:1[1-9]|20)\d\d$/.test(text) ? yearWords(text) : numberWords(text))
      return `${read(from)} to ${read(to)}`
    },
  ],
  [/(?<![\d:])(\d+):(\d+)(?![\d:])/g, (m) => `${cardinalWords(m[1] ?? '')} to ${cardinalWords(m[2] ?? '')}`],
  [/\b(\d[\d,]*)(?:st|nd|rd|th)\b/gi, (m) => ordinalWords(m[1] ?? '')],
  // counted things
  [new RegExp(`(?<![\\p{L}\\p{N}])(${any(Object.keys(COUNTED))})\\s?(?=\\d|[IVX]+\\b)`, 'gu'), ([, name = '']) => `${COUNTED[name]} `],
  [/#(?=\d+\b(?![a-f]))/g, () => 'number '],
  [/\bWW(II|I|2|1)\b/g, (m) => `World War ${m[1] === 'II' || m[1] === '2' ? 'two' : 'one'}`],
  // codes: flights, products, sizes
  [
    /\b([A-Z]{1,4})[ -]?(\d{1,5})(?![\d.,:%]\d)\b/g,
    ([whole, letters = '', digits = '']) =>
      /^(?:I|A|IN|OF|AT|ON|BY|TO|IS|AND|THE)$/.test(letters) && whole.includes(' ')
        ? undefined
        : `${[...letters].join(' ')} ${codeWords(digits)}`,
  ],
  // Roman numerals
  [new RegExp(`(?<=\\b(?:${REGENTS}) )([IVX]+)\\b(?!\\.\\s?[A-Z]\\.)`, 'g'), (m) => `the ${ordinalWords(String(romanValue(m[0])))}`],
  [
    /(?<=\b(?:Chapter|Part|Act|Scene|Volume|Book|Section|Article|War|Phase|Type|Level|Title|Class|Bowl|Rocky|Episode|Appendix|Figure|Table|[Vv]ol\.|[Cc]h\.|[Ss]ec\.|[Ff]ig\.) )([IVXLC]+)\b/g,
    (m) => cardinalWords(String(romanValue(m[0]))),
  ],
  // zeros in front, years, the rest
  [/(?<![\d.,])0\d+\b(?!\.\d)/g, (m) => digitWords(m[0])],
  [
    /(?<![\d.,:/$€£-])(?:1[1-9]\d\d|20\d\d)(?![\d:/%]|[.,]\d)\b/g,
    (m) => {
      const after = m.input.slice(m.index + 4)
      const before = m.input.slice(0, m.index)
      if (/\b(?:in|since|until|till|year|early|late|mid|circa|around|spring|summer|autumn|fall|winter|before|after)\s$/i.test(before))
        return yearWords(m[0])
      return /^ (?:(?:new|more|different|other|of|full)\b|[a-z]+s\b(?<! (?:was|is|has)))/.test(after) ? undefined : yearWords(m[0])
    },
  ],
  [
    new RegExp(`(?<![\\p{L}\\d.,])([-−+](?=\\d))?(${NUMBER}|\\.\\d+)`, 'gu'),
    ([, sign = '', amount = '']) => numberWords(sign + (amount.startsWith('.') ? `0${amount}` : amount)),
  ],
  [/\d+/g, (m) => cardinalWords(m[0])],
]
