/** Stage: splits streamed text into clauses, so that synthesis starts with the first clause. */
import type { Stage } from '../../pipeline/stage.ts'
import type { ClauseText, TextPiece } from '../../text/types.ts'

/** Longest clause, characters: about 20 s of speech. */
const MAX_CLAUSE_CHARS = 300
/** A reply's first clause may end at a comma once it has this many characters: the first sound comes sooner. */
const MIN_FIRST_CLAUSE_CHARS = 24

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' })
const ABBREVIATION = /\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|approx|No)\.\s*$/i

/** Cuts a text into sentences, by Unicode's rules (UAX 29), mended for common abbreviations. */
function sentencesOf(text: string): string[] {
  const found: string[] = []
  for (const { segment } of sentences.segment(text)) {
    const before = found.at(-1)
    if (before !== undefined && (ABBREVIATION.test(before) || segment.trim() === '')) found[found.length - 1] = before + segment
    else found.push(segment)
  }
  return found
}

/** Where to cut a text that is too long for one clause: after a comma, else at a space, else hard. */
function cutPoint(text: string, limit: number): number {
  const head = text.slice(0, limit)
  const comma = Math.max(head.lastIndexOf(', '), head.lastIndexOf('; '), head.lastIndexOf(': ')) + 1
  if (comma > limit / 3) return comma
  const space = head.lastIndexOf(' ')
  return space > 0 ? space : limit
}

function* withinLimit(clause: string): Generator<string> {
  let rest = clause.trim()
  while (rest.length > MAX_CLAUSE_CHARS) {
    const cut = cutPoint(rest, MAX_CLAUSE_CHARS)
    yield rest.slice(0, cut).trim()
    rest = rest.slice(cut).trim()
  }
  if (rest !== '') yield rest
}

/** Splits streamed text into clauses, in order, nothing lost but white space. */
export const splitSentences: Stage<TextPiece, ClauseText> = async function* splitSentences(pieces) {
  let pending = ''
  let isFirst = true
  for await (const piece of pieces) {
    if (piece.kind !== 'text') {
      const rest = sentencesOf(pending).flatMap((sentence) => [...withinLimit(sentence)])
      pending = ''
      if (rest.length > 0) isFirst = false
      const last = rest.pop()
      for (const text of rest) yield { text }
      if (last !== undefined || piece.kind === 'pause')
        yield { text: last ?? '', ...(piece.kind === 'pause' ? { pauseAfterMs: piece.ms } : {}) }
      continue
    }
    pending += piece.text
    const ready = sentencesOf(pending)
    // the last sentence may not be complete: it waits for the next piece
    const open = ready.pop() ?? ''
    for (const sentence of ready) {
      for (const text of withinLimit(sentence)) {
        yield { text }
        isFirst = false
      }
    }
    pending = open
    if (isFirst && pending.length >= MIN_FIRST_CLAUSE_CHARS) {
      const comma = /^.{23,}?[,;:–—]\s/s.exec(pending)
      if (comma) {
        yield { text: comma[0].trim() }
        pending = pending.slice(comma[0].length)
        isFirst = false
      }
    }
    if (pending.length > MAX_CLAUSE_CHARS) {
      const cut = cutPoint(pending, MAX_CLAUSE_CHARS)
      yield { text: pending.slice(0, cut).trim() }
      pending = pending.slice(cut)
      isFirst = false
    }
  }
  for (const sentence of sentencesOf(pending)) for (const text of withinLimit(sentence)) yield { text }
}
