/** Where a text is cut that is too long for one clause. */

/** Longest clause, characters: about 20 s of speech. */
const MAX_CLAUSE_CHARS = 300
/** A character of Chinese, Japanese or Korean takes as long as so many letters. */
const SYLLABLE_WEIGHT = 3
const SYLLABLES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const words = new Intl.Segmenter('en', { granularity: 'word' })

/** Index in a text that no clause from `start` may reach over; text.length or more when all of it fits. */
export function limitFrom(text: string, start: number): number {
  let weight = 0
  for (let at = start; at < text.length; at++) {
    weight += SYLLABLES.test(text[at] ?? '') ? SYLLABLE_WEIGHT : 1
    if (weight > MAX_CLAUSE_CHARS) return at
  }
  return Number.POSITIVE_INFINITY
}

/** After the last clause mark, else a space, else a word, else a whole character. @param length characters that fit */
export function cutPoint(text: string, length: number): number {
  const head = text.slice(0, length)
  let mark = 0
  for (const match of head.matchAll(/[,;:–—](?=\s)|[，、；：،؛]/g)) mark = match.index + match[0].length
  if (mark > length / 3) return mark
  const space = head.search(/\s\S*$/)
  if (space > length / 3) return space
  const near = lastBefore(words.segment(text), length)
  return near > length / 3 ? near : lastBefore(graphemes.segment(text), length) || length
}

/** Where the last segment begins that does not fit. */
function lastBefore(segments: Iterable<{ index: number }>, length: number): number {
  let last = 0
  for (const { index } of segments) {
    if (index > length) break
    last = index
  }
  return last
}
