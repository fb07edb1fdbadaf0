/**
 * Mouth from what is said and when, over what is heard. The network misses a third of the closures that voices make; the
 * text knows every one of them. So within words closures and bites are those of the text, and vowels are of both.
 */
import { VISEMES } from '../../shared/face.ts'
import { MOUTH_FPS } from '../../shared/media.ts'
import type { CharacterTime, Phone, Pronouncer } from '../providers/tts/types.ts'
import { VISEME_INDEX } from './cmu-visemes.ts'
import { mouthFromPhones } from './phones.ts'
import type { MouthFrames, MouthFromText, TextMouth } from './types.ts'
import { placePhones } from './word-phones.ts'

const WIDTH = VISEMES.length
const { sil, PP, FF } = VISEME_INDEX
/** Share of the text in vowels; the rest is the network's, whose places are those of the sound. */
const TEXT_SHARE = 0.7
/** s; a shorter gap between words is a space between letters, not a silence. */
const SPACE_S = 0.12
/** s around rows within which words shape them. */
const REACH_S = 0.5
/** Words of a clause that are kept: all of any that is spoken in one breath. */
const MAX_WORDS = 400
const WORD_CHARACTER = /^[\p{L}\p{M}\p{N}'\u2019]/u

interface Word {
  characters: CharacterTime[]
  startS: number
  endS: number
  /** Undefined until it was pronounced. */
  names: readonly string[] | undefined
}

class ClauseMouth implements TextMouth {
  readonly #pronouncer: Pronouncer
  readonly #words: Word[] = []
  #open: CharacterTime[] = []

  constructor(pronouncer: Pronouncer) {
    this.#pronouncer = pronouncer
  }

  get knownUntilS(): number {
    return this.#open[0]?.startS ?? Number.POSITIVE_INFINITY
  }

  add(characters: readonly CharacterTime[]): void {
    for (const character of characters) {
      if (WORD_CHARACTER.test(character.text)) this.#open.push(character)
      else this.#closeWord()
    }
  }

  async settle({ isLast }: { isLast: boolean }): Promise<void> {
    if (isLast) this.#closeWord()
    const unknown = this.#words.filter(({ names }) => names === undefined)
    if (unknown.length === 0) return
    const names = await this.#pronouncer.pronounce(unknown.map(({ characters }) => characters.map(({ text }) => text).join('')))
    for (const [i, word] of unknown.entries()) word.names = names[i] ?? []
  }

  blend(rows: MouthFrames, firstRow: number): MouthFrames {
    const fromS = firstRow / MOUTH_FPS
    const toS = (firstRow + rows.length / WIDTH) / MOUTH_FPS
    // A whole number of rows, so that the text's rows are those of the sound.
    const baseS = Math.max(0, firstRow - REACH_S * MOUTH_FPS) / MOUTH_FPS
    const near = this.#words.filter(({ startS, endS }) => endS > baseS && startS < toS + REACH_S)
    const phones = withoutSpaces(near).flatMap(({ characters, names }) => placePhones(characters, names ?? []))
    if (phones.length === 0) return rows
    const shifted = phones
      .map(({ name, startS, endS }): Phone => ({ name, startS: Math.max(0, startS - baseS), endS: endS - baseS }))
      .filter(({ endS }) => endS > 0)
    const said = mouthFromPhones(shifted, Math.max(toS, phones.at(-1)?.endS ?? 0) - baseS)
    const out = rows.slice()
    for (let row = 0; row * WIDTH < rows.length; row++) {
      const timeS = fromS + row / MOUTH_FPS
      if (!phones.some(({ startS, endS }) => timeS >= startS - HALF_ROW_S && timeS < endS + HALF_ROW_S)) continue
      const at = Math.round((fromS - baseS) * MOUTH_FPS) + row
      mix(out.subarray(row * WIDTH, (row + 1) * WIDTH), said.subarray(at * WIDTH, (at + 1) * WIDTH))
    }
    return out
  }

  #closeWord(): void {
    const [first] = this.#open
    const last = this.#open.at(-1)
    if (first && last && this.#words.length < MAX_WORDS) {
      this.#words.push({ characters: this.#open, startS: first.startS, endS: last.endS, names: undefined })
    }
    this.#open = []
  }
}

const HALF_ROW_S = 0.5 / MOUTH_FPS

/** Words that go on to the middle of a space between them. */
function withoutSpaces(words: readonly Word[]): Word[] {
  return words.map((word, i) => {
    const gapBeforeS = word.startS - (words[i - 1]?.endS ?? Number.NEGATIVE_INFINITY)
    const gapAfterS = (words[i + 1]?.startS ?? Number.POSITIVE_INFINITY) - word.endS
    const startS = gapBeforeS < SPACE_S ? word.startS - gapBeforeS / 2 : word.startS
    const endS = gapAfterS < SPACE_S ? word.endS + gapAfterS / 2 : word.endS
    const characters = word.characters.map((character, place) => ({
      ...character,
      ...(place === 0 ? { startS } : {}),
      ...(place === word.characters.length - 1 ? { endS } : {}),
    }))
    return { ...word, characters, startS, endS }
  })
}

/** @param heard row of the network; becomes the mixed one @param said row of the text */
function mix(heard: Float32Array, said: Float32Array): void {
  const contact = (said[PP] ?? 0) + (said[FF] ?? 0)
  const heardContact = (heard[PP] ?? 0) + (heard[FF] ?? 0)
  // In silence the text has no say but for its closures: times that are a little off would move a mouth that rests.
  const silence = (heard[sil] ?? 0) / Math.max(1e-6, 1 - heardContact)
  const share = heardContact > 0.99 ? 1 : contact > 0.99 ? 0 : TEXT_SHARE * (1 - Math.min(1, silence))
  for (let i = 0; i < WIDTH; i++) {
    if (i === PP || i === FF) continue
    const fromText = contact > 0.99 ? 0 : (said[i] ?? 0) / (1 - contact)
    const fromSound = heardContact > 0.99 ? 0 : (heard[i] ?? 0) / (1 - heardContact)
    heard[i] = (1 - contact) * (share * fromText + (1 - share) * fromSound)
  }
  heard[PP] = said[PP] ?? 0
  heard[FF] = said[FF] ?? 0
}

export function createMouthFromText(pronouncer: Pronouncer): MouthFromText {
  return { open: () => new ClauseMouth(pronouncer) }
}
