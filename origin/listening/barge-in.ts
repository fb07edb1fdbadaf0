/** Barge-in: pauses playout when the user starts to speak, interrupts once a transcript arrives, resumes after `resumeMs` without one. */
import type { SpeechControl } from './types.ts'

export interface BargeInOptions {
  speech: SpeechControl
  /** ms without a transcript after which playout resumes. */
  resumeMs: number
  /** Half of that is over without a transcript: a recogniser of whole utterances may transcribe what there is. */
  onHalfTime: () => void
}

export class BargeIn {
  readonly #options: BargeInOptions
  #timer: NodeJS.Timeout | undefined
  /** Transcriptions under way: a transcript may still arrive. */
  #recognising = 0
  #overtime = false

  constructor(options: BargeInOptions) {
    this.#options = options
  }

  /** Playout is paused until it is known whether the user said words. */
  get deciding(): boolean {
    return this.#timer !== undefined
  }

  pause(): void {
    const { speech, resumeMs, onHalfTime } = this.#options
    if (this.deciding || !speech.pauseSpeech()) return
    this.#overtime = false
    this.#timer = setTimeout(() => {
      this.#timer = setTimeout(() => this.#timeIsUp(), resumeMs / 2)
      onHalfTime()
    }, resumeMs / 2)
  }

  /** The user said words: interrupts the current task, sounding or not. */
  confirm(): void {
    const { speech } = this.#options
    this.#clear()
    if (speech.current !== undefined) speech.interrupt()
  }

  /** No words were said: playout resumes. */
  dismiss(): void {
    if (!this.deciding) return
    this.#clear()
    this.#options.speech.resumeSpeech()
  }

  /** Lets a transcription extend the wait: by `resumeMs` once, no longer. */
  async awaitText<T>(recognition: Promise<T>): Promise<T> {
    this.#recognising += 1
    try {
      return await recognition
    } finally {
      this.#recognising -= 1
      if (this.#overtime && this.#recognising === 0) queueMicrotask(() => this.dismiss())
    }
  }

  close(): void {
    this.#clear()
  }

  #timeIsUp(): void {
    if (this.#recognising === 0 || this.#overtime) {
      this.dismiss()
      return
    }
    this.#overtime = true
    this.#timer = setTimeout(() => this.dismiss(), this.#options.resumeMs)
  }

  #clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#overtime = false
  }
}
