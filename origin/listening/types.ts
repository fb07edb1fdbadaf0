/** What listening needs of the session: control over the avatar's speech, and the audio that may come back as echo. */
import type { InterruptResponse } from '../../shared/api.ts'

/** When the user stopped speaking, on `performance.now()`'s scale; a turn is measured from `endMs`. */
export interface UserSpeechTimes {
  /** End of the user's speech. */
  endMs: number
  /** When the detector noticed it; undefined where the client stopped listening. */
  vadEndMs?: number
  /** When the transcript was complete. */
  sttFinalMs?: number
}

/** The audio sent to the clients last, silence included: an echo can only consist of it. */
export interface EchoReference {
  /** The last second, oldest first; SAMPLE_RATE. Zeros where nothing sounded. */
  recent(): Int16Array
  /** When the last of those samples sounds, on `performance.now()`'s scale. */
  readonly untilMs: number
}

/** The avatar's speech, as far as the listener may control it. */
export interface SpeechControl {
  /** A task sounds now: not before its first sound, and not while it is paused. */
  readonly speaking: boolean
  readonly paused: boolean
  /** The task that sounds, is paused or is next; undefined where there is none. */
  readonly current: object | undefined
  /** ms of speech that have not left; Infinity where that is not known. */
  readonly remainingMs: number
  readonly echoReference: EchoReference
  /** Pauses speech at once: nothing of it leaves until it is resumed or interrupted. @returns false when there is nothing to pause */
  pauseSpeech(): boolean
  /** Continues paused speech. @returns false when none is paused */
  resumeSpeech(): boolean
  /** Ends the current task and all that wait. */
  interrupt(): InterruptResponse
  /** Answers the user's text aloud; failures become events. */
  answer(text: string, times?: UserSpeechTimes): void
}
