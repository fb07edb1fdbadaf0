/** Whether a sentence ends at a mark, as a reader would see it. Decisions never change when more text follows. */
import {
  AFTER_ORDINALS,
  AFTER_TIMES,
  BEFORE_NAMES,
  BEFORE_NUMBERS,
  BEFORE_ORDINALS,
  BEGINNERS,
  MAY_END,
  MAY_END_BEFORE_CAPITALS,
  MID_SENTENCE,
  MID_SENTENCE_SPACED,
  NAME_PARTICLES,
  NEVER_LAST,
} from './abbreviations.ts'

/** Characters of the next word that are looked at, at most. */
const MAX_WORD_CHARS = 24
/** A mark with its repetitions, closers and white space; longer ones are cut. */
const MAX_MARK_CHARS = 32
/** A line of this many characters was probably wrapped by a program. */
const WRAPPED_LINE_CHARS = 50

/** Marks that are always followed by a space when they end a sentence. */
const WESTERN = /[.!?…‽]/
/** Marks that end a sentence whatever follows. */
const OTHER = /[。！？｡．؟۔।॥።။។։]/
const CLOSERS = /["'”’“‘»›)\]}」』）】》〉*_~`]/
const OPENERS = /["'“‘„«‹([{「『（【《〈¿¡*_~`#>\-–—•·‣▪◦]/
const SPACE = /\s/
const WORD_SIGN = /[\p{L}\p{N}]/u
const NAMED_WITH_MARK = /\b(?:Yahoo|Jeopardy|Yum|Joomla)$/
const NO_VOWEL = /^\p{Lu}?[b-df-hj-np-tv-xz]{1,3}$/u
const NO_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u

/** `wait`: the text that decides has not come yet. A number: the sentence ends before this index. */
export type Decision = number | 'no' | 'wait'

/** @param at index of a mark or of white space in text @param start where the clause begins @param ended nothing follows the text */
export function sentenceEnd(text: string, start: number, at: number, ended: boolean): Decision {
  const sign = text[at] ?? ''
  if (sign === '\n') return lineEnd(text, start, at, ended)
  const isOther = OTHER.test(sign)
  if (!isOther && !WESTERN.test(sign)) return 'no'
  let end = at
  let marks = ''
  while (end < text.length && end - at < MAX_MARK_CHARS && (WESTERN.test(text[end] ?? '') || OTHER.test(text[end] ?? ''))) {
    marks += text[end]
    end++
  }
  const afterMarks = end
  while (end < text.length && end - at < MAX_MARK_CHARS && CLOSERS.test(text[end] ?? '')) end++
  if (end === text.length && !ended) return 'wait'
  if (end === text.length) return end
  const next = text[end] ?? ''
  if (isOther) return afterOther(text, end, end > afterMarks)
  if (NO_SPACES.test(next) && /[!?]/.test(sign) && end === afterMarks) return end
  if (!SPACE.test(next)) return 'no'
  return beforeSpace(text, { start, at, marks, end, ended, closed: end > afterMarks })
}

/** `「行く。」と言った`: a quotation goes on in its sentence. */
function afterOther(text: string, end: number, closed: boolean): Decision {
  return closed && /[とっ、，,]/.test(text[end] ?? '') ? 'no' : end
}

interface Mark {
  start: number
  at: number
  marks: string
  /** After the mark and its closers: white space. */
  end: number
  ended: boolean
  closed: boolean
}

function beforeSpace(text: string, mark: Mark): Decision {
  const { start, at, marks, ended } = mark
  let { end } = mark
  let space = /^\s*/.exec(text.slice(end, end + MAX_MARK_CHARS))?.[0] ?? ''
  // French quotation marks stand apart: `Bonjour. »`
  if (/^[ \u00a0\u202f]$/.test(space) && text[end + 1] === '»') {
    end += 2
    space = /^\s*/.exec(text.slice(end, end + MAX_MARK_CHARS))?.[0] ?? ''
  }
  let from = end + space.length
  if (from >= text.length) return ended ? end : space.length >= MAX_MARK_CHARS ? end : 'wait'
  if (/\n\s*\n/.test(space)) return end
  // Signs without words (emoji) belong to the sentence before.
  const signs = /^(?:(?!["'“‘„«‹([{「『（【《〈¿¡*_~`#>\-–—•·‣▪◦@&+$€£¥])[^\p{L}\p{N}\s])+/u.exec(
    text.slice(from, from + MAX_MARK_CHARS),
  )?.[0]
  if (signs) {
    if (from + signs.length >= text.length && !ended) return 'wait'
    // `.5` and the like begin a word
    if (WORD_SIGN.test(text[from + signs.length] ?? '')) {
      if (/^[.,;:]/.test(signs)) return 'no'
    } else {
      end = from + signs.length
      const rest = /^\s*/.exec(text.slice(end, end + MAX_MARK_CHARS))?.[0] ?? ''
      from = end + rest.length
      if (from >= text.length) return ended ? end : 'wait'
    }
  }
  const isPlain = (marks !== '.' && !NAMED_WITH_MARK.test(text.slice(start, at))) || (marks === '.' && isPlainWord(text.slice(start, at)))
  const word = nextWord(text, from, { ended, partly: isPlain })
  if (word === 'wait') return 'wait'
  const decided = isEnd(text.slice(start, at), marks, word, mark.closed, space.includes('\n'))
  return decided ? end : 'no'
}

/** A word that is no abbreviation: the first letter after it decides. */
function isPlainWord(before: string): boolean {
  const [token] = /[\p{L}\p{M}\p{N}.'’°º-]*$/u.exec(before) ?? ['']
  const key = token.toLowerCase()
  if (!/^[\p{L}\p{M}'’-]{2,}$/u.test(token) || MID_SENTENCE_SPACED.test(before) || NO_VOWEL.test(token) || /^[ap]m$/.test(key)) return false
  return ![MID_SENTENCE, BEFORE_NUMBERS, MAY_END, MAY_END_BEFORE_CAPITALS].some((words) => words.has(key)) && !BEFORE_NAMES.has(token)
}

/** The next word, with its stop where it has one, without what opens it. @param partly its first letter is enough */
function nextWord(text: string, from: number, { ended, partly }: { ended: boolean; partly: boolean }): string | 'wait' {
  let at = from
  while (at < text.length && at - from < 6 && (OPENERS.test(text[at] ?? '') || (at > from && text[at] === ' '))) at++
  const word = /^[\p{L}\p{M}\p{N}'’.-]*/u.exec(text.slice(at, at + MAX_WORD_CHARS))?.[0] ?? ''
  if (at >= text.length && !ended) return 'wait'
  if (partly) return word.slice(0, 1) || (text[at] ?? '')
  if (at + word.length >= text.length && !ended && word.length < MAX_WORD_CHARS) return 'wait'
  return word || (text[at] ?? '')
}

/** @param before the sentence up to its mark @param next the word after */
function isEnd(before: string, marks: string, next: string, closed: boolean, newLine: boolean): boolean {
  const isLower = /^\p{Ll}/u.test(next)
  if (marks !== '.') {
    if (/^(?:\.\.\.|…)/.test(marks) && before.trim() === '') return false
    if (NAMED_WITH_MARK.test(before) && /^(?:Inc|Ltd|Corp)\b/.test(next)) return false
    return !isLower || newLine
  }
  const token = /[\p{L}\p{M}\p{N}.'’°º-]*$/u.exec(before)?.[0] ?? ''
  const previous = /([\p{L}\p{M}]+)[\s\p{P}]*$/u.exec(before.slice(0, before.length - token.length))?.[1] ?? ''
  if (token === '') return !isLower
  if (/^\p{N}+$/u.test(token)) return afterNumber(before, token, previous.toLowerCase(), next)
  if (newLine) return !isLower
  if (closed && isLower) return false
  return afterWord(before, token, previous, next, isLower)
}

/** A list's number, a German ordinal, or a number that ends a sentence. */
function afterNumber(before: string, token: string, previous: string, next: string): boolean {
  if (before.trim() === token && token.length <= 3) return false
  if (/^\p{Ll}/u.test(next)) return false
  const key = next.toLowerCase().replace(/[.-].*$/, '')
  if (token.length <= 2 && AFTER_ORDINALS.has(key)) return false
  if (token.length <= 2 && BEFORE_ORDINALS.has(previous) && /^\p{L}/u.test(next) && !BEGINNERS.has(key)) return false
  // `24. 12.`
  if (token.length <= 2 && /^\p{N}{1,2}\.$/u.test(next)) return false
  // `Do this: 1. Wash 2. Rinse`
  return !(token.length <= 2 && /[:;]\s+$/.test(before.slice(0, -token.length)))
}

function afterWord(before: string, token: string, previous: string, next: string, isLower: boolean): boolean {
  if (isLower && /\d$/.test(token)) return false
  const key = token.toLowerCase()
  const begins = !isLower && BEGINNERS.has(next.toLowerCase().replaceAll('’', "'").replace(/\.$/, '')) && !/^\p{L}\.$/u.test(next)
  if (MID_SENTENCE.has(key) || MID_SENTENCE_SPACED.test(before)) return false
  if (BEFORE_NAMES.has(token)) return false
  if (/^[ap]\.?m$/.test(key)) return !isLower && /^\p{L}/u.test(next) && !AFTER_TIMES.has(next.toLowerCase().replace(/\.$/, ''))
  if (BEFORE_NUMBERS.has(key) && (token.length > 1 || token === key)) {
    // `No. 5`, `no. X7`
    if (/^[\p{N}#]|^\p{Lu}{1,4}-?\p{N}/u.test(next) || (/^[IVXLC]+\b/.test(next) === (next !== 'I') && /^[IVXLC]+\.?$/.test(next)))
      return false
    // `fig. a`, but `the answer is no. i will go`
    return !isLower || /^(?:no|ex|art|par|ch|col|app|op|rev|t|l|v|cap)$/.test(key)
  }
  if (MAY_END_BEFORE_CAPITALS.has(key)) return /^[\p{Lu}\p{Lo}]/u.test(next)
  if (/^\p{L}$/u.test(token)) return afterInitial(token, previous, next, begins)
  const isAcronym = /^(?:\p{L}{1,2}\.)+-?\p{L}{1,3}$/u.test(token)
  if (MAY_END.has(key) || isAcronym) return begins
  // `Pvt.`, `Hbf.`: no vowel, so probably an abbreviation
  if (NO_VOWEL.test(token)) return !isLower
  return true
}

/** `J. Smith`, `z. B.`, but `plan B. Then`, `and I. The`. */
function afterInitial(token: string, previous: string, next: string, begins: boolean): boolean {
  if (/^\p{Lo}$/u.test(token)) return true
  if (!begins) return false
  if (/^\p{Ll}$/u.test(token)) return true
  if (token === 'M') return false
  return !(NAME_PARTICLES.has(next.toLowerCase()) && !/^\p{Ll}/u.test(previous))
}

/** A single line end ends a sentence, unless a program wrapped the line. */
function lineEnd(text: string, start: number, at: number, ended: boolean): Decision {
  const space = /^\s*/.exec(text.slice(at, at + MAX_MARK_CHARS))?.[0] ?? ''
  const from = at + space.length
  if (from >= text.length) return ended || space.length >= MAX_MARK_CHARS ? at : 'wait'
  if (/\n[^\S\n]*\n/.test(space)) return at
  const line = text.slice(start, at).split('\n').at(-1) ?? ''
  const head = text.slice(from, from + MAX_WORD_CHARS)
  const isMarker = /^(?:[-*•·‣▪◦–—+]\s|\(?\p{N}{1,3}[.)]\s|\(?\p{L}[.)]\s)/u.test(head)
  if (isMarker) return at
  if (from + 5 > text.length && !ended && /^(?:[-*•·‣▪◦–—+(]|\(?\p{N}|\(?\p{L}[.)]?$)/u.test(head)) return 'wait'
  if (/^\p{Ll}/u.test(head)) return 'no'
  const last = /([\p{L}\p{N}]+)[^\S\n]*$/u.exec(line)?.[1]?.toLowerCase()
  if (last === undefined) return /[,(\-–]\s*$/.test(line) ? 'no' : at
  if (NEVER_LAST.has(last)) return 'no'
  return line.trim().length >= WRAPPED_LINE_CHARS ? 'no' : at
}
