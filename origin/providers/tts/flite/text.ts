/** Spoken English words, turned into what the embedded voice can read: ASCII, with its pauses. */
import { spokenWords } from '../../../text/spoken-words/index.ts'

/** Longest spoken text of one request, characters. Callers send clauses of at most 300, which numbers make longer. */
export const MAX_TEXT_CHARS = 1_200

/** s of silence after a clause, by what it ends in: the rhythm of several. */
const PAUSE_AFTER_S = { sentence: 0.22, comma: 0.12, other: 0.06 } as const
/** s of silence for a text that has nothing to say. */
export const NOTHING_S = 0.12

/** In order: later rules see what earlier ones made. */
const RULES: readonly (readonly [RegExp, string | ((match: string, ...groups: string[]) => string)])[] = [
  // Marks of typesetting.
  [/```|\*\*|__|[*`~^|\\{}<>]+/g, ' '],
  [/(?<![\w])[_#]+|_+(?![\w])/g, ' '],
  [/[\u2018\u2019\u201b\u2032\u02bc]/g, "'"],
  [/[\u201c\u201d\u201e\u2033\u00ab\u00bb"]/g, ' '],
  [/\s*[\u2013\u2014\u2015]\s*|\s+-+\s+/g, ', '],
  [/\u2026|\.{3,}/g, ', '],
  // Sounds that the engine would spell.
  [/\b[Hh]m+\b/g, 'hum'],
  [/\b([Aa]|[Oo]|[Uu])h{2,}\b/g, '$1h'],
  // Letters beyond ASCII whose decomposition does not reach it.
  [/[\u00e6\u00c6]/g, 'ae'],
  [/[\u00f8\u00d8]/g, 'o'],
  [/\u00df/g, 'ss'],
  [/[\u0141\u0142]/g, 'l'],
]

/**
 * Text as the engine gets it: one line of printable ASCII without markup, at most MAX_TEXT_CHARS long.
 *
 * @returns '' when nothing in it can be spoken (only emoji, only a script that the voice does not know)
 */
export function speakableText(text: string): string {
  let out = spokenWords(text.slice(0, MAX_TEXT_CHARS))
  for (const [pattern, replacement] of RULES) {
    out = typeof replacement === 'string' ? out.replace(pattern, replacement) : out.replace(pattern, replacement)
  }
  out = out
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/ (?=[,.;:!?])/g, '')
    // A leading sign would be taken for a pause, or by other programs for an option.
    .replace(/^[\s\-,.;:!?/]+/, '')
    .trim()
  if (!/[A-Za-z0-9]/.test(out)) return ''
  if (out.length <= MAX_TEXT_CHARS) return out
  const space = out.lastIndexOf(' ', MAX_TEXT_CHARS)
  return out.slice(0, space > MAX_TEXT_CHARS / 2 ? space : MAX_TEXT_CHARS)
}

/** Seconds of silence that belong after a clause; short where the sentence goes on. */
export function pauseAfterS(text: string): number {
  if (/[.!?]\W*$/.test(text)) return PAUSE_AFTER_S.sentence
  return /[,;:]\W*$/.test(text) ? PAUSE_AFTER_S.comma : PAUSE_AFTER_S.other
}
