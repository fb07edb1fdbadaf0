/** Sounds of English endings after a stem, and the stems that a word may have. */

/** Before them, and before a vowel, American English taps its t. */
const TAPPING: ReadonlySet<string> = new Set('AIOWYiuæɑəɛɪɹʊʌ')

/** Plural, third person, genitive. */
export function withS(stem: string): string {
  if (/[ptkfθ]$/.test(stem)) return `${stem}s`
  return /[szʃʒʧʤ]$/.test(stem) ? `${stem}ᵻz` : `${stem}z`
}

/** Past. */
function withEd(stem: string): string {
  if (/[pkfθʃsʧ]$/.test(stem)) return `${stem}t`
  return /[td]$/.test(stem) ? `${tapped(stem)}ᵻd` : `${stem}d`
}

/** A stem before an ending that begins with a vowel. */
function tapped(stem: string): string {
  return stem.endsWith('t') && TAPPING.has(stem.at(-2) ?? '') ? `${stem.slice(0, -1)}ɾ` : stem
}

interface Derivation {
  stem: string
  sound(stem: string): string
}

const add =
  (ending: string) =>
  (stem: string): string =>
    (/^[əɪi]/.test(ending) ? tapped(stem) : stem) + ending

/** In the order of their right. The first group of a pattern is the stem, what follows the arrow is written after it. */
const ENDINGS: readonly (readonly [pattern: RegExp, rest: readonly string[], sound: (stem: string) => string])[] = [
  [/^(.+)'s$/, [''], withS],
  [/^(.+s)'$/, [''], (stem) => (/[sz]$/.test(stem) ? stem : withS(stem))],
  [/^(.+)'$/, [''], (stem) => stem],
  [/^(.+n)'t$/, [''], add('t')],
  [/^(.+)'ll$/, [''], add('əl')],
  [/^(.+)'ve$/, [''], add('əv')],
  [/^(.+)'re$/, [''], add('əɹ')],
  [/^(.+)'d$/, [''], (stem) => (/[td]$/.test(stem) ? `${stem}əd` : `${stem}d`)],
  [/^(.+[^s'])s$/, [''], withS],
  [/^(.{3,})ies$/, ['y'], withS],
  [/^(.{3,})es$/, [''], withS],
  [/^(.{2,})ed$/, ['e', ''], withEd],
  [/^(.{2,})ied$/, ['y'], withEd],
  [/^(.+([bdgklmnprtvz]))\2ed$/, [''], withEd],
  [/^(.{2,})ing$/, ['', 'e'], add('ɪŋ')],
  [/^(.+([bdgklmnprtvz]))\2ing$/, [''], add('ɪŋ')],
  [/^(.+c)king$/, [''], add('ɪŋ')],
  [/^(.{3,})ers?$/, ['', 'e'], add('əɹ')],
  [/^(.+([bdgklmnprtvz]))\2er$/, [''], add('əɹ')],
  [/^(.{3,})ly$/, [''], (stem) => (stem.endsWith('l') ? `${stem}i` : `${stem}li`)],
  [/^(.{3,})ness$/, [''], add('nəs')],
  [/^(.{3,})less$/, [''], add('ləs')],
  [/^(.{3,})like$/, [''], add('lˌIk')],
  [/^(.{3,})ish$/, ['', 'e'], add('ɪʃ')],
  [/^(.{3,})able$/, ['', 'e'], add('əbᵊl')],
]

const PREFIXES: Readonly<Record<string, string>> = {
  un: 'ˌʌn',
  re: 'ɹˌi',
  non: 'nˌɑn',
  pre: 'pɹˌi',
  anti: 'ˌæntˌI',
  auto: 'ˌɔɾO',
  bio: 'bˌIO',
  co: 'kˌO',
  cyber: 'sˌIbəɹ',
  de: 'dˌi',
  dis: 'dˌɪs',
  hyper: 'hˌIpəɹ',
  inter: 'ˌɪntəɹ',
  mega: 'mˌɛɡə',
  micro: 'mˌIkɹO',
  mini: 'mˌɪni',
  mis: 'mˌɪs',
  multi: 'mˌʌlti',
  nano: 'nˌænO',
  neuro: 'nˌʊɹO',
  out: 'ˌWt',
  over: 'ˌOvəɹ',
  post: 'pˌOst',
  semi: 'sˌɛmi',
  sub: 'sˌʌb',
  super: 'sˌupəɹ',
  tele: 'tˌɛlə',
  trans: 'tɹˌænz',
  ultra: 'ˌʌltɹə',
  under: 'ˌʌndəɹ',
}

/** Ways to take a word apart into a stem and an ending or a beginning, the likeliest first. */
export function* derivations(word: string): Generator<Derivation> {
  for (const [pattern, rests, sound] of ENDINGS) {
    const stem = pattern.exec(word)?.[1]
    if (stem === undefined) continue
    for (const rest of rests)
      yield { stem: stem + rest, sound: /ers$/.test(word) && pattern.source.includes('ers?') ? (s) => withS(sound(s)) : sound }
  }
  for (const [prefix, start] of Object.entries(PREFIXES)) {
    if (word.startsWith(prefix) && word.length >= prefix.length + 4)
      yield { stem: word.slice(prefix.length), sound: (stem) => start + stem }
  }
}
