/** Speech of the user while the avatar speaks: she is held at once, ended by words, and goes on where no words come. */
import type { SpeechControl } from './types.ts'

export interface BargeInOptions {
  speech: SpeechControl
  /** ms without words after which she goes on. */
  resumeMs: number
  /** Half of that is over without words: a recogniser of whole utterances may have a look. */
  onHalfTime: () => void
}

export class BargeIn {
  readonly #options: BargeInOptions
  #timer: NodeJS.Timeout | undefined
  /** Words may still come: something is being recognised. */
  #recognising = 0
  #overtime = false

  constructor(options: BargeInOptions) {
    this.#options = options
  }

  /** She is held, and what the user said is being found out. */
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

  /** The user said words: what she says, or is about to say, is over. */
  confirm(): void {
    const { speech } = this.#options
    this.#clear()
    if (speech.current !== undefined) speech.interrupt()
  }

  /** Nothing was said after all. */
  dismiss(): void {
    if (!this.deciding) return
    this.#clear()
    this.#options.speech.resumeSpeech()
  }

  /** Waits for recognition: it may take as long again, but no longer. */
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
