/** Turns probabilities of speech into the start and end of the user's turns. Time is that of the audio, not of the clock. */

/** Below the threshold by this much, speech that has begun counts as silence. */
const HYSTERESIS = 0.15
const MIN_THRESHOLD = 0.03
/** ms between two sounds of speech that belong together before a turn has begun. */
const MAX_GAP_MS = 80
/** Probability that coughs and noise reach for a moment only. */
const SURE = 0.8

export interface TurnDetectorOptions {
  /** Probability above which sound counts as speech. */
  threshold: number
  /** ms of silence that end a turn. */
  silenceMs: number
  /** ms that a turn may last. */
  maxMs: number
}

/** How much of a turn was speech, ms. */
export interface SpeechEvidence {
  speechMs: number
  /** Of which the detector was sure. */
  sureMs: number
}

/** ms of the sound's time; `startMs` and `endMs` are those of the speech itself. */
export type TurnChange =
  | { type: 'started'; startMs: number }
  | { type: 'stopped'; startMs: number; endMs: number; reason: 'silence' | 'cap' }

export class TurnDetector {
  readonly #options: TurnDetectorOptions
  /** Begin of what may become a turn, or of the turn. */
  #startMs: number | undefined
  #lastSpeechMs = 0
  /** ms of speech since `#startMs`. */
  #speechMs = 0
  #sureMs = 0
  #inTurn = false
  #nowMs = 0

  constructor(options: TurnDetectorOptions) {
    this.#options = options
  }

  get inTurn(): boolean {
    return this.#inTurn
  }

  /** Of the turn so far. */
  get evidence(): SpeechEvidence {
    return { speechMs: this.#speechMs, sureMs: this.#sureMs }
  }

  /** ms of silence since the latest speech; 0 outside of turns. */
  get pauseMs(): number {
    return this.#inTurn ? this.#nowMs - this.#lastSpeechMs : 0
  }

  /** The latest sound counted as speech. */
  get speechNow(): boolean {
    return this.#startMs !== undefined && this.#lastSpeechMs === this.#nowMs
  }

  /**
   * @param probability of speech in the sound up to `nowMs`
   * @param needMs speech that begins a turn
   */
  push(probability: number, nowMs: number, needMs: number): TurnChange | undefined {
    const { threshold, silenceMs, maxMs } = this.#options
    const begun = this.#startMs !== undefined
    const limit = begun ? Math.max(MIN_THRESHOLD, threshold - HYSTERESIS) : threshold
    const sinceMs = nowMs - this.#nowMs
    this.#nowMs = nowMs
    if (probability >= limit) {
      this.#startMs ??= nowMs - sinceMs
      this.#speechMs += sinceMs
      if (probability >= SURE) this.#sureMs += sinceMs
      this.#lastSpeechMs = nowMs
    }
    if (this.#startMs === undefined) return undefined
    if (!this.#inTurn) {
      if (this.#speechMs >= needMs) {
        this.#inTurn = true
        return { type: 'started', startMs: this.#startMs }
      }
      if (nowMs - this.#lastSpeechMs > MAX_GAP_MS) this.#forget()
      return undefined
    }
    if (nowMs - this.#lastSpeechMs >= silenceMs) return this.#stop('silence')
    return nowMs - this.#startMs >= maxMs ? this.#stop('cap') : undefined
  }

  /** Ends a turn at once. */
  stop(): TurnChange | undefined {
    const change = this.#inTurn ? this.#stop('silence') : undefined
    this.#forget()
    return change
  }

  /** Discards all speech so far. */
  reset(): void {
    this.#forget()
  }

  #stop(reason: 'silence' | 'cap'): TurnChange {
    const change = { type: 'stopped' as const, startMs: this.#startMs ?? this.#nowMs, endMs: this.#lastSpeechMs, reason }
    this.#forget()
    return change
  }

  #forget(): void {
    this.#startMs = undefined
    this.#speechMs = 0
    this.#sureMs = 0
    this.#inTurn = false
  }
}
