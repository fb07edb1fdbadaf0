/** One thing that the user says, on its way to text. */
import type { Transcriber, Transcript } from '../providers/stt/types.ts'

/** ms that a recogniser has after the user's last sound. */
const TEXT_TIMEOUT_MS = 20_000
/** What recognisers write for sounds that are no words: `[BLANK_AUDIO]`, `(music)`, `*coughs*`, `<unk>`. */
const NO_WORDS = /\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|<[^>]*>|♪/g

/** The text, empty where it holds no word. */
export function withoutNoises(text: string): string {
  const words = text.replaceAll(NO_WORDS, ' ').replace(/\s+/g, ' ').trim()
  return /[\p{L}\p{N}]/u.test(words) ? words : ''
}

export interface UtteranceOptions {
  transcriber: Transcriber
  /** Called with all words so far. */
  onPartial: (words: string) => void
}

export class Utterance {
  readonly #transcriber: Transcriber
  readonly #abort = new AbortController()
  readonly #transcript: Transcript
  /** All its sound, for a look at it before its end. */
  readonly #pieces: Int16Array[] = []
  /** Samples. */
  length = 0
  /** Its words so far. */
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

  /** Its words, empty where there are none; a recogniser that does not end when it is told to is left behind. @throws AvatarError `PROVIDER_FAILED`; an AbortError after `abort` */
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

  /** What a recogniser of whole utterances makes of it so far. */
  async transcribeEarly(): Promise<string> {
    const glance = this.#transcriber.begin({ signal: this.#abort.signal, onPartial: () => undefined })
    for (const piece of this.#pieces) glance.push(piece)
    return withoutNoises(await glance.finish())
  }

  /** Nobody waits for its text any more. */
  abort(): void {
    this.#abort.abort(new DOMException('nobody waits for this text', 'AbortError'))
  }
}
