/** One utterance of the user and its transcription. */
import type { Transcriber, Transcript } from '../providers/stt/types.ts'
import type { SpeechEvidence } from './turn-detector.ts'

/** ms that a recogniser has after the user's last sound. */
const TEXT_TIMEOUT_MS = 20_000
/** What recognisers write for noises: `[BLANK_AUDIO]`, `(music)`, `*coughs*`, `<unk>`. */
const NO_WORDS = /\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|【[^】]*】|（[^）]*）|\*[^*]*\*|<[^>]*>/gu
/** One that is not closed, as live recognisers have it at first, or cut ones at the end. */
const OPEN_MARK = /^\s*[[({【（*<].*$/su

/** The text without noise marks; empty where no word is left. */
function withoutNoises(text: string): string {
  const words = text
    .replaceAll(NO_WORDS, ' ')
    .replace(OPEN_MARK, ' ')
    .replaceAll(/[♩♪♫♬]/gu, ' ')
    .replaceAll(/\s+/gu, ' ')
    .trim()
  return /[\p{L}\p{N}]/u.test(words) ? words : ''
}

export interface UtteranceOptions {
  transcriber: Transcriber
  handsFree: boolean
  overSpeech: boolean
  /** Called with all of the text so far. */
  onPartial: (words: string) => void
}

export class Utterance {
  /** Its own sound began it; otherwise the user did, by a button. */
  readonly handsFree: boolean
  /** It began while the avatar had more to say. */
  readonly overSpeech: boolean
  /** What the detector says of it so far. */
  evidence: SpeechEvidence = { speechMs: 0, sureMs: 0 }
  /** Transcriptions before its end. */
  earlyTexts = 0
  readonly #transcriber: Transcriber
  readonly #abort = new AbortController()
  readonly #transcript: Transcript
  /** All of its audio, for a transcription before its end. */
  readonly #pieces: Int16Array[] = []
  /** Samples. */
  length = 0
  /** Its text so far. */
  words = ''
  /** Its text as the recogniser wrote it, noise marks included; empty before the end. */
  written = ''

  constructor({ transcriber, handsFree, overSpeech, onPartial }: UtteranceOptions) {
    this.#transcriber = transcriber
    this.handsFree = handsFree
    this.overSpeech = overSpeech
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
      this.written = await Promise.race([this.#transcript.finish(), ended.promise])
      return withoutNoises(this.written)
    } finally {
      signal.removeEventListener('abort', end)
      clearTimeout(timer)
    }
  }

  /** Transcribes the audio so far, with a recogniser that takes whole utterances only. */
  async transcribeEarly(): Promise<string> {
    this.earlyTexts += 1
    const glance = this.#transcriber.begin({ signal: this.#abort.signal, onPartial: () => undefined })
    for (const piece of this.#pieces) glance.push(piece)
    return withoutNoises(await glance.finish())
  }

  /** Cancels the transcription. */
  abort(): void {
    this.#abort.abort(new DOMException('nobody waits for this text', 'AbortError'))
  }
}
