/** Written text as it is said, in English words, for voices that read written text badly; and which words stand for what was written. */
import { NUMBER_RULES } from './number-rules.ts'
import type { SpokenRule } from './rule.ts'
import { NAME_RULES, WORD_RULES } from './word-rules.ts'

/** A part of the written text that is said in other words. */
interface SpokenSpan {
  /** Index in the written text. */
  from: number
  to: number
  spoken: string
}

/** In the order of their right: a later rule gets only what earlier ones left. */
const RULES: readonly SpokenRule[] = [...NAME_RULES, ...NUMBER_RULES, ...WORD_RULES]
/** Longer texts are read as they are written. */
const MAX_CHARS = 4_000

/** What is not said as written, in order. @param language other languages than English have none */
function spokenSpans(text: string, language = 'en'): SpokenSpan[] {
  if (!/^en\b/i.test(language) || text.length > MAX_CHARS) return []
  const taken = new Uint8Array(text.length)
  const spans: SpokenSpan[] = []
  for (const [pattern, say] of RULES) {
    for (const match of text.matchAll(pattern)) {
      const [from, to] = [match.index, match.index + match[0].length]
      if (from === to || taken.subarray(from, to).includes(1)) continue
      const spoken = say(match)
      if (spoken === undefined) continue
      taken.fill(1, from, to)
      spans.push({ from, to, spoken })
    }
  }
  return spans.sort((a, b) => a.from - b.from)
}

/** The text as it is said. */
export function spokenWords(text: string, language = 'en'): string {
  let out = ''
  let at = 0
  for (const { from, to, spoken } of spokenSpans(text, language)) {
    out = joined(joined(out, text.slice(at, from)), spoken)
    at = to
  }
  return joined(out, text.slice(at)).replace(/ {2,}/g, ' ')
}

/** What is said of each part of the text: `edges` are the ends of the parts. */
export function spokenParts(text: string, edges: readonly number[], language = 'en'): string[] {
  const spans = spokenSpans(text, language)
  let from = 0
  return edges.map((to) => {
    let out = ''
    let at = from
    for (const span of spans) {
      if (span.to <= from || span.from >= to) continue
      if (span.from > at) out = joined(out, text.slice(at, span.from))
      out = joined(out, share(span, text.slice(span.from, span.to), from, to))
      at = Math.min(to, span.to)
    }
    if (at < to) out = joined(out, text.slice(at, to))
    from = to
    return out.trim()
  })
}

/** A span over several parts is divided by its words; letters that begin it stay together: `RTX 4090`. */
function share({ from, to, spoken }: SpokenSpan, written: string, start: number, end: number): string {
  const words = spoken.split(' ')
  const letters = /^[A-Z]{2,}(?=\s)/.exec(written)?.[0] ?? ''
  const isSpelt = letters !== '' && spoken.startsWith(`${[...letters].join(' ')} `)
  const place = (at: number): number => {
    if (isSpelt && at === from + letters.length) return letters.length
    return Math.round((words.length * (Math.min(Math.max(at, from), to) - from)) / (to - from))
  }
  return words.slice(place(start), place(end)).join(' ')
}

function joined(before: string, after: string): string {
  return /[\p{L}\p{N}]$/u.test(before) && /^[\p{L}\p{N}]/u.test(after) ? `${before} ${after}` : before + after
}
