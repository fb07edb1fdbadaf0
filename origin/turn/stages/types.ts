/** What flows between the stages of a turn. */
import type { MouthFrames } from '../../lipsync/types.ts'
import type { CharacterTime, Phone } from '../../providers/tts/types.ts'

/** Text that is spoken in one breath. `durationMs` is an estimate until all of its sound is there. */
export interface Clause {
  readonly text: string
  durationMs: number
  /** What the voice has told so far of the sounds or the characters of the text. */
  phones?: readonly Phone[]
  characters?: CharacterTime[]
}

/** Sound of a clause, as the voice gives it. */
export interface Speech {
  clause: Clause
  /** 16-bit PCM mono at SAMPLE_RATE. */
  pcm: Int16Array
  /** All phones of the clause, on its first piece, where the voice knows them. */
  phones?: readonly Phone[]
  /** Characters whose times became known with this piece, where the voice knows its text. */
  characters?: readonly CharacterTime[]
  /** True on the first piece of its clause. */
  first: boolean
  last: boolean
}

/** A part of a reply that is played as a unit: sound, and the mouth that goes with it. */
export interface Segment {
  clause: Clause
  /** ms from the clause's first sample. */
  offsetMs: number
  pcm: Int16Array
  /** [frames, VISEMES.length] at MOUTH_FPS. */
  mouth: MouthFrames
}
