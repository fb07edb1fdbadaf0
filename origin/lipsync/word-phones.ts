/**
 * Where the sounds of a written word lie. Lips meet at letters that everybody can name, so those sounds are tied to
 * their letters' times; the others share what lies between by their usual lengths.
 */
import type { CharacterTime, Phone } from '../providers/tts/types.ts'

/** ms of a phone in connected speech: means over 14 sentences of three voices (the embedded slt, rms and awb). */
const USUAL_MS: Readonly<Record<string, number>> = {
  aa: 129,
  ae: 108,
  ah: 78,
  ao: 126,
  aw: 146,
  ax: 44,
  ay: 164,
  b: 65,
  ch: 125,
  d: 51,
  dh: 57,
  eh: 88,
  er: 112,
  ey: 140,
  f: 111,
  g: 83,
  hh: 57,
  ih: 65,
  iy: 104,
  jh: 111,
  k: 86,
  l: 101,
  m: 73,
  n: 64,
  ng: 115,
  ow: 118,
  oy: 239,
  p: 104,
  r: 76,
  s: 128,
  sh: 133,
  t: 68,
  th: 89,
  uh: 54,
  uw: 87,
  v: 64,
  w: 77,
  y: 90,
  z: 95,
  zh: 93,
}
const OTHER_MS = 80

/** Spellings of sounds that are made with the lips. Longer ones first; a doubled letter is one sound. */
const LIP_LETTERS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^ph/, ['f', 'v', 'p']],
  [/^gh/, ['f']],
  [/^p+/, ['p']],
  [/^b+/, ['b']],
  [/^m+/, ['m', 'em']],
  [/^f+/, ['f', 'v']],
  [/^v+/, ['v', 'f']],
]
const LIP_SOUNDS = new Set(LIP_LETTERS.flatMap(([, sounds]) => sounds))

/** A part of a word that some sound may be tied to, by characters. */
interface LipSpelling {
  sounds: readonly string[]
  from: number
  to: number
}

/**
 * Phones of one word with their times.
 *
 * @param characters of the word, in order
 * @param names of its phones, in order
 */
export function placePhones(characters: readonly CharacterTime[], names: readonly string[]): Phone[] {
  const first = characters[0]
  const last = characters.at(-1)
  if (!first || !last || names.length === 0) return []
  const tied = tieToLetters(characters, names)
  const phones: Phone[] = []
  let atS = first.startS
  let from = 0
  for (let i = 0; i <= names.length; i++) {
    const anchor = i === names.length ? { startS: last.endS, endS: last.endS } : tied.get(i)
    if (!anchor || anchor.startS < atS) continue
    // With no sound between, letters that are not heard belong to the sounds beside them.
    const before = phones.at(-1)
    if (i > from) spread(phones, names.slice(from, i), atS, anchor.startS)
    else if (before) before.endS = i === names.length ? anchor.startS : (before.endS + anchor.startS) / 2
    if (i === names.length) break
    const startS = i > from ? anchor.startS : (phones.at(-1)?.endS ?? first.startS)
    phones.push({ name: names[i] ?? '', startS, endS: Math.max(startS, anchor.endS) })
    atS = Math.max(startS, anchor.endS)
    from = i + 1
  }
  return phones
}

function spread(phones: Phone[], names: readonly string[], fromS: number, toS: number): void {
  const total = names.reduce((sum, name) => sum + usualMs(name), 0)
  let atS = fromS
  for (const name of names) {
    const endS = atS + ((toS - fromS) * usualMs(name)) / total
    phones.push({ name, startS: atS, endS })
    atS = endS
  }
}

function usualMs(name: string): number {
  return USUAL_MS[name] ?? OTHER_MS
}

/** Times of the letters of sounds that could be told, by the sound's index: the longest matching of both in order. */
function tieToLetters(characters: readonly CharacterTime[], names: readonly string[]): Map<number, { startS: number; endS: number }> {
  const sounds = names.flatMap((name, index) => (LIP_SOUNDS.has(name) ? [{ name, index }] : []))
  const spellings = sounds.length > 0 ? lipSpellings(characters) : []
  const tied = new Map<number, { startS: number; endS: number }>()
  const lengths = matchLengths(sounds, spellings)
  let s = 0
  let l = 0
  while (s < sounds.length && l < spellings.length) {
    const sound = sounds[s]
    const spelling = spellings[l]
    if (sound && spelling?.sounds.includes(sound.name)) {
      tied.set(sound.index, { startS: characters[spelling.from]?.startS ?? 0, endS: characters[spelling.to - 1]?.endS ?? 0 })
      s++
      l++
    } else if ((lengths[s + 1]?.[l] ?? 0) >= (lengths[s]?.[l + 1] ?? 0)) s++
    else l++
  }
  return tied
}

/** Longest common subsequence of what follows each pair of places. */
function matchLengths(sounds: readonly { name: string }[], spellings: readonly LipSpelling[]): number[][] {
  const lengths = Array.from({ length: sounds.length + 1 }, () => new Array<number>(spellings.length + 1).fill(0))
  for (let s = sounds.length - 1; s >= 0; s--) {
    for (let l = spellings.length - 1; l >= 0; l--) {
      const fits = spellings[l]?.sounds.includes(sounds[s]?.name ?? '')
      const row = lengths[s]
      if (row) row[l] = fits ? 1 + (lengths[s + 1]?.[l + 1] ?? 0) : Math.max(lengths[s + 1]?.[l] ?? 0, row[l + 1] ?? 0)
    }
  }
  return lengths
}

function lipSpellings(characters: readonly CharacterTime[]): LipSpelling[] {
  const found: LipSpelling[] = []
  let from = 0
  while (from < characters.length) {
    const rest = characters
      .slice(from)
      .map(({ text }) => text.charAt(0).toLowerCase() || ' ')
      .join('')
    const match = LIP_LETTERS.find(([pattern]) => pattern.test(rest))
    const length = match?.[0].exec(rest)?.[0].length ?? 1
    if (match) found.push({ sounds: match[1], from, to: from + length })
    from += length
  }
  return found
}
