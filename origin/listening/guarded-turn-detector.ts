/**
 * Finds turns behind the echo guard, and past it while the guard knows little of the room: what is heard then begins a turn too, once
 * it is sure to be no echo.
 */
import type { HeardRow } from './speech-detector.ts'
import { type SpeechEvidence, type TurnChange, TurnDetector, type TurnDetectorOptions } from './turn-detector.ts'

/** ms of speech, at least, that begin a turn past the guard: so much tells a user from an echo. */
const MIN_OPEN_MS = 240

export class GuardedTurnDetector {
  readonly #guarded: TurnDetector
  readonly #open: TurnDetector
  /** The one whose turn it is. */
  #owner: TurnDetector

  constructor(options: TurnDetectorOptions) {
    this.#guarded = new TurnDetector(options)
    this.#open = new TurnDetector(options)
    this.#owner = this.#guarded
  }

  get inTurn(): boolean {
    return this.#owner.inTurn
  }

  get speechNow(): boolean {
    return this.#owner.speechNow
  }

  get evidence(): SpeechEvidence {
    return this.#owner.evidence
  }

  get pauseMs(): number {
    return this.#owner.pauseMs
  }

  /** @param needMs speech that begins a turn */
  push({ probability, open }: HeardRow, nowMs: number, needMs: number): TurnChange | undefined {
    if (this.#owner.inTurn)
      return this.#owner.push(this.#owner === this.#open ? (open?.probability ?? probability) : probability, nowMs, needMs)
    const change = this.#guarded.push(probability, nowMs, needMs)
    if (change) return this.#begin(this.#guarded, change)
    const needOpenMs = open?.isUser ? Math.max(needMs, MIN_OPEN_MS) : Number.POSITIVE_INFINITY
    const past = this.#open.push(open?.probability ?? probability, nowMs, needOpenMs)
    return past && this.#begin(this.#open, past)
  }

  /** Ends a turn at once. */
  stop(): TurnChange | undefined {
    const change = this.#owner.stop()
    this.reset()
    return change
  }

  /** Discards all speech so far. */
  reset(): void {
    this.#guarded.reset()
    this.#open.reset()
  }

  #begin(owner: TurnDetector, change: TurnChange): TurnChange {
    const other = owner === this.#open ? this.#guarded : this.#open
    other.reset()
    this.#owner = owner
    return change
  }
}
