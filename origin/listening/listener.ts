/** The ear of one session: takes the user's sound, finds their turns in it, has them transcribed, and answers. */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { SessionConfig } from '../../shared/link.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { type ListenMode, TurnDetection } from '../../shared/turn-detection.ts'
import { createResampler, type Resampler } from '../codec/resample.ts'
import { noStt } from '../providers/stt/choose.ts'
import { STT_SAMPLE_RATE, type Transcriber, type TranscriptionProvider } from '../providers/stt/types.ts'
import type { SessionEvents } from '../session/session-events.ts'
import { AudioRing } from './audio-ring.ts'
import { BargeIn } from './barge-in.ts'
import type { LevelReading } from './level-meter.ts'
import { SpeechDetector } from './speech-detector.ts'
import { type TurnChange, TurnDetector } from './turn-detector.ts'
import type { SpeechControl, UserSpeechTimes } from './types.ts'
import { Utterance } from './utterance.ts'
import type { VadWeights } from './vad.ts'

/** ms that a turn of the user may last. */
export const MAX_UTTERANCE_MS = 60_000
/** ms of speech that begin a turn while the avatar is silent: more than a click, less than a word. */
const MIN_SPEECH_MS = 80
/** ms of sound that are kept in front of what may become a turn: the longest prefix, the longest speech that it takes, and the detector's delay. */
const KEPT_MS = 3_400
/** ms without any sound, beyond the silence that ends a turn, after which it ends all the same: the microphone is gone. */
const NO_AUDIO_MS = 600
/** Turns whose text is awaited. */
const MAX_AWAITING_TEXT = 4
/** Samples of appended sound that are listened to at once. */
const PIECE_SAMPLES = 0.5 * SAMPLE_RATE
const SAMPLES_PER_MS = STT_SAMPLE_RATE / 1000

/** What the listeners of all sessions share. */
export interface ListeningServices {
  /** Undefined: no speech recogniser is configured. */
  stt: TranscriptionProvider | undefined
  vad: VadWeights
}

export interface ListenerOptions {
  config: Pick<SessionConfig, 'language' | 'turn_detection'>
  services: ListeningServices
  speech: SpeechControl
  events: SessionEvents
  /** Listening has begun or ended. */
  onChange: () => void
}

/** What an open ear has. */
interface ActiveListening {
  mode: ListenMode
  speechDetector: SpeechDetector
  turnDetector: TurnDetector
  recentAudio: AudioRing
  transcriber: Transcriber
  /** Settles with all texts that come from `transcriber`. */
  transcripts: Promise<void>
  utterance: Utterance | undefined
  /** From SAMPLE_RATE; once sound comes over the socket, the microphone does not count. */
  appendResampler: Resampler | undefined
  /** Fires when sound stays away in the middle of a turn. */
  soundTimeout: NodeJS.Timeout | undefined
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #settings: TurnDetection
  readonly #bargeIn: BargeIn
  #active: ActiveListening | undefined
  /** Turns that wait for their text, in order. */
  readonly #awaitingText = new Set<Utterance>()
  #answerOrder: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#settings = options.config.turn_detection ?? TurnDetection.parse({})
    const { resume_ms: resumeMs } = this.#settings
    this.#bargeIn = new BargeIn({ speech: options.speech, resumeMs, onHalfTime: () => this.#transcribeEarly() })
  }

  get listening(): boolean {
    return this.#active !== undefined
  }

  /** Opens the ear; open already, only the mode may change. @throws AvatarError `STT_UNAVAILABLE`; `SESSION_NOT_FOUND` after `close` */
  start(mode: ListenMode = this.#settings.mode): void {
    const { services, config, speech, onChange } = this.#options
    const { threshold, silence_ms: silenceMs } = this.#settings
    // a message of the client may have waited for longer than the session lasted
    if (this.#closed) throw new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.')
    if (!services.stt) throw noStt()
    if (this.#active) {
      if (this.#active.mode === mode) return
      this.stop()
    }
    this.#active = {
      mode,
      speechDetector: new SpeechDetector({
        weights: services.vad,
        echoReference: speech.echoReference,
        now: () => performance.now(),
        onLevel: (reading) => this.#publishLevel(reading),
      }),
      turnDetector: new TurnDetector({
        threshold,
        silenceMs: mode === 'manual' ? Number.POSITIVE_INFINITY : silenceMs,
        maxMs: MAX_UTTERANCE_MS,
      }),
      recentAudio: new AudioRing(KEPT_MS * SAMPLES_PER_MS),
      transcriber: services.stt.open({ language: config.language }),
      transcripts: Promise.resolve(),
      utterance: undefined,
      appendResampler: undefined,
      soundTimeout: undefined,
    }
    onChange()
  }

  /** Closes the ear; what is being said is over with it, and answered. @throws AvatarError `INVALID_REQUEST` when it is not open */
  stop(): void {
    const listening = this.#active
    if (!listening) {
      throw new AvatarError('INVALID_REQUEST', 'Nothing is being listened to: send start_listening before stop_listening.')
    }
    this.#endTurn(listening, listening.turnDetector.stop())
    this.#close(listening)
    this.#options.onChange()
  }

  /** Sound of the user's microphone; nothing happens while the ear is closed. @param pcm HEARING_SAMPLE_RATE */
  push(pcm: Int16Array): void {
    if (this.#active && !this.#active.appendResampler) this.#process(this.#active, pcm)
  }

  /** Sound that the client brings over the socket, of any length. @param pcm SAMPLE_RATE */
  async append(pcm: Int16Array): Promise<void> {
    const listening = this.#active
    if (!listening) return
    listening.appendResampler ??= createResampler(SAMPLE_RATE, STT_SAMPLE_RATE)
    for (let at = 0; at < pcm.length && this.#active === listening; at += PIECE_SAMPLES) {
      // the clock of frames and sound is not to wait for a minute that comes at once
      if (at > 0) await setImmediate()
      if (this.#active === listening) this.#process(listening, listening.appendResampler.push(pcm.subarray(at, at + PIECE_SAMPLES)))
    }
  }

  /** The session is over. */
  close(): void {
    this.#closed = true
    for (const utterance of this.#awaitingText) utterance.abort()
    this.#bargeIn.close()
    if (!this.#active) return
    this.#active.utterance?.abort()
    this.#close(this.#active)
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  #process(listening: ActiveListening, pcm: Int16Array): void {
    if (pcm.length === 0) return
    listening.recentAudio.push(pcm)
    if (listening.mode === 'manual') listening.utterance ??= this.#beginUtterance(listening)
    listening.utterance?.push(pcm)
    if ((listening.utterance?.length ?? 0) >= MAX_UTTERANCE_MS * SAMPLES_PER_MS) this.#endTurn(listening, listening.turnDetector.stop())
    listening.speechDetector.push(pcm, (probability, untilMs) => {
      // a row of the same sound may have closed the ear
      if (this.#active === listening) this.#detectTurn(listening, probability, untilMs)
    })
    listening.soundTimeout?.refresh()
  }

  /** The avatar speaks, and is not to be spoken to. */
  #ignoresUser(): boolean {
    return this.#options.speech.speaking && this.#settings.barge_in === 'off' && this.#active?.mode === 'vad'
  }

  #detectTurn(listening: ActiveListening, probability: number, untilMs: number): void {
    const { speech } = this.#options
    const { barge_in, barge_in_ms } = this.#settings
    const { turnDetector: detector, mode } = listening
    if (!detector.inTurn && this.#ignoresUser()) {
      detector.reset()
      return
    }
    const change = detector.push(probability, untilMs, mode === 'vad' && speech.speaking ? barge_in_ms : MIN_SPEECH_MS)
    if (change?.type === 'started') this.#startTurn(listening, change.startMs)
    if (change?.type === 'stopped') this.#endTurn(listening, change)
    const talksOver = detector.inTurn && detector.speechNow && speech.speaking && mode === 'vad' && barge_in === 'vad'
    if (talksOver) this.#bargeIn.pause()
  }

  #startTurn(listening: ActiveListening, startMs: number): void {
    const { prefix_ms, silence_ms } = this.#settings
    this.#options.events.publish({ type: 'user_speech_started' })
    if (listening.mode === 'manual') return
    const utterance = this.#beginUtterance(listening)
    utterance.push(listening.recentAudio.since(Math.round((startMs - prefix_ms) * SAMPLES_PER_MS)))
    listening.utterance = utterance
    listening.soundTimeout = setTimeout(() => this.#endTurn(listening, listening.turnDetector.stop()), silence_ms + NO_AUDIO_MS)
  }

  #beginUtterance({ transcriber }: ActiveListening): Utterance {
    return new Utterance({
      transcriber,
      onPartial: (content) => {
        this.#options.events.publish({ type: 'chat', role: 'user', content, partial: true })
        if (this.#bargeIn.deciding) this.#bargeIn.confirm()
      },
    })
  }

  /** @param change what the detector knows of it; undefined where it heard no speech, and somebody else said that the turn is over */
  #endTurn(listening: ActiveListening, change: TurnChange | undefined): void {
    const { utterance, recentAudio: recent } = listening
    const vadEndMs = performance.now()
    clearTimeout(listening.soundTimeout)
    listening.soundTimeout = undefined
    listening.utterance = undefined
    const soundMs = recent.total / SAMPLES_PER_MS
    if (change?.type === 'stopped') {
      this.#options.events.publish({ type: 'user_speech_stopped', duration_ms: Math.round(change.endMs - change.startMs) })
    }
    if (!utterance) return
    const endMs = vadEndMs - (change?.type === 'stopped' && listening.mode === 'vad' ? Math.max(0, soundMs - change.endMs) : 0)
    this.#transcribe(utterance, listening, listening.mode === 'vad' ? { endMs, vadEndMs } : { endMs })
  }

  #transcribe(utterance: Utterance, listening: ActiveListening, times: UserSpeechTimes): void {
    if (this.#awaitingText.size >= MAX_AWAITING_TEXT) {
      utterance.abort()
      this.#bargeIn.dismiss()
      const message = 'Speech comes faster than it can be transcribed; this turn was left out.'
      this.#options.events.error(new AvatarError('RATE_LIMITED', message, { waiting: this.#awaitingText.size }))
      return
    }
    this.#awaitingText.add(utterance)
    const text = this.#bargeIn.awaitText(utterance.finish())
    // listened to from now on: a text may fail while an earlier one is awaited
    listening.transcripts = Promise.allSettled([listening.transcripts, text]).then(() => undefined)
    this.#answerOrder = this.#answerOrder
      .then(async () => this.#answer(await text, listening.mode, times))
      .catch((thrown: unknown) => this.#transcriptionFailed(thrown))
      .finally(() => void this.#awaitingText.delete(utterance))
  }

  #answer(words: string, mode: ListenMode, times: UserSpeechTimes): void {
    if (this.#closed) return
    if (words === '') {
      this.#resumeUnlessSpeaking()
      return
    }
    if (mode === 'manual' || this.#settings.barge_in === 'vad') this.#bargeIn.confirm()
    this.#options.speech.answer(words, { ...times, sttFinalMs: performance.now() })
  }

  /** Nothing was said, unless the user speaks on. */
  #resumeUnlessSpeaking(): void {
    if (!this.#active?.utterance) this.#bargeIn.dismiss()
  }

  #transcriptionFailed(thrown: unknown): void {
    this.#resumeUnlessSpeaking()
    if (thrown instanceof DOMException && thrown.name === 'AbortError') return
    const timedOut = thrown instanceof DOMException && thrown.name === 'TimeoutError'
    const { name: provider } = this.#options.services.stt ?? {}
    const tooSlow = new AvatarError('PROVIDER_FAILED', `The provider (${provider}) took too long; say it again.`, { provider })
    this.#options.events.error(timedOut ? tooSlow : toAvatarError(thrown))
  }

  /** She is held and the user speaks on: whole utterances would tell too late whether these are words. */
  #transcribeEarly(): void {
    const utterance = this.#active?.utterance
    if (!utterance || this.#options.services.stt?.live) return
    this.#bargeIn.awaitText(utterance.transcribeEarly()).then(
      (words) => {
        const counts = this.#active?.utterance === utterance || this.#awaitingText.has(utterance)
        if (words !== '' && counts && this.#bargeIn.deciding) this.#bargeIn.confirm()
      },
      // the whole utterance will tell, or fail aloud
      () => undefined,
    )
  }

  #publishLevel({ levelDb: level_db, speech }: LevelReading): void {
    this.#options.events.optional('level', { type: 'level', level_db, speech })
  }

  #close(listening: ActiveListening): void {
    clearTimeout(listening.soundTimeout)
    this.#active = undefined
    listening.speechDetector.close()
    listening.appendResampler?.close()
    // the line stays until the text of what was said has come over it
    void listening.transcripts.then(() => listening.transcriber.close())
  }
}
