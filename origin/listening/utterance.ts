/** One utterance of the user and its transcription. */
import type { Transcriber, Transcript } from '../providers/stt/types.ts'

/** ms that a recogniser has after the user's last sound. */
const TEXT_TIMEOUT_MS = 20_000
/** What recognisers write for noises: `[BLANK_AUDIO]`, `(music)`, `*coughs*`, `<unk>`. */
const NO_WORDS = /\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|<[^>]*>|♪/g

/** The text without noise marks; empty where no word is left. */
function withoutNoises(text: string): string {
  const words = text.replaceAll(NO_WORDS, ' ').replace(/\s+/g, ' ').trim()
  return /[\p{L}\p{N}]/u.test(words) ? words : ''
}

export interface UtteranceOptions {
  transcriber: Transcriber
  /** Called with all of the text so far. */
  onPartial: (words: string) => void
}

export class Utterance {
  readonly #transcriber: Transcriber
  readonly #abort = new AbortController()
  readonly #transcript: Transcript
  /** All of its audio, for a transcription before its end. */
  readonly #pieces: Int16Array[] = []
  /** Samples. */
  length = 0
  /** Its text so far. */
  words = ''

  constructor({ transcriber, onPartial }: UtteranceOptions) {
    this.#transcriber = transcriber
    this.#transcript = transcriber.begin({
      signal: this.#abort.signal,
      onPartial: (text) => {
        const words = withoutNoises(text)
        if (words === '' || words === this.words) return
        this.words = words
        onPartial(words)
      },
    })
  }

  push(pcm: Int16Array): void {
    this.#pieces.push(pcm)
    this.length += pcm.length
    this.#transcript.push(pcm)
  }

  /** Ends the utterance. @returns its text, empty where it has no words; a recogniser that does not finish in time is abandoned. @throws AvatarError `PROVIDER_FAILED`; an AbortError after `abort` */
  async finish(): Promise<string> {
    const timer = setTimeout(() => this.#abort.abort(new DOMException('the recogniser took too long', 'TimeoutError')), TEXT_TIMEOUT_MS)
    const { signal } = this.#abort
    const ended = Promise.withResolvers<never>()
    const end = (): void => ended.reject(signal.reason)
    signal.addEventListener('abort', end, { once: true })
    try {
      return withoutNoises(await Promise.race([this.#transcript.finish(), ended.promise]))
    } finally {
      signal.removeEventListener('abort', end)
      clearTimeout(timer)
    }
  }

  /** Transcribes the audio so far, with a recogniser that takes whole utterances only. */
  async transcribeEarly(): Promise<string> {
    const glance = this.#transcriber.begin({ signal: this.#abort.signal, onPartial: () => undefined })
    for (const piece of this.#pieces) glance.push(piece)
    return withoutNoises(await glance.finish())
  }

  /** Cancels the transcription. */
  abort(): void {
    this.#abort.abort(new DOMException('nobody waits for this text', 'AbortError'))
  }
}
