/** What flows between the stages of a turn. */
import type { MouthFrames } from '../../lipsync/types.ts'
import type { CharacterTime, Phone } from '../../providers/tts/types.ts'

/** Text that is synthesized at once. `durationMs` is an estimate until all of its audio is there. */
export interface Clause {
  readonly text: string
  durationMs: number
  /** Times of phones or characters, as far as the TTS provider has given them. */
  phones?: readonly Phone[]
  characters?: CharacterTime[]
}

/** A piece of a clause's audio, as the TTS provider gives it. */
export interface Speech {
  clause: Clause
  /** 16-bit PCM mono at SAMPLE_RATE. */
  pcm: Int16Array
  /** All phones of the clause, on its first piece, where the TTS provider knows them. */
  phones?: readonly Phone[]
  /** Characters whose times became known with this piece, where the TTS provider knows them. */
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
