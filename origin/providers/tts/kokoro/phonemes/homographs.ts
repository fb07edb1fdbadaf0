/** Words of two sounds that need more than the general rules; each rule gives a tag of the lexicon or the sound itself. */
import { afterHelper, isThirdPerson, type Place, type Tag } from './tags.ts'
import {
  announcesNoun,
  BE,
  CONJUNCTIONS,
  DETERMINERS,
  isFunctionWord,
  isPlural,
  OBJECTS,
  PERSON_BE,
  PREPOSITIONS,
  SUBJECTS,
  words,
} from './word-classes.ts'

export interface Reading {
  tag?: Tag | undefined
  sound?: string
}
/** undefined: the general rules decide. */
type Rule = (place: Place) => Reading | undefined

const LIVING_IN = words(
  'in at on near with alone together here there longer forever by among under without for up through abroad nearby next like happily',
)
const GOING = words(
  'go goes went going gone come coming comes stay stays staying broadcast broadcasts streaming stream performed perform performing play playing watch',
)
const PARTICLES = words('up down apart off away open out through around into along back it them')
const LEAD_METAL = words(
  'pipe pipes paint paints poisoning contamination exposure pencil pencils levels glass bullet bullets shielding batteries battery acid weights ore',
)
const BASS_MUSIC = words(
  'guitar guitars guitarist line lines player players drum drums clef voice boost speaker speakers solo note notes string strings',
)
const MUSIC = words('guitar drum drums drop treble tenor sing sings sang music band plays play played song track speakers amp')
const SMALL = words('details detail amounts amount quantities quantity changes differences traces particles fraction variations')
const PAST = words(
  'yesterday ago last already earlier recently previously once was were had said thought liked loved knew found decided wrote saw went told',
)
const HABIT = words(
  'always often usually sometimes every never whenever rarely daily how whether if when as before after while until unless so what',
)

/** `to`, a modal or a subject stands before it. */
const isVerb = (place: Place): boolean => afterHelper(place) === 'VERB'
const hasObject = ({ after }: Place): boolean => after !== undefined && (DETERMINERS.has(after) || OBJECTS.has(after))
const isStart = ({ before }: Place): boolean => before === undefined || CONJUNCTIONS.has(before)
const isAfterNounWord = ({ before }: Place): boolean => before !== undefined && announcesNoun(before)

const read: Rule = (place) => {
  const helper = afterHelper(place)
  const { before, beforeThat, earlier, later } = place
  if (helper === 'VBN') return { tag: 'VBN' }
  const isPast = [...earlier, ...later].some((word) => PAST.has(word) || /^.{3,}[^e]ed$/.test(word))
  if (isStart(place)) return { tag: before !== undefined && isPast ? 'VBD' : 'VERB' }
  if (helper === 'VERB' && ['i', 'you', 'we', 'they', 'he', 'she', 'it', 'who'].includes(before ?? '')) {
    if (
      beforeThat !== undefined &&
      /^(?:did|do|does|can|could|will|would|should|shall|may|might|must|let|make|makes|help|didn't|don't|can't)$/.test(beforeThat)
    )
      return { tag: 'VERB' }
    if (isPast || isThirdPerson(before)) return { tag: 'VBD' }
    return {
      tag:
        before === 'you' || earlier.some((word) => HABIT.has(word)) || later.some((word) => /^(?:every|daily)$/.test(word))
          ? 'VERB'
          : 'VBD',
    }
  }
  if (helper !== undefined || isAfterNounWord(place)) return { tag: 'VERB' }
  if (before !== undefined && (isPlural(before) || PREPOSITIONS.has(before))) return { tag: isPast ? 'VBD' : 'VERB' }
  return { tag: 'VBD' }
}

const live: Rule = (place) => {
  const { before, beforeThat, after } = place
  if (before !== undefined && (BE.has(before) || GOING.has(before))) return { tag: 'ADJ' }
  if (before === 'you' && beforeThat !== undefined && /^(?:see|saw|watch|hear)$/.test(beforeThat)) return { tag: 'ADJ' }
  if (isVerb(place) || before === 'long') return { tag: 'VERB' }
  if (isAfterNounWord(place)) return { tag: 'ADJ' }
  const isHere = after === undefined ? before !== undefined && isPlural(before) : LIVING_IN.has(after)
  return { tag: isHere && (before === undefined || !PREPOSITIONS.has(before)) ? 'VERB' : 'ADJ' }
}

const lives: Rule = (place) => {
  const { before, after } = place
  if (isThirdPerson(before) || before === 'that') return { tag: 'VERB' }
  if (before === undefined || isFunctionWord(before) || announcesNoun(before) || isPlural(before) || /(?:ed|ing)$/.test(before))
    return { tag: 'NOUN' }
  return { tag: after !== undefined && LIVING_IN.has(after) ? 'VERB' : 'NOUN' }
}

const close: Rule = (place) => {
  const { after, before } = place
  if (before !== undefined && BE.has(before)) return { tag: 'ADJ' }
  if (isVerb(place)) return { tag: 'VERB' }
  if (isAfterNounWord(place)) return { tag: after === 'of' || after === undefined ? 'NOUN' : 'ADJ' }
  return { tag: hasObject(place) || (after !== undefined && /^(?:down|out|up)$/.test(after) && isStart(place)) ? 'VERB' : 'ADJ' }
}

/** A verb after `to` and the like, and where one of its particles follows. */
const byParticle: Rule = (place) => {
  if (isVerb(place)) return { tag: 'VERB' }
  if (isAfterNounWord(place)) return { tag: 'NOUN' }
  return { tag: (place.after !== undefined && PARTICLES.has(place.after)) || (isStart(place) && hasObject(place)) ? 'VERB' : 'NOUN' }
}

const RULES: Readonly<Record<string, Rule>> = {
  read,
  live,
  lives,
  close,
  wind: byParticle,
  winds: byParticle,
  tears: byParticle,
  tear: (place) =>
    isAfterNounWord(place) && place.after === 'in' && !place.later.some((word) => /^eyes?$/.test(word))
      ? { tag: 'VERB' }
      : byParticle(place),
  bow: (place) => {
    const { before, beforeThat, after } = place
    if (before === 'a' && beforeThat !== undefined && /^(?:take|takes|took|taking)$/.test(beforeThat)) return { tag: 'VERB' }
    return {
      tag: isVerb(place) || (!isAfterNounWord(place) && after !== undefined && /^(?:down|to|before|out)$/.test(after)) ? 'VERB' : 'NOUN',
    }
  },
  dove: ({ after }) => ({
    tag: after !== undefined && /^(?:into|in|down|off|right|straight|under|headfirst|deep)$/.test(after) ? 'VERB' : 'NOUN',
  }),
  wound: (place) => {
    const isTurned = place.after !== undefined && /^(?:up|around|down|through|tight|tightly|back)$/.test(place.after)
    const isDone = isVerb(place) && hasObject(place) && !/^(?:me|you|him|us|them)$/.test(place.after ?? '')
    return (isTurned || isDone) && !isAfterNounWord(place) ? { tag: 'VBD' } : { tag: 'NOUN' }
  },
  used: ({ before, after, afterThat }) => {
    if (after !== 'to') return {}
    if (before === undefined || !BE.has(before) || PERSON_BE.has(before)) return { tag: 'VBD' }
    const isHabit = afterThat === undefined || DETERMINERS.has(afterThat) || OBJECTS.has(afterThat) || afterThat.endsWith('ing')
    return isHabit ? { tag: 'VBD' } : {}
  },
  lead: ({ before, beforeThat, after }) => {
    const isMetal =
      (after !== undefined && LEAD_METAL.has(after)) ||
      (before === 'of' &&
        beforeThat !== undefined &&
        /^(?:made|full|traces|levels|amounts|sheet|sheets|piece|ton|tons)$/.test(beforeThat)) ||
      (before !== undefined && /^(?:contains|contain|containing|molten|toxic)$/.test(before))
    return isMetal ? { sound: 'lˈɛd' } : {}
  },
  bass: ({ after, earlier, later }) => {
    const isMusic = (after !== undefined && BASS_MUSIC.has(after)) || [...earlier, ...later].some((word) => MUSIC.has(word))
    return { tag: isMusic ? 'ADJ' : 'NOUN' }
  },
  minute: ({ near, after }) => ({
    tag: (near !== undefined && /^(?:very|so|too|extremely)$/.test(near)) || (after !== undefined && SMALL.has(after)) ? 'ADJ' : 'NOUN',
  }),
  content: ({ before, beforeThat, after }) => {
    if (before === 'and' && /^(?:happy|calm|safe|relaxed|peaceful|warm|quiet|healthy|comfortable)$/.test(beforeThat ?? ''))
      return { tag: 'ADJ' }
    const isFeeling = before !== undefined && (BE.has(before) || /^(?:feel|feels|felt|seem|seems|seemed|remain|stay|be)$/.test(before))
    return { tag: isFeeling && (after === undefined || /^(?:with|to|and|in|now|just)$/.test(after)) ? 'ADJ' : 'NOUN' }
  },
  contents: () => ({ tag: 'NOUN' }),
  invalid: () => ({ tag: 'ADJ' }),
  resume: (place) => (!isVerb(place) && isAfterNounWord(place) ? { sound: 'ɹˈɛzəmˌA' } : {}),
  resumes: (place) => (isAfterNounWord(place) ? { sound: 'ɹˈɛzəmˌAz' } : {}),
  refuse: (place) => (/^(?:collection|bin|bins|truck|disposal|sacks?)$/.test(place.after ?? '') ? { tag: 'NOUN' } : undefined),
  polish: (place) => (isVerb(place) || (isStart(place) && hasObject(place)) ? { sound: 'pˈɑlɪʃ' } : {}),
  learned: ({ after }) => ({
    tag: after !== undefined && /^(?:man|men|woman|scholar|scholars|professor|judge|friend|society)$/.test(after) ? 'ADJ' : 'VERB',
  }),
  overall: ({ after }) => ({ tag: after === undefined || isFunctionWord(after) ? 'ADV' : 'ADJ' }),
  underground: ({ after, before }) => ({
    tag: (after === undefined || isFunctionWord(after)) && !(before !== undefined && DETERMINERS.has(before)) ? 'ADV' : 'NOUN',
  }),
  uphill: ({ after }) => ({ tag: after === undefined || isFunctionWord(after) ? 'ADV' : 'ADJ' }),
  nearby: ({ after }) => ({ tag: after === undefined || isFunctionWord(after) ? 'ADV' : 'ADJ' }),
  inside: ({ after }) => ({ tag: after !== undefined && /^(?:job|joke|information|track|story|out)$/.test(after) ? 'ADJ' : 'ADV' }),
  that: ({ near, before, after }) => {
    const isJoining =
      near === 'now' || (before !== undefined && after !== undefined && (SUBJECTS.has(after) || /^(?:an?|the|my|our|their)$/.test(after)))
    const isPointing =
      before === undefined ||
      after === undefined ||
      PREPOSITIONS.has(before) ||
      CONJUNCTIONS.has(before) ||
      BE.has(before) ||
      before === 'that'
    return { tag: isPointing && !isJoining ? 'DT' : undefined }
  },
}

/** undefined where the general rules decide. */
export function readingOf(place: Place): Reading | undefined {
  return Object.hasOwn(RULES, place.word) ? RULES[place.word]?.(place) : undefined
}
