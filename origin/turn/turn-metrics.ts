/** What a turn took, step by step. */
import { performance } from 'node:perf_hooks'
import type { TurnLedger } from '../../shared/stats.ts'
import type { UserSpeechTimes } from '../listening/types.ts'

export type Step = keyof TurnLedger

/** Where turns leave their figures. */
export interface TurnRecorder {
  /** @param ms from a request to its first sound */
  addLatency(ms: number): void
  /** The steps of one turn; called once for each. */
  addTurn(ledger: TurnLedger): void
}

/** One turn's times, from its beginning: the end of the user's speech, or the request. */
export class TurnMetrics {
  readonly #beginMs: number
  readonly #steps: TurnLedger = {
    vad_end: null,
    stt_final: null,
    llm_first_token: null,
    tts_first_byte: null,
    first_sound: null,
    first_frame: null,
  }
  #closed = false

  /** @param userSpeech of a turn that answers speech */
  constructor(userSpeech?: UserSpeechTimes) {
    this.#beginMs = userSpeech?.endMs ?? performance.now()
    if (userSpeech?.vadEndMs !== undefined) this.mark('vad_end', userSpeech.vadEndMs)
    if (userSpeech?.sttFinalMs !== undefined) this.mark('stt_final', userSpeech.sttFinalMs)
  }

  /** Only the first of each step counts. @param atMs on `performance.now()`'s scale */
  mark(step: Step, atMs = performance.now()): void {
    if (!this.#closed) this.#steps[step] ??= Math.round(Math.max(0, atMs - this.#beginMs) * 10) / 10
  }

  /** The times, once; undefined afterwards. */
  close(): TurnLedger | undefined {
    if (this.#closed) return undefined
    this.#closed = true
    return this.#steps
  }
}
