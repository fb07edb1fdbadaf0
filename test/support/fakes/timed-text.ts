/** Speech of the embedded voice as a voice that knows its text would give it: the times of characters, not of phones. */
import type { CharacterTime, Phone, Pronouncer } from '../../../origin/providers/tts/types.ts'

const WORDS = /[A-Za-z']+/g
const LIPS = /ph|gh|p+|b+|m+|f+|v+/gi
const LIP_PHONES = new Set(['p', 'b', 'm', 'f', 'v'])

/** True phones of every word of a text: those of the words said alone, aligned with those that were said. */
async function phonesOfWords(text: string, phones: readonly Phone[], pronouncer: Pronouncer): Promise<Phone[][]> {
  const words = text.match(WORDS) ?? []
  const alone = (await pronouncer.pronounce(words)).flatMap((names, word) => names.map((name) => ({ name, word })))
  const said = phones.filter(({ name }) => name !== 'pau')
  const cost = Array.from({ length: alone.length + 1 }, (_, a) =>
    Array.from({ length: said.length + 1 }, (_, s) => (a === 0 ? s : s === 0 ? a : 0)),
  )
  const at = (a: number, s: number): number => cost[a]?.[s] ?? Number.POSITIVE_INFINITY
  const swap = (a: number, s: number): number => (alone[a - 1]?.name === said[s - 1]?.name ? 0 : 1.5)
  for (let a = 1; a <= alone.length; a++) {
    for (let s = 1; s <= said.length; s++) {
      const row = cost[a]
      if (row) row[s] = Math.min(at(a - 1, s - 1) + swap(a, s), at(a - 1, s) + 1, at(a, s - 1) + 1)
    }
  }
  const found: Phone[][] = words.map(() => [])
  let a = alone.length
  let s = said.length
  while (s > 0) {
    if (a > 0 && at(a, s) === at(a - 1, s) + 1) a--
    else {
      const phone = said[s - 1]
      if (phone) found[alone[Math.max(0, a - 1)]?.word ?? 0]?.unshift(phone)
      if (at(a, s) === at(a - 1, s - 1) + swap(a, s)) a--
      s--
    }
  }
  return found
}

/**
 * @param spelled `even`: letters share their word's time. `true`: letters of lip sounds have those sounds' times, as an
 * aligner finds them.
 */
export async function timesOfCharacters(
  text: string,
  phones: readonly Phone[],
  pronouncer: Pronouncer,
  spelled: 'even' | 'true',
): Promise<CharacterTime[]> {
  const words = await phonesOfWords(text, phones, pronouncer)
  const times: CharacterTime[] = []
  let atS = phones.find(({ name }) => name !== 'pau')?.startS ?? 0
  let from = 0
  for (const [i, match] of [...text.matchAll(WORDS)].entries()) {
    const own = words[i] ?? []
    const startS = own[0]?.startS ?? atS
    for (const sign of text.slice(from, match.index)) times.push({ text: sign, startS: atS, endS: startS })
    const endS = own.at(-1)?.endS ?? startS
    times.push(...spell(match[0], own, startS, endS, spelled))
    atS = endS
    from = match.index + match[0].length
  }
  for (const sign of text.slice(from)) times.push({ text: sign, startS: atS, endS: atS })
  return times
}

function spell(word: string, phones: readonly Phone[], startS: number, endS: number, spelled: 'even' | 'true'): CharacterTime[] {
  const lips = phones.filter(({ name }) => LIP_PHONES.has(name))
  const letters = [...word.matchAll(LIPS)]
  const fixed = spelled === 'true' && lips.length === letters.length ? letters.map((letter, i) => ({ letter, phone: lips[i] })) : []
  const times: CharacterTime[] = []
  let atS = startS
  let from = 0
  const share = (part: string, untilS: number): void => {
    for (const [i, text] of [...part].entries()) {
      const eachS = (untilS - atS) / part.length
      times.push({ text, startS: atS + i * eachS, endS: atS + (i + 1) * eachS })
    }
    atS = untilS
  }
  for (const { letter, phone } of fixed) {
    share(word.slice(from, letter.index), phone?.startS ?? atS)
    share(letter[0], phone?.endS ?? atS)
    from = letter.index + letter[0].length
  }
  share(word.slice(from), endS)
  return times
}
