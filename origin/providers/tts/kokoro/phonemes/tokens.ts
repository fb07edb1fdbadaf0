/** Spoken English words and the punctuation that the network knows, each with the written word that it belongs to. */

import { spokenParts } from '../../../../text/spoken-words/index.ts'
import { cardinalWords, digitWords } from '../../../../text/spoken-words/numbers.ts'

/** A word as captions show it, with its place in the text; a lone punctuation mark belongs to the word before it. */
export interface WrittenWord {
  text: string
  from: number
  to: number
}

interface Piece {
  /** Index of its written word. */
  of: number
  /** A space stands before it. */
  isApart: boolean
}
export interface WordToken extends Piece {
  /** Latin letters without accents, apostrophes, hyphens. */
  word: string
  /** Written in capitals only, of two letters or more. */
  isCapitals: boolean
  /** Names of single letters, `FBI`, and not a word. */
  isSpelt: boolean
}
export interface MarkToken extends Piece {
  mark: string
}
export type Token = WordToken | MarkToken

const LETTER = /[\p{L}\p{N}]/u
const LATIN = "[\\p{Script=Latin}\\p{M}]+(?:'[\\p{Script=Latin}\\p{M}]+)*"
const PIECE = new RegExp(
  `(?<word>'?${LATIN}'?(?:[-_‐‑]${LATIN})*'?)|(?<mark>\\.{2,}|--+|[,.!?;:…—–―‒"“”„‟«»()[\\]{}])|(?<sign>[%&+@=])|(?<space>\\s+)`,
  'gu',
)
/** Decomposition does not reach ASCII. */
const PLAIN_LETTERS: Readonly<Record<string, string>> = {
  æ: 'ae',
  ø: 'o',
  ß: 'ss',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  œ: 'oe',
  ı: 'i',
  ħ: 'h',
  ŋ: 'ng',
}
const SIGNS: Readonly<Record<string, string>> = { '%': 'percent', '&': 'and', '+': 'plus', '@': 'at', '=': 'equals' }
const MARKS: Readonly<Record<string, string>> = {
  '–': '—',
  '―': '—',
  '‒': '—',
  '„': '“',
  '‟': '“',
  '«': '“',
  '»': '”',
  '[': '(',
  '{': '(',
  ']': ')',
  '}': ')',
}
/** Longer numbers are read by their digits. */
const MAX_COUNTED_DIGITS = 6
/** After them, A is a letter. */
const LETTERED =
  /^(?:vitamin|grade|plan|letter|type|group|section|class|option|part|team|hepatitis|exit|gate|point|level|row|seat|block|appendix|building|terminal|series|side|model|answer|an)$/i

export function writtenWords(text: string): WrittenWord[] {
  const words: WrittenWord[] = []
  for (const match of text.matchAll(/\S+/gu)) {
    const to = match.index + match[0].length
    const before = words.at(-1)
    if (before && !LETTER.test(match[0])) words[words.length - 1] = { text: text.slice(before.from, to), from: before.from, to }
    else words.push({ text: match[0], from: match.index, to })
  }
  return words
}

export function tokensOf(text: string, written: readonly WrittenWord[]): Token[] {
  const spoken = spokenParts(
    text,
    written.map(({ to }) => to),
  )
  const tokens = spoken.flatMap((part, of) => partTokens(part, of, written[of]?.text ?? ''))
  for (const [i, token] of tokens.entries()) if ('word' in token && /^a$/i.test(token.word) && isLetterA(tokens, i)) token.isSpelt = true
  return tokens
}

/** Also where the word that is said is in small letters: `DO NOT`. */
function isInCapitals(word: string, written: string): boolean {
  return word.length > 1 && written.includes(word.toUpperCase()) && written === written.toUpperCase()
}

function partTokens(part: string, of: number, written: string): Token[] {
  const tokens: Token[] = []
  let isApart = true
  let end = 0
  const plain = plainText(part)
  const capitals = plainText(written)
  for (const match of plain.matchAll(PIECE)) {
    const { word, mark, sign, space } = match.groups ?? {}
    // what is left out between two pieces separates them
    isApart ||= space !== undefined || match.index > end
    end = match.index + match[0].length
    if (space !== undefined) continue
    if (mark !== undefined) {
      const isOpening = /^[\s([{—-]?$/.test(plain.slice(0, match.index).slice(-1)) && /^\S/.test(plain.slice(end))
      tokens.push({ mark: markOf(mark, isOpening), of, isApart })
      isApart = false
      continue
    }
    const said = word ?? SIGNS[sign ?? ''] ?? ''
    tokens.push({ word: said, isCapitals: isInCapitals(said, capitals), isSpelt: false, of, isApart: isApart || sign !== undefined })
    isApart = sign !== undefined
  }
  return withSpelling(tokens)
}

/** ASCII letters, digits as words, one kind of apostrophe. */
function plainText(part: string): string {
  return part
    .split('…')
    .map((text) => text.normalize('NFKC'))
    .join('…')
    .replace(/[‘’‛ʼ′`´]/g, "'")
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .replace(/[æøßłđðþœıħŋ]/giu, (letter) => PLAIN_LETTERS[letter.toLowerCase()] ?? '')
    .replace(/[0-9]+/g, (digits) => ` ${digits.length > MAX_COUNTED_DIGITS ? digitWords(digits) : cardinalWords(digits)} `)
    .replace(/(?<=^|\s)-(?=\s|$)/g, '—')
}

function markOf(mark: string, isOpening: boolean): string {
  if (mark === '"') return isOpening ? '“' : '”'
  if (/^-/.test(mark)) return '—'
  return /^\.{2,}$/.test(mark) ? '…' : (MARKS[mark] ?? mark)
}

/** Single capitals in a row are one spelt word: `F B I's`, `U S B-C`, `A I-powered`. */
function withSpelling(tokens: Token[]): Token[] {
  const out: Token[] = []
  for (const token of tokens) {
    const before = out.at(-1)
    const [, letters, rest = ''] = ('word' in token && /^([A-Z](?:-[A-Z](?![a-z]))*(?:'[sS])?)(?:-(.+))?$/.exec(token.word)) || []
    if (letters === undefined || !before || !('word' in before) || !(before.isSpelt || /^[A-Z]$/.test(before.word))) {
      out.push(token)
      continue
    }
    before.word += letters
    before.isSpelt = true
    if (rest !== '') out.push({ ...token, word: rest } as WordToken)
  }
  return out
}

/** The letter, and not the article. */
function isLetterA(tokens: readonly Token[], at: number): boolean {
  const [before, token, after] = [tokens[at - 1], tokens[at], tokens[at + 1]]
  if (after === undefined || 'mark' in after) return after === undefined || !/["“(]/.test(after.mark)
  if (/^(?:squared|cubed|equals)$/.test(after.word)) return true
  if (!token || !('word' in token) || token.word === 'a') return false
  if (/^(?:and|or)$/.test(after.word)) return true
  if (before === undefined || 'mark' in before || before.isCapitals) return false
  return LETTERED.test(before.word) || (/^[a-z]/.test(before.word) && /^[a-z]/.test(after.word))
}
