/** When each word of a clause sounds: from the times of characters, else of phones, else estimated from the letters. */
import type { CharacterTime, Phone } from '../providers/tts/types.ts'
import { spokenParts } from '../text/spoken-words/index.ts'
import type { Clause } from './stages/types.ts'

/** A word with its place in the sound of its clause, ms from the clause's first sample. */
export interface WordTime {
  /** As written, with its punctuation. */
  word: string
  startMs: number
  endMs: number
  /** Where it ends in the clause's text. */
  textEnd: number
}

interface Span {
  startMs: number
  endMs: number
}

const LETTER = /[\p{L}\p{N}]/u
/** A comma and the like: most voices pause there. */
const RESTS = /[,;:–—.!?…)]["'”’]?$/
/** Digits are read as words: each weighs as many letters. */
const LETTERS_PER_DIGIT = 4

/** Words of a text in order; a lone punctuation mark belongs to the word before it. */
function wordsOf(text: string): { word: string; textEnd: number }[] {
  const words: { word: string; textEnd: number }[] = []
  for (const match of text.matchAll(/\S+/gu)) {
    const textEnd = match.index + match[0].length
    const before = words.at(-1)
    if (before && !LETTER.test(match[0])) {
      before.word = `${before.word} ${match[0]}`
      before.textEnd = textEnd
    } else words.push({ word: match[0], textEnd })
  }
  return words
}

const known = new WeakMap<Clause, { durationMs: number; characters: number; words: WordTime[] }>()

/** Words of a clause with their times so far; times of later words may change while audio still arrives. */
export function wordTimes(clause: Clause): readonly WordTime[] {
  const characters = clause.characters?.length ?? 0
  const before = known.get(clause)
  if (before && before.durationMs === clause.durationMs && before.characters === characters) return before.words
  const words = wordsOf(clause.text)
  const spoken = spokenParts(
    clause.text,
    words.map(({ textEnd }) => textEnd),
  )
  const weights = spoken.map(weightOf)
  const spans = spansOf(clause, words, weights)
  const times = words.map((word, i) => ({ ...word, ...(spans[i] ?? { startMs: clause.durationMs, endMs: clause.durationMs }) }))
  known.set(clause, { durationMs: clause.durationMs, characters, words: times })
  return times
}

function spansOf(clause: Clause, words: readonly { word: string }[], weights: readonly number[]): Span[] {
  const whole = { startMs: 0, endMs: clause.durationMs }
  if (clause.characters && clause.characters.length > 0) return fromCharacters(words, weights, clause.characters, whole)
  if (clause.phones && clause.phones.length > 0) return fromPhones(words, weights, clause.phones)
  return spread(weights, whole)
}

function weightOf(word: string): number {
  let weight = 0
  for (const sign of word) if (LETTER.test(sign)) weight += /\p{N}/u.test(sign) ? LETTERS_PER_DIGIT : 1
  return Math.max(1, weight)
}

/** Divides a time by weights. */
function spread(weights: readonly number[], { startMs, endMs }: Span): Span[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let atMs = startMs
  return weights.map((weight) => {
    const from = atMs
    atMs += ((endMs - startMs) * weight) / total
    return { startMs: from, endMs: atMs }
  })
}

/**
 * Where the audio has as many pauses as the text, each part between two pauses is divided separately: by the letters, moved to the
 * nearest boundary of two phones.
 */
function fromPhones(words: readonly { word: string }[], weights: readonly number[], phones: readonly Phone[]): Span[] {
  const sounds = groupsOf(phones)
  const texts = clausesOf(words)
  const parts =
    sounds.length === texts.length
      ? texts.map((count, i) => ({ count, phones: sounds[i] ?? [] }))
      : [{ count: words.length, phones: sounds.flat() }]
  let from = 0
  return parts.flatMap(({ count, phones: part }) => {
    const shares = weights.slice(from, from + count)
    from += count
    return atPhones(shares, part)
  })
}

function atPhones(weights: readonly number[], phones: readonly Phone[]): Span[] {
  const voiced = phones.filter(({ endS, startS }) => endS > startS)
  const isFine = voiced.length >= weights.length
  const startMs = (voiced[0]?.startS ?? 0) * 1000
  const endMs = (voiced.at(-1)?.endS ?? 0) * 1000
  const edges = voiced.map(({ endS }) => endS * 1000)
  const nearest = (ms: number): number => edges.reduce((best, edge) => (Math.abs(edge - ms) < Math.abs(best - ms) ? edge : best), endMs)
  let atMs = startMs
  return spread(weights, { startMs, endMs }).map((span, i) => {
    const from = atMs
    atMs = i === weights.length - 1 ? endMs : Math.max(atMs, isFine ? nearest(span.endMs) : span.endMs)
    return { startMs: from, endMs: atMs }
  })
}

/** Phones between pauses. */
function groupsOf(phones: readonly Phone[]): Phone[][] {
  const groups: Phone[][] = []
  let open: Phone[] | undefined
  for (const phone of phones) {
    if (phone.name === 'pau') open = undefined
    else if (open) open.push(phone)
    else {
      open = [phone]
      groups.push(open)
    }
  }
  return groups
}

/** Counts of words between places where a voice pauses. */
function clausesOf(words: readonly { word: string }[]): number[] {
  const counts: number[] = []
  let count = 0
  for (const [i, { word }] of words.entries()) {
    count++
    if (i < words.length - 1 && !RESTS.test(word)) continue
    counts.push(count)
    count = 0
  }
  return counts
}

/** The provider may write words differently (`$5` as `five dollars`): words that match get its times, the others share the time between. */
function fromCharacters(
  words: readonly { word: string }[],
  weights: readonly number[],
  characters: readonly CharacterTime[],
  whole: Span,
): Span[] {
  const spoken = spokenSpans(characters)
  const placed = matches(
    words.map(({ word }) => plain(word)),
    spoken.map(({ text }) => plain(text)),
  ).map((index) => (index === undefined ? undefined : spoken[index]))
  const heardMs = spoken.at(-1)?.endMs ?? 0
  const spans: Span[] = []
  for (let i = 0; i < words.length; i++) {
    const own = placed[i]
    if (own) {
      spans.push({ startMs: own.startMs, endMs: own.endMs })
      continue
    }
    const next = placed.findIndex((word, at) => at > i && word !== undefined)
    const until = next < 0 ? words.length : next
    const startMs = spans.at(-1)?.endMs ?? whole.startMs
    const endMs = Math.max(startMs, next < 0 ? Math.max(whole.endMs, heardMs) : (placed[next]?.startMs ?? whole.endMs))
    spans.push(...spread(weights.slice(i, until), { startMs, endMs }))
    i = until - 1
  }
  return spans
}

function spokenSpans(characters: readonly CharacterTime[]): (Span & { text: string })[] {
  const words: (Span & { text: string })[] = []
  let open: (Span & { text: string }) | undefined
  for (const { text, startS, endS } of characters) {
    if (text.trim() === '') open = undefined
    else if (open) {
      open.text += text
      if (LETTER.test(text)) open.endMs = endS * 1000
    } else {
      open = { text, startMs: startS * 1000, endMs: endS * 1000 }
      words.push(open)
    }
  }
  return words.filter(({ text }) => LETTER.test(text))
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

/** For each word the index of its match, in order: the longest common subsequence. */
function matches(words: readonly string[], spoken: readonly string[]): (number | undefined)[] {
  const lengths = Array.from({ length: words.length + 1 }, () => new Array<number>(spoken.length + 1).fill(0))
  const at = (w: number, s: number): number => lengths[w]?.[s] ?? 0
  for (let w = words.length - 1; w >= 0; w--) {
    const row = lengths[w]
    for (let s = spoken.length - 1; row && s >= 0; s--) {
      row[s] = words[w] === spoken[s] ? 1 + at(w + 1, s + 1) : Math.max(at(w + 1, s), at(w, s + 1))
    }
  }
  let s = 0
  return words.map((word, w) => {
    while (s < spoken.length && word !== spoken[s] && at(w, s + 1) >= at(w + 1, s)) s++
    if (s < spoken.length && word === spoken[s]) return s++
    return undefined
  })
}
