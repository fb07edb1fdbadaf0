/** Closed classes of English words, in small letters, by which the neighbours of a word tell its part of speech. */

export const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

/** A bare verb follows. */
export const MODALS = words(`will would can could shall should may might must cannot do does did don't doesn't didn't won't wouldn't can't
  couldn't shouldn't mustn't let's please gonna wanna gotta let helps help`)
export const PERFECT = words("have has had having haven't hasn't hadn't i've you've we've they've who've could've would've should've")
export const BE =
  words(`am is are was were be been being isn't aren't wasn't weren't i'm you're we're they're he's she's it's that's what's who's
  where's there's here's how's`)
/** Persons, after whom used to is a habit. */
export const PERSON_BE = words("i'm you're we're they're he's she's get gets got getting become becomes became am")
export const SUBJECTS = words('i you we they he she it who everyone everybody someone somebody anyone nobody')
export const THIRD = words('he she it who everyone everybody someone somebody anyone nobody')
export const OBJECTS = words('me him them us it this that these those you yourself myself himself herself itself themselves everything')
export const DETERMINERS =
  words(`the a an this these those my your his her its our their no any some each every another which whose what all both
  either neither more most less much many few several such other own same enough first second third last next one two three four five six
  seven eight nine ten hundred thousand million new old good great bad best better worst big small high low long short large little young
  current recent daily weekly monthly yearly early late free full real main common huge single double fresh strong heavy light fair smart
  hot cold world simple whole different important local open fast safe average healthy happy key broken modern human`)
export const PREPOSITIONS =
  words(`of in on for with by from at about into onto without under over between through during like than as per via
  against within among across behind beyond toward towards upon despite versus amid`)
export const CONJUNCTIONS = words('and or but then so nor because if when while although though since until unless after before once where')
/** Verbs whose object has no article here. */
export const TAKING =
  words(`make makes made making take takes took taking need needs needed want wants keep keeps set sets find finds create creates
  created creating add adds added adding give gives gave giving show shows get gets got offer offers provide provides share shares buy buys
  sell sells include includes post posts publish generate`)
/** With two objects: what follows `you` is no verb. */
export const GIVING = words('give gives gave giving send sends sent show shows offer offers bring brings tell tells get gets thank')
/** Plurals that stand before nouns. */
export const ADJUNCTS = words('sales sports news arms savings systems goods customs communications operations resources awards series')
/** Between a verb and what it depends on. */
const ADVERBS =
  words(`not never always also just still even ever often sometimes usually really actually now then already soon rather almost
  quite very too so to-day only once again well`)
const NO_ADVERB = words(
  'daily weekly monthly yearly early friendly likely lovely family reply apply supply fly july italy rely ugly holy ally jelly belly bully',
)
/** A noun follows `to` after them. */
export const TO_NOUN = words(
  'due thanks according owing compared prior access relation response contrary addition exposure subject similar equal leads led lead',
)

export function isAdverb(word: string): boolean {
  return ADVERBS.has(word) || (word.length > 4 && word.endsWith('ly') && !NO_ADVERB.has(word))
}

function isGenitive(word: string): boolean {
  return /(?:'s|s')$/.test(word) && !BE.has(word) && !MODALS.has(word)
}

/** Determiners, genitives and adjectives: a noun comes. */
export function announcesNoun(word: string): boolean {
  return DETERMINERS.has(word) || isGenitive(word) || /^.{3,}(?:al|ive|ous|ic|ful|ary|able|ible|est)$/.test(word)
}

export function isFunctionWord(word: string): boolean {
  return (
    [MODALS, PERFECT, BE, SUBJECTS, OBJECTS, DETERMINERS, PREPOSITIONS, CONJUNCTIONS].some((set) => set.has(word)) ||
    word === 'to' ||
    isAdverb(word)
  )
}

export function isPlural(word: string): boolean {
  return /^.*[^sui']s$/.test(word) || /^(?:people|children|men|women|police|kids)$/.test(word)
}
