/** What becomes of the user's turns: each transcript, in order, is answered, or dropped with an event that says why. */
import { performance } from 'node:perf_hooks'
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { ListenMode, TurnDetection } from '../../shared/turn-detection.ts'
import type { SessionEvents } from '../events/session-events.ts'
import type { Transcriber, TranscriptionProvider } from '../providers/stt/types.ts'
import { BACKCHANNEL_PHRASES } from './backchannel-phrases.ts'
import { BargeIn } from './barge-in.ts'
import { isPhantom } from './phantoms.ts'
import { PhraseSet } from './phrase-set.ts'
import type { SpeechControl, UserSpeechTimes } from './types.ts'
import { Utterance } from './utterance.ts'

/** Turns that may wait for their transcript. */
const MAX_AWAITING_TEXT = 4
/** An "okay" over less than this of the avatar's speech, ms, answers it: people do not wait for the last syllable of a question. */
const LAST_MS = 500
const BUILT_IN = new PhraseSet(BACKCHANNEL_PHRASES)

type Verdict = 'words' | 'backchannel' | 'phantom' | 'no_words'

export interface TranscriptsOptions {
  settings: TurnDetection
  stt: TranscriptionProvider | undefined
  speech: SpeechControl
  events: SessionEvents
  /** The utterance that is being spoken. */
  spokenNow: () => Utterance | undefined
}

export class Transcripts {
  readonly #options: TranscriptsOptions
  readonly #backchannels: PhraseSet
  readonly #bargeIn: BargeIn
  /** Turns that wait for their transcript, in order. */
  readonly #awaitingText = new Set<Utterance>()
  #answerOrder: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: TranscriptsOptions) {
    this.#options = options
    const { backchannels, backchannel_phrases: own, resume_ms: resumeMs } = options.settings
    if (backchannels === 'interrupt') this.#backchannels = new PhraseSet([])
    else this.#backchannels = own ? new PhraseSet(own) : BUILT_IN
    this.#bargeIn = new BargeIn({ speech: options.speech, resumeMs, onHalfTime: () => this.#transcribeHalf() })
  }

  begin(transcriber: Transcriber, mode: ListenMode): Utterance {
    const { speech, events } = this.#options
    const utterance = new Utterance({
      transcriber,
      handsFree: mode === 'vad',
      overSpeech: mode === 'vad' && (speech.speaking || speech.paused) && speech.remainingMs > LAST_MS,
      onPartial: (content) => {
        if (this.#judge(content, utterance, { partial: true }) !== 'words') return
        events.publish({ type: 'chat', role: 'user', content, partial: true })
        if (this.#bargeIn.deciding) this.#bargeIn.confirm()
      },
    })
    return utterance
  }

  /** The user speaks while the avatar does. */
  pauseSpeech(): void {
    this.#bargeIn.pause()
  }

  /** @returns settles with its text, or when it has none */
  finish(utterance: Utterance, times: UserSpeechTimes): Promise<unknown> {
    if (this.#awaitingText.size >= MAX_AWAITING_TEXT) {
      utterance.abort()
      this.#bargeIn.dismiss()
      const message = 'Speech comes faster than it can be transcribed; this turn was left out.'
      this.#options.events.error(new AvatarError('RATE_LIMITED', message, { waiting: this.#awaitingText.size }))
      return Promise.resolve()
    }
    this.#awaitingText.add(utterance)
    const text = this.#bargeIn.awaitText(utterance.finish())
    this.#answerOrder = this.#answerOrder
      .then(async () => this.#answer(await text, utterance, times))
      .catch((thrown: unknown) => this.#failed(thrown))
      .finally(() => void this.#awaitingText.delete(utterance))
    return text
  }

  /** The user pauses while it is not decided whether this interrupts: recognisers of whole utterances are asked what it was so far. */
  decideEarly(utterance: Utterance): void {
    if (!this.#bargeIn.deciding || this.#options.stt?.live) return
    this.#bargeIn.awaitText(utterance.transcribeEarly()).then(
      (text) => {
        const counts = this.#options.spokenNow() === utterance || this.#awaitingText.has(utterance)
        const interrupts = this.#judge(text, utterance, { partial: true }) === 'words'
        if (interrupts && counts && this.#bargeIn.deciding) this.#bargeIn.confirm()
      },
      // the whole utterance decides, or its failure is published
      () => undefined,
    )
  }

  /** The session is over. */
  close(): void {
    this.#closed = true
    for (const utterance of this.#awaitingText) utterance.abort()
    this.#bargeIn.close()
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  /** @param partial more of the text may come: words that may yet become a backchannel or a phantom do not count */
  #judge(text: string, { overSpeech, handsFree, evidence }: Utterance, { partial }: { partial: boolean }): Verdict {
    if (text === '') return 'no_words'
    if (isPhantom(text, { evidence, handsFree, partial })) return 'phantom'
    const isBackchannel = partial ? this.#backchannels.mayBecome(text) : this.#backchannels.covers(text)
    return overSpeech && isBackchannel ? 'backchannel' : 'words'
  }

  #answer(text: string, utterance: Utterance, times: UserSpeechTimes): void {
    const { settings, speech, events } = this.#options
    if (this.#closed) return
    const verdict = this.#judge(text, utterance, { partial: false })
    if (verdict !== 'words') {
      events.publish({ type: 'user_speech_dropped', reason: verdict, content: utterance.written })
      this.#resumeUnlessSpeaking()
      return
    }
    if (!utterance.handsFree || settings.barge_in === 'vad') this.#bargeIn.confirm()
    speech.answer(text, { ...times, sttFinalMs: performance.now() })
  }

  /** Nothing was said that interrupts: playout resumes, unless the user still speaks. */
  #resumeUnlessSpeaking(): void {
    if (!this.#options.spokenNow()) this.#bargeIn.dismiss()
  }

  #failed(thrown: unknown): void {
    this.#resumeUnlessSpeaking()
    if (thrown instanceof DOMException && thrown.name === 'AbortError') return
    const timedOut = thrown instanceof DOMException && thrown.name === 'TimeoutError'
    const { name: provider } = this.#options.stt ?? {}
    const tooSlow = new AvatarError('PROVIDER_FAILED', `The provider (${provider}) took too long; say it again.`, { provider })
    this.#options.events.error(timedOut ? tooSlow : toAvatarError(thrown))
  }

  /** Playout is paused and the user still speaks: the transcript of the whole utterance would come too late to decide. */
  #transcribeHalf(): void {
    const utterance = this.#options.spokenNow()
    if (utterance) this.decideEarly(utterance)
  }
}
