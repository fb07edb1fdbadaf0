/** The cues of one task, each returned once it is due. */
import type { Cue } from '../../shared/api.ts'
import type { Segment } from '../turn/stages/types.ts'

export class CueSheet {
  readonly #byWord: Cue[]
  #byTime: { atMs: number; cue: Cue }[]

  constructor(cues: readonly Cue[]) {
    this.#byWord = cues.filter((cue) => cue.word !== undefined)
    this.#byTime = cues.flatMap((cue) => (cue.at_ms === undefined ? [] : [{ atMs: cue.at_ms, cue }]))
  }

  /** A clause begins to sound: cues at its words get their times, by the word's position in the text. @param ptsMs when it begins, from the task's first sample */
  begin({ clause, offsetMs }: Segment, ptsMs: number): void {
    if (offsetMs > 0) return
    const text = clause.text.toLowerCase()
    for (const cue of [...this.#byWord]) {
      const place = wordPlace(text, cue.word?.toLowerCase() ?? '')
      if (place < 0) continue
      this.#byWord.splice(this.#byWord.indexOf(cue), 1)
      this.#byTime.push({ atMs: ptsMs + (place / text.length) * clause.durationMs, cue })
    }
  }

  /** Cues that are due by this time of the task; each is returned once. */
  due(playedMs: number): Cue[] {
    const now = this.#byTime.filter(({ atMs }) => atMs <= playedMs)
    this.#byTime = this.#byTime.filter(({ atMs }) => atMs > playedMs)
    return now.sort((a, b) => a.atMs - b.atMs).map(({ cue }) => cue)
  }
}

/** Index of a whole word in a text, -1 where it is not there. */
function wordPlace(text: string, word: string): number {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const isLetter = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character)
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) return at
  }
  return -1
}
