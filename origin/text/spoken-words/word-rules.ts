/** Rules for addresses, names of things on computers, short forms and signs. */
import { PER_UNITS } from './measures.ts'
import { cardinalWords, digitWords } from './numbers.ts'
import type { SpokenRule } from './rule.ts'
import { ABBREVIATIONS, MONTHS, OPERATORS, READ_ACRONYMS, SHORT_WORDS, SIGNS, SPELT_ACRONYMS, SPELT_SIGNS, WEEKDAYS } from './words.ts'

/** Letters by their names. */
function spell(letters: string): string {
  return [...letters.toUpperCase()].join(' ')
}

const FILE_TYPES =
  'pdf|docx?|xlsx?|pptx?|txt|md|csv|json|ya?ml|xml|html?|css|m?[jt]sx?|py|rs|go|java|cpp|h|sh|exe|zip|gz|tar|png|jpe?g|gif|svg|mp[34]|wav|log|toml|ini|env'
const PRONOUNS = /^(?:(?:s?he|they|him|her|them|his|hers|their|theirs|it)(?:\/|$))+$/i
const DAY = Object.keys(WEEKDAYS)
  .sort((a, b) => b.length - a.length)
  .join('|')
const SITES = 'com|org|net|edu|gov|io|ai|dev|app|co|uk|de|fr|es|it|nl|eu|us|ca|au|jp|cn|in|info|biz|me|tv|ch|at|be|se|no'

/** A name on a computer: its signs by their names, its letters as words where they can be read. */
function nameWords(name: string): string {
  return name
    .replace(/[-_](?=\w)/g, ' ')
    .replace(/(\p{Ll})(?=\p{Lu})/gu, '$1 ')
    .replace(/\d+/g, (digits) => ` ${digits.length > 4 || digits.startsWith('0') ? digitWords(digits) : cardinalWords(digits)} `)
    .replace(/[./\\@:?=&#%+~_-]/g, (sign) => ` ${SPELT_SIGNS[sign]} `)
    .replace(/\b(?:[a-z]{1,3}|[A-Z]{2,4})\b/g, (word) =>
      /^(?:dot|at|and|[^aeiouy]{2,3})$/i.test(word) && !/^(?:dot|at|and)$/.test(word) ? spell(word) : word,
    )
    .replace(/\bjson\b/gi, 'jason')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Without the punctuation of the sentence; `tail` goes on as text. */
function withoutStops(text: string): string {
  return text.replace(/[.,;:!?)\]'"]+$/, '')
}

function siteWords(match: RegExpExecArray): string {
  const text = withoutStops(match[0])
  const tail = match[0].slice(text.length)
  const name = text
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/^www\./i, '')
    .replace(/[?#].*$/, '')
    .replace(/\/+$/, '')
  return nameWords(name) + tail
}

/** AT&T; Portland, OR 97201. */
function isNamePart(before: string, after: string): boolean {
  return /[&+]$/.test(before) || /^[&+]/.test(after) || (/\p{Lu}\p{Ll}+, $/u.test(before) && /^(?:[.,;!?)]|\s\d|$)/.test(after))
}

function capitalWords(match: RegExpExecArray): string | undefined {
  const [word] = match
  const { input, index } = match
  const isShouted =
    /[A-Z]{2,}[^A-Za-z\n]*$/.test(input.slice(0, index)) || /^[^A-Za-z\n]*[A-Z]{2,}\b/.test(input.slice(index + word.length))
  if (word === 'JSON') return 'jason'
  if (READ_ACRONYMS.has(word)) return word.toLowerCase()
  if (SPELT_ACRONYMS.has(word) && !(isShouted && /^(?:IT|US|AM|OK|AC|PIN|LA|HR|PR|AI|ETA)$/.test(word))) return spell(word)
  if (SHORT_WORDS.has(word) && !isNamePart(input.slice(0, index), input.slice(index + word.length))) return word.toLowerCase()
  if (/^[^AEIOUY]+$/.test(word)) return spell(word)
  return word.length <= 3 && !isShouted ? spell(word) : word.toLowerCase()
}

/** DON'T, I'LL; the genitive of an abbreviation is no contraction. */
function contractedWords([text, word = '']: RegExpExecArray): string | undefined {
  if (text.endsWith('S') && word !== 'IT' && SPELT_ACRONYMS.has(word)) return undefined
  return word === 'I' ? `I${text.slice(1).toLowerCase()}` : text.toLowerCase()
}

/** Before the numbers: names that have digits and stops in them. */
export const NAME_RULES: readonly SpokenRule[] = [
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, (m) => nameWords(withoutStops(m[0]))],
  [/\b(?:https?|wss?|ftp|file):\/\/[^\s<>]+/gi, siteWords],
  [/\bwww\.[^\s<>]+/gi, siteWords],
  [new RegExp(`(?<![\\w@.])(?:[a-z0-9-]+\\.)+(?:${SITES})(?![\\w-])(?:\\/[^\\s<>]*)?`, 'gi'), siteWords],
  // codes of several groups
  [
    /(?<![\w-])(?!\d{4}-\d{2}-\d{2})(?=[A-Z0-9-]*[A-Z])(?=[A-Z0-9-]*\d)[A-Z0-9]{1,8}(?:-[A-Z0-9]{1,8}){2,}(?![\w-])/g,
    (m) =>
      /^1-[89]/.test(m[0])
        ? undefined
        : m[0]
            .split('-')
            .map((group) =>
              group
                .replace(/[A-Z]+/g, (letters) => ` ${spell(letters)} `)
                .replace(/\d+/g, (digits) => ` ${digits.length > 2 ? digitWords(digits) : cardinalWords(digits)} `)
                .replace(/\s+/g, ' ')
                .trim(),
            )
            .join(', '),
  ],
  [/\b(C|c)\+\+/g, () => 'C plus plus'],
  [/\b([CFJ])#(?!\w)/g, (m) => `${m[1]} sharp`],
  [/\bASP\.NET\b/g, () => 'A S P dot net'],
  [/(?<!\w)\.NET\b/g, () => 'dot net'],
  [/\b(Node|Vue|Next|Nuxt|React|Three|Express)\.js\b/gi, (m) => `${m[1]} dot J S`],
  [
    /(?:\b[A-Za-z]:\\|~\/|\.{1,2}\/|(?<![\w<])\/)[\w.-]+(?:[/\\][\w.-]+)*/g,
    (m) => nameWords(withoutStops(m[0])) + m[0].slice(withoutStops(m[0]).length),
  ],
  [
    /\b[\w-]+(?:\/[\w.-]+){2,}/g,
    (m) => {
      const name = withoutStops(m[0])
      if (PRONOUNS.test(name)) return name.replaceAll('/', ' ') + m[0].slice(name.length)
      return /^[\d/]+$/.test(name) ? undefined : nameWords(name) + m[0].slice(name.length)
    },
  ],
  [new RegExp(`\\b[\\w-]+(?:\\.[\\w-]+)*\\.(?:${FILE_TYPES})\\b`, 'g'), (m) => (/^[\d.]+$/.test(m[0]) ? undefined : nameWords(m[0]))],
  [
    /#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b/g,
    (m) =>
      /^\d{1,3}$/.test(m[1] ?? '')
        ? undefined
        : `hash ${[...(m[1] ?? '')].map((one) => (/\d/.test(one) ? digitWords(one) : one.toUpperCase())).join(' ')}`,
  ],
  [
    /(?<!\w)#([A-Z]{1,4})-?(\d+)\b/g,
    (m) => `number ${spell(m[1] ?? '')} ${(m[2] ?? '').length > 2 ? digitWords(m[2] ?? '') : cardinalWords(m[2] ?? '')}`,
  ],
  [/(?<!\w)#([A-Za-z]\w*)/g, (m) => `hashtag ${nameWords(m[1] ?? '')}`],
  [/(?<!\w)@([A-Za-z]\w*)/g, (m) => `at ${nameWords(m[1] ?? '')}`],
  [/\b(iPhone|iPad|iPod|iCloud|iMac|eBay|iTunes)\b/g, (m) => `${m[0].slice(0, 1)} ${m[0].slice(1)}`],
  [/\b(macOS|iOS|tvOS)\b/g, (m) => m[0].replace('OS', ' O S').replace('mac', 'mack').replace(/^i /, 'I ')],
  [/\b[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+\b/g, (m) => nameWords(m[0].replace(/[A-Z]{2,}/g, (word) => word.toLowerCase()))],
  [/\b[a-z]+\d*(?:[A-Z][a-z0-9]+)+\b/g, (m) => nameWords(m[0])],
]

/** After the numbers. */
export const WORD_RULES: readonly SpokenRule[] = [
  // operators of programs and formulas
  [/\s?(&&|\|\||!==?|===?|<=|>=|[-=]>|:=)\s?/g, (m) => ` ${OPERATORS[m[1] ?? ''] ?? ''} `],
  [
    /\b([A-Za-z]+)([₀-₉]+)/g,
    ([, name = '', below = '']) => {
      const digits = [...below].map((digit) => digit.charCodeAt(0) - 0x2080).join('')
      return `${/^[A-Z]{1,2}$/.test(name) ? spell(name) : name} ${cardinalWords(digits)}`
    },
  ],
  [
    /(?<=(?:^|[^\p{L}])[a-z]|[\d)²³])\s-\s(?=[\d(]|[a-z]\b)/gu,
    (m) => (/\d$/.test(m.input.slice(0, m.index)) && /^\d/.test(m.input.slice(m.index + 3)) ? undefined : ' minus '),
  ],
  // a way through menus, grades
  [/(?<=\p{L}{2})\s[>›→]\s(?=\p{Lu}\p{L})/gu, () => ', '],
  [/\b([A-F])-(?=[\s.,;!?]|$)/g, (m) => `${m[1]} minus`],
  [
    /(?<=[\p{L}\p{N}.])\/([a-zA-Z]+)\b(?!\/)/gu,
    (m) =>
      PER_UNITS[m[1] ?? ''] === undefined || !/\d\s?[\p{L}$.]*$/u.test(m.input.slice(0, m.index))
        ? undefined
        : ` per ${PER_UNITS[m[1] ?? '']}`,
  ],
  // weekdays
  [new RegExp(`\\b(${DAY})\\.?\\s?[-–]\\s?(${DAY})\\b`, 'g'), (m) => `${WEEKDAYS[m[1] ?? '']} to ${WEEKDAYS[m[2] ?? '']}`],
  [new RegExp(`\\b(${DAY})(?=,? (?:\\d|${MONTHS.join('|')}))`, 'g'), (m) => WEEKDAYS[m[1] ?? '']],
  [/²/g, () => ' squared'],
  [/³/g, () => ' cubed'],
  [/(?<=[\p{L}\p{N})²³])\s?−\s?(?=[\p{L}\p{N}(√])/gu, () => ' minus '],
  [
    /\b(Sat|Sun)\.(?=,|\s(?:at|from|until|\d|[A-Z][a-z]{2,8}\.? \d))|(?<=\b(?:on|next|last|this|until|till|by|every|each|(?:[Tt]omorrow|[Tt]oday|[Yy]esterday) (?:is|was)) )(Sat|Sun)\./g,
    (m) => `${m[1] ?? m[2]}${(m[1] ?? m[2]) === 'Sat' ? 'urday' : 'day'}${/^\W*$/.test(m.input.slice(m.index + m[0].length)) ? '.' : ''}`,
  ],
  [/\bSt\.(?=\s\p{Lu})/gu, (m) => (/\p{Lu}\p{Ll}+\s$/u.test(m.input.slice(0, m.index)) ? 'street' : 'saint')],
  [/\bSt\./g, () => 'street'],
  [
    new RegExp(
      `(?<![\\p{L}\\p{N}.])(?:${Object.keys(ABBREVIATIONS)
        .sort((a, b) => b.length - a.length)
        .map((name) => name.replace(/[.*+?^$()|/]/g, '\\$&'))
        .join('|')})(?![\\p{L}\\p{N}])`,
      'gu',
    ),
    (m) => {
      const isLast = m[0].endsWith('.') && /^\W*$/.test(m.input.slice(m.index + m[0].length))
      return `${ABBREVIATIONS[m[0]]}${isLast ? '.' : ''}`
    },
  ],
  [/\bPh\.?D\b\.?(?!$)/g, () => 'P H D'],
  [
    /(?<![\p{L}.])\p{L}\.(?:\s?\p{L}\.)+/gu,
    (m) => spell(m[0].replace(/[\s.]/g, '')) + (/^\W*$/.test(m.input.slice(m.index + m[0].length)) ? '.' : ''),
  ],
  [/(?<![\p{L}.'’])\p{Lu}\.(?=\s\p{Lu})/gu, (m) => m[0].slice(0, 1)],
  [/\b([A-Z])&([A-Z])\b/g, (m) => `${m[1]} and ${m[2]}`],
  [/\b([A-Z]{2,5})s\b/g, (m) => (READ_ACRONYMS.has(m[1] ?? '') ? `${m[1]?.toLowerCase()}s` : `${spell(m[1] ?? '')}'s`)],
  [/\b([A-Z]+)['’](?:T|S|D|M|LL|RE|VE)\b/g, contractedWords],
  [/(?<![\p{L}\p{N}])[A-Z]{2,}(?![\p{L}\p{N}])/gu, capitalWords],
  [/\b([a-z]{2,})\/([a-z]{2,})\b/gi, (m) => `${m[1]} ${m[2]}`],
  [/(?<=\d\s?)x(?=\s?\d)/g, () => ' by '],
  [/(?<=\d|\d(?:st|nd|rd|th)|\d\s?[ap]\.?m\.?)\s?[-–—]\s?(?=\d)/gi, () => ' to '],
  [/(?<!\w)@(?=\s)/g, () => 'at'],
  [
    new RegExp(
      `[${Object.keys(SIGNS)
        .join('')
        .replace(/[\\\]^-]/g, '\\$&')}]`,
      'gu',
    ),
    (m) => SIGNS[m[0]] ?? '',
  ],
]
