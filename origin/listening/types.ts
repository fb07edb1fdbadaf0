/** What hearing needs of the session: its say over the avatar's speech, and what the avatar says into the user's microphone. */
import type { InterruptResponse } from '../../shared/api.ts'

/** When the user stopped, on `performance.now()`'s scale; a turn is measured from `endMs`. */
export interface UserSpeechTimes {
  /** The user's last sound. */
  endMs: number
  /** The detector has noticed it; undefined where the user closed the ear. */
  vadEndMs?: number
  /** The text was there. */
  sttFinalMs?: number
}

/** Sound that left for the clients lately, silence included: what an echo can be made of. */
export interface EchoReference {
  /** The last second, oldest first; SAMPLE_RATE. Zeros where nothing sounded. */
  recent(): Int16Array
  /** When the last of those samples sounds, on `performance.now()`'s scale. */
  readonly untilMs: number
}

/** The avatar's speech as the ears may hold it. */
export interface SpeechControl {
  /** A task sounds now: not before its first sound, and not while it is held. */
  readonly speaking: boolean
  readonly paused: boolean
  /** What sounds, is held, or is to sound next; undefined where nothing is to be said. */
  readonly current: object | undefined
  readonly echoReference: EchoReference
  /** Holds the speech at once; nothing of it leaves until it is resumed or interrupted. @returns false when nothing is to be held */
  pauseSpeech(): boolean
  /** Goes on where the speech was held. @returns false when nothing is held */
  resumeSpeech(): boolean
  /** Ends the speech and all that waits. */
  interrupt(): InterruptResponse
  /** Answers what the user said, aloud; failures go out as events. */
  answer(text: string, times?: UserSpeechTimes): void
}
