/** How long a text will take to say, without saying it. */
import { ClauseCutter } from '../../../text/sentences/clause-cutter.ts'
import { NOTHING_S, pauseAfterS, speakableText } from './text.ts'

/** What takes time in a text, counted. @internal */
interface TextCounts {
  words: number
  syllables: number
  letters: number
  /** Letters that are read by their names. */
  spelled: number
  /** Short words without stress. */
  light: number
  /** Pauses within a sentence. */
  pauses: number
}

/**
 * Seconds of each count, by least squares over what the voice `slt` said: 253 texts, from one word to 40, most of
 * them with numbers, links or abbreviations. Mean error 7 %.
 */
const SECONDS: Readonly<Record<keyof TextCounts, number>> = {
  words: 0.079,
  syllables: 0.043,
  letters: 0.041,
  spelled: 0.169,
  light: -0.098,
  pauses: 0.205,
}
/** Without letters that are spelled: `A P I`. */
const LIGHT_WORDS =
  /\b(?:a|(?<!\b[A-Z] )[AI](?! [A-Z]\b)|[Aa]n|[Tt]he|[Oo]f|[Tt]o|[Ii]s|[Ii]t|[Ii]n|[Aa]t|[Oo]n|[Aa]nd|[Tt]hat|[Ff]or|was|[Aa]re|be|[Aa]s|[Bb]y|[Oo]r|[Yy]ou|[Mm]y|[Yy]our|[Oo]ur)\b/g
/** s of every sentence: the silence before it, and its last sounds, which are drawn out. */
const SENTENCE_S = 0.141

/** Seconds that `slt` takes at its own pace. */
export function estimateSpeechS(text: string): number {
  let total = 0
  for (const sentence of sentencesOf(text)) {
    const counts = countText(sentence)
    let seconds = SENTENCE_S + pauseAfterS(sentence)
    for (const [name, perCount] of Object.entries(SECONDS)) seconds += perCount * counts[name as keyof TextCounts]
    total += seconds
  }
  return total || NOTHING_S
}

/** Speakable clauses of a text, however long it is; as they are cut when it is said. @internal */
function sentencesOf(text: string): string[] {
  const cutter = new ClauseCutter()
  const clauses = text.split(/(?<=\n)/).flatMap((line) => cutter.push(line))
  return [...clauses, ...cutter.end()].map(speakableText).filter((sentence) => sentence !== '')
}

/** @param sentence as `speakableText` makes it @internal */
function countText(sentence: string): TextCounts {
  const counts: TextCounts = {
    words: 0,
    syllables: 0,
    letters: 0,
    spelled: 0,
    light: 0,
    pauses: 0,
  }
  counts.pauses = sentence.match(/[,;:()](?!\d)(?=.*\w)|[.!?] /g)?.length ?? 0
  counts.light = sentence.match(LIGHT_WORDS)?.length ?? 0
  for (const [token] of sentence.matchAll(/[A-Za-z']+/g)) {
    const letters = token.replace(/[^A-Za-z]/g, '').length
    if (letters === 1 || (letters > 0 && !/[aeiouy]/i.test(token)) || (letters <= 3 && /^[A-Z]{2,3}$/.test(token))) {
      counts.spelled += token.replace(/[^A-Za-z]/g, (sign) => (sign === "'" ? '' : sign)).length
    } else {
      counts.words++
      // Two letters for one sound count once.
      counts.letters += letters - (token.match(/[tscpw]h|ck|gh|([a-z])\1/gi)?.length ?? 0)
      counts.syllables += syllablesOf(token)
    }
  }
  return counts
}

/** Groups of vowels, less a silent e. */
function syllablesOf(word: string): number {
  const groups = word.toLowerCase().match(/[aeiouy]+/g)?.length ?? 0
  return Math.max(1, /[^aeiouyl]e$|[^aeiouytd]ed$/i.test(word) && groups > 1 ? groups - 1 : groups)
}
