/** Cuts growing text into clauses: the same ones however the text arrives. */
import { cutPoint, limitFrom } from './clause-limit.ts'
import { sentenceEnd } from './sentence-end.ts'

/** A reply's first clause may end at a comma once it has this many characters: the first sound comes sooner. */
const MIN_FIRST_CLAUSE_CHARS = 24
/** A Thai clause may end at a space, which is Thai's only mark, once it has this many characters. */
const MIN_THAI_CLAUSE_CHARS = 24
/** What the decision about a mark may need of the text after it, characters. */
const LOOKAHEAD_CHARS = 96

const CANDIDATE = /[.!?…‽。！？｡．؟۔।॥።။។։\n,;:–—，、，؛،]|\p{Script=Thai}[^\S\n]+(?=\p{Script=Thai})/gu
const SPEAKABLE = /[\p{L}\p{N}]/u

/**
 * A sentence end is given out with the first character after it; after an abbreviation, an initial or a number with the next word,
 * of which at most 24 characters are awaited.
 */
export class ClauseCutter {
  #pending = ''
  /** Marks before are decided. */
  #scanned = 0
  #isFirst = true

  /** @returns clauses that are certain now, each with a letter or a digit */
  push(text: string): string[] {
    this.#pending += text
    return this.#take(false)
  }

  /** A sentence ends here. @returns the rest */
  end(): string[] {
    return this.#take(true)
  }

  #take(ended: boolean): string[] {
    const clauses: string[] = []
    for (let cut = this.#nextCut(ended); cut !== undefined; cut = this.#nextCut(ended)) {
      const clause = this.#pending.slice(0, cut).trim()
      this.#pending = this.#pending.slice(cut)
      this.#scanned = 0
      if (!SPEAKABLE.test(clause)) continue
      clauses.push(clause)
      this.#isFirst = false
    }
    if (ended) {
      this.#pending = ''
      this.#scanned = 0
    }
    return clauses
  }

  /** Length of the next clause; undefined while it is not certain. */
  #nextCut(ended: boolean): number | undefined {
    const text = this.#pending
    const start = text.length - text.trimStart().length
    const limit = limitFrom(text, start)
    CANDIDATE.lastIndex = Math.max(start, this.#scanned)
    for (let match = CANDIDATE.exec(text); match; match = CANDIDATE.exec(text)) {
      const at = match.index
      if (at >= limit) break
      const decision = this.#decide(text, start, at, match[0], ended)
      if (decision === 'wait') return undefined
      if (decision !== 'no' && decision > limit) break
      if (decision !== 'no' && SPEAKABLE.test(text.slice(start, decision))) return decision
      // a mark is decided with those that repeat it
      const repeated = /^[.!?…‽]*/.exec(text.slice(at))?.[0].length ?? 0
      CANDIDATE.lastIndex = at + Math.max(repeated, match[0].length)
      this.#scanned = CANDIDATE.lastIndex
    }
    if (limit < text.length) {
      if (!ended && text.length < limit + LOOKAHEAD_CHARS) return undefined
      return start + cutPoint(text.slice(start, limit + LOOKAHEAD_CHARS), limit - start)
    }
    return ended && SPEAKABLE.test(text) ? text.length : undefined
  }

  #decide(text: string, start: number, at: number, mark: string, ended: boolean): number | 'no' | 'wait' {
    if (/^\p{Script=Thai}/u.test(mark)) return at - start >= MIN_THAI_CLAUSE_CHARS ? at + 1 : 'no'
    if (!/^[,;:–—，、；：،؛]/.test(mark)) return sentenceEnd(text, start, at, ended)
    return this.#isFirst && at - start + 1 >= MIN_FIRST_CLAUSE_CHARS ? firstClauseEnd(text, at, ended) : 'no'
  }
}

/** A mark before a word in small letters: not within an address, a date, a name or a list of titles. */
function firstClauseEnd(text: string, at: number, ended: boolean): number | 'no' | 'wait' {
  if (/[，、；：]/.test(text[at] ?? '')) return at + 1
  const space = /^\s*/.exec(text.slice(at + 1, at + 32))?.[0] ?? ''
  const next = text[at + 1 + space.length]
  if (next === undefined) return ended ? 'no' : 'wait'
  return space !== '' && !space.includes('\n') && /[\p{Ll}\p{Lo}I]/u.test(next) ? at + 1 : 'no'
}
