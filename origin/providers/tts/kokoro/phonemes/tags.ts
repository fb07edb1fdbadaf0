/** Part of speech of a word that sounds differently as noun and verb, from its neighbours: rules for what chats say, no model. */
import {
  ADJUNCTS,
  announcesNoun,
  BE,
  CONJUNCTIONS,
  DETERMINERS,
  GIVING,
  isAdverb,
  isFunctionWord,
  isPlural,
  MODALS,
  OBJECTS,
  PERFECT,
  PREPOSITIONS,
  SUBJECTS,
  TAKING,
  THIRD,
  TO_NOUN,
} from './word-classes.ts'

export type Tag = 'NOUN' | 'VERB' | 'ADJ' | 'ADV' | 'VBD' | 'VBN' | 'DT'

/** A word among its neighbours; `undefined` stands for a pause or an end. */
export interface Place {
  word: string
  /** Just before it. */
  near: string | undefined
  /** What it depends on: the word before it that is no adverb, and the one before that. */
  before: string | undefined
  beforeThat: string | undefined
  after: string | undefined
  afterThat: string | undefined
  /** All words before it in its clause, and all after it. */
  earlier: readonly string[]
  later: readonly string[]
}

/** @param words in small letters, `undefined` for punctuation with a pause */
export function placeOf(words: readonly (string | undefined)[], at: number): Place {
  let start = at
  while (start > 0 && words[start - 1] !== undefined) start--
  let end = at + 1
  while (end < words.length && words[end] !== undefined) end++
  const earlier = words.slice(start, at) as string[]
  const later = words.slice(at + 1, end) as string[]
  let before = earlier.length - 1
  while (before >= 0 && isAdverb(earlier[before] ?? '')) before--
  return {
    word: words[at] ?? '',
    near: earlier.at(-1),
    before: before < 0 ? undefined : earlier[before],
    beforeThat: before < 1 ? undefined : earlier[before - 1],
    after: later[0],
    afterThat: later[1],
    earlier,
    later,
  }
}

/** @param isVerbFirst its sound without a tag is the verb's */
export function partOfSpeech(place: Place, isVerbFirst: boolean): Tag | undefined {
  return afterHelper(place) ?? inNounPhrase(place) ?? atStart(place) ?? afterNoun(place, isVerbFirst)
}

/** Sound different as participles. */
const IS_PAST = /^(?:(?:re)?read|wound)$/
/** A bare verb follows their object. */
const LETTING = /^(?:let|lets|make|makes|made|help|helps|helped|watch|see|hear)$/

/** After to, modals, subjects, have and be. */
export function afterHelper({ before, beforeThat, word }: Place): Tag | undefined {
  if (before === undefined) return undefined
  if (before === 'to') return beforeThat !== undefined && TO_NOUN.has(beforeThat) ? 'NOUN' : 'VERB'
  if (MODALS.has(before) || /'(?:ll|d)$/.test(before))
    return /^(?:an?|the|my|your|his|its|our|their)$/.test(beforeThat ?? '') ? undefined : 'VERB'
  if (PERFECT.has(before)) return IS_PAST.test(word) ? 'VBN' : 'NOUN'
  if (BE.has(before)) return IS_PAST.test(word) ? 'VBN' : 'ADJ'
  if (beforeThat !== undefined && OBJECTS.has(before) && LETTING.test(beforeThat)) return 'VERB'
  if (beforeThat !== undefined && PERFECT.has(beforeThat) && SUBJECTS.has(before) && IS_PAST.test(word)) return 'VBN'
  if (SUBJECTS.has(before))
    return beforeThat !== undefined && (before === 'you' || before === 'it') && GIVING.has(beforeThat) ? 'NOUN' : 'VERB'
  if (before === 'that') return isThird(word) || (beforeThat !== undefined && isPlural(beforeThat)) ? 'VERB' : 'NOUN'
  return undefined
}

/** Where a noun or its adjective is expected. */
function inNounPhrase({ before, near, word, after }: Place): Tag | undefined {
  if (before === undefined) return undefined
  const isExpected = announcesNoun(before) || PREPOSITIONS.has(before) || TAKING.has(before)
  if (!isExpected && !(near !== undefined && near !== before && PREPOSITIONS.has(near))) return undefined
  const isBeforeNoun = after !== undefined && !isFunctionWord(after)
  return word.endsWith('ate') && isBeforeNoun ? 'ADJ' : 'NOUN'
}

/** First in its clause, or after a conjunction: an order, if an object follows. */
function atStart({ before, word, after }: Place): Tag | undefined {
  if (before !== undefined && !CONJUNCTIONS.has(before)) return undefined
  const hasObject = after !== undefined && (DETERMINERS.has(after) || OBJECTS.has(after))
  if (hasObject && (before !== undefined || !isThird(word))) return 'VERB'
  return isThird(word) || after === 'of' ? 'NOUN' : undefined
}

/** After a word of no closed class. */
function afterNoun({ before, beforeThat, word, after }: Place, isVerbFirst: boolean): Tag | undefined {
  if (before === undefined || CONJUNCTIONS.has(before)) return undefined
  if (after === 'of' || /(?:ed|ing)$/.test(before)) return 'NOUN'
  const hasObject = after !== undefined && (DETERMINERS.has(after) || OBJECTS.has(after))
  // a plural has a verb without -s, a singular one with it
  if (isThird(word) === isPlural(before)) return 'NOUN'
  const isAlone = after === undefined || PREPOSITIONS.has(after) || CONJUNCTIONS.has(after) || isAdverb(after)
  const isSubject = isPlural(before) && !ADJUNCTS.has(before) && (isAlone || beforeThat === undefined)
  return hasObject || isSubject || (isVerbFirst && isPlural(before)) ? 'VERB' : 'NOUN'
}

function isThird(word: string): boolean {
  return /[^s]s$/.test(word)
}

export function isThirdPerson(word: string | undefined): boolean {
  return word !== undefined && THIRD.has(word)
}
