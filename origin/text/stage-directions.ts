/** What a model writes that it does, between its words: `*smiles*`, `[laughs]`, `(waves)`. */

const VERBS =
  'smil laugh giggl chuckl wav nod sigh wink grin cough gasp shrug bow clap whisper paus gestur lean blush smirk sob cri cry yawn frown beam hug cheer snort sniff sniffl ponder scratch stretch hum groan growl scream shout mumbl mutter exhal inhal breath gulp facepalm applaud danc twirl jump bounc clear roll rais tilt shak look glanc turn step walk sit stand point tak think sing whistl adjust reach thumb cock rub stroke'.split(
    ' ',
  )
/** Verbs that also begin what is to be said: only with what usually follows. */
const OFTEN_SAID: Readonly<Record<string, RegExp>> = {
  look: /^looks? (?:at|away|down|up|around|into|over)\b/,
  point: /^points? (?:at|toward|to the)\b/,
  turn: /^turns? (?:to|toward|around|away)\b/,
  tak: /^takes? (?:a (?:deep )?breath|a bow)\b/,
  think: /^(?:thinks?|thinking)$/,
  stand: /^stands? (?:up|still)\b/,
  step: /^steps? (?:back|forward|closer|aside)\b/,
  roll: /^roll(?:s|ing) (?:(?:his|her|their|my) )?eyes\b/,
  rais: /^rais(?:es|ing) (?:(?:his|her|their|my|an|a|one) )?(?:eyebrows?|hands?|glass)\b/,
  clear: /^clear(?:s|ing) (?:(?:his|her|their|my) )?throat\b/,
  shak: /^shak(?:es|ing) (?:(?:his|her|their|my) )?(?:head|hands)\b/,
  reach: /^reach(?:es|ing) (?:out|for|over)\b/,
  sit: /^sits? (?:down|back|up)\b/,
  walk: /^walks? (?:to|toward|away|over|around|closer)\b/,
  paus: /^(?:pauses?|pausing)\b/,
  hum: /^hum(?:s|ming)\b/,
  danc: /^danc(?:es|ing)\b/,
  thumb: /^thumbs? up\b/,
  adjust: /^adjust(?:s|ing) (?:his|her|their|my)\b/,
  rub: /^rub(?:s|bing) (?:his|her|their|my)\b/,
  stroke: /^strok(?:es|ing)\b/,
  jump: /^jump(?:s|ing)(?: up| around)?$/,
  sing: /^sing(?:s|ing)$/,
  stretch: /^stretch(?:es|ing)$/,
}
const MANNERS =
  /^(?:(?:softly|quietly|gently|warmly|happily|sadly|cheerfully|playfully|nervously|sarcastically|excitedly|slowly) ?)+$|^(?:excited|sarcastic|curious|crying|mischievously|sarcastically|whispering|applause|laughter|music|upbeat music|silence|gasps|excitedly|short pause|long pause|dramatic pause)$/
const LEAD = /^(?:(?:she|he|they|anna|i) )?(?:(?:[a-z]+ly) )?/
const MAX_WORDS = 8

/** @param text between the signs @param isStarred a lone adverb between asterisks is emphasised */
export function isStageDirection(text: string, isStarred = false): boolean {
  const plain = text
    .trim()
    .replace(/^[[(]|[\])]$/g, '')
    .toLowerCase()
    .replace(/[.!…,]+$/, '')
    .replace(/,/g, '')
  if (plain === '' || /\d/.test(plain) || plain.split(/\s+/).length > MAX_WORDS) return false
  if (MANNERS.test(plain)) return !isStarred
  const action = plain.replace(LEAD, '')
  return isAction(action)
}

function isAction(action: string): boolean {
  const [first = ''] = action.split(/\s+/)
  const stem = stemOf(first)
  const often = OFTEN_SAID[stem]
  return often ? often.test(action) : VERBS.includes(stem)
}

/** The first word may begin a stage direction: what follows decides. */
export function mayBeStageDirection(text: string): boolean {
  const action = text.trimStart().toLowerCase().replace(LEAD, '')
  const [first = ''] = action.split(/\s+/)
  return first === '' || VERBS.includes(stemOf(first)) || /^(?:[a-z]+ly|excited|short|long|dramatic|upbeat)$/.test(first)
}

function stemOf(word: string): string {
  const plain = word.replace(/[^a-z]/g, '')
  const ending = /(?:ies|ing|es|s|e)$/.exec(plain)?.[0] ?? ''
  for (const stem of [plain, plain.slice(0, plain.length - ending.length), plain.replace(/s$/, ''), plain.replace(/([a-z])\1ing$/, '$1')]) {
    if (VERBS.includes(stem)) return stem
  }
  return plain
}
