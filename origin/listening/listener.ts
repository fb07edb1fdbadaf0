/** Listens to the user of one session: finds turns in their audio, has them transcribed, and has the transcripts answered. */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { SessionConfig } from '../../shared/link.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { type ListenMode, TurnDetection } from '../../shared/turn-detection.ts'
import type { SessionEvents } from '../events/session-events.ts'
import { sttUnavailable } from '../providers/stt/choose.ts'
import { STT_SAMPLE_RATE, type Transcriber, type TranscriptionProvider } from '../providers/stt/types.ts'
import { AudioRing } from './audio-ring.ts'
import { AudioSources } from './audio-sources.ts'
import { BargeIn } from './barge-in.ts'
import type { LevelReading } from './level-meter.ts'
import { SpeechDetector } from './speech-detector.ts'
import { type TurnChange, TurnDetector } from './turn-detector.ts'
import type { SpeechControl, UserSpeechTimes } from './types.ts'
import { Utterance } from './utterance.ts'
import type { VadWeights } from './vad.ts'

/** ms that a turn of the user may last. */
const MAX_UTTERANCE_MS = 60_000
/** ms of speech that begin a turn while the avatar is silent: more than a click, less than a word. */
const MIN_SPEECH_MS = 80
/** ms of audio kept before a turn is detected: the longest prefix, the longest speech that starts a turn, and the detector's delay. */
const KEPT_MS = 3_400
/** A turn also ends when no audio arrives for this many ms more than the silence that ends it: the microphone is gone. */
const NO_AUDIO_MS = 600
/** Turns that may wait for their transcript. */
const MAX_AWAITING_TEXT = 4
/** Samples of appended audio that are analysed without a pause for the event loop. */
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

/** State while listening. */
interface ActiveListening {
  mode: ListenMode
  speechDetector: SpeechDetector
  turnDetector: TurnDetector
  recentAudio: AudioRing
  transcriber: Transcriber
  /** Settles with all transcripts of `transcriber`. */
  transcripts: Promise<void>
  utterance: Utterance | undefined
  sources: AudioSources
  /** Fires when no more audio arrives in the middle of a turn. */
  soundTimeout: NodeJS.Timeout | undefined
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #settings: TurnDetection
  readonly #bargeIn: BargeIn
  #active: ActiveListening | undefined
  /** Turns that wait for their transcript, in order. */
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

  /** Starts listening; when it listens already, only the mode changes. @throws AvatarError `STT_UNAVAILABLE`; `SESSION_NOT_FOUND` after `close` */
  start(mode: ListenMode = this.#settings.mode): void {
    const { services, config, speech, onChange } = this.#options
    const { threshold, silence_ms: silenceMs } = this.#settings
    // the client's message may have waited in the queue until after the end of the session
    if (this.#closed) throw new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.')
    if (!services.stt) throw sttUnavailable()
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
      sources: new AudioSources(),
      soundTimeout: undefined,
    }
    onChange()
  }

  /** Stops listening; a turn under way ends and is answered. @throws AvatarError `INVALID_REQUEST` when it does not listen */
  stop(): void {
    const listening = this.#active
    if (!listening) {
      throw new AvatarError('INVALID_REQUEST', 'Nothing is being listened to: send start_listening before stop_listening.')
    }
    this.#endTurn(listening, listening.turnDetector.stop())
    this.#close(listening)
    this.#options.onChange()
  }

  /** Audio of the user's WebRTC microphone; ignored while it does not listen. @param pcm STT_SAMPLE_RATE */
  push(pcm: Int16Array): void {
    const counted = this.#active?.sources.fromMicrophone(pcm)
    if (this.#active && counted) this.#process(this.#active, counted)
  }

  /** Audio that the client sends over the socket, of any length. @param pcm SAMPLE_RATE */
  async append(pcm: Int16Array): Promise<void> {
    const listening = this.#active
    for (let at = 0; at < pcm.length && listening; at += PIECE_SAMPLES) {
      // a minute of audio in one message must not delay the tick loop
      if (at > 0) await setImmediate()
      if (this.#active !== listening) return
      this.#process(listening, listening.sources.fromSocket(pcm.subarray(at, at + PIECE_SAMPLES), pcm.length))
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
      // an earlier row of the same audio may have ended listening
      if (this.#active === listening) this.#detectTurn(listening, probability, untilMs)
    })
    listening.soundTimeout?.refresh()
  }

  /** The avatar speaks, and barge-in is off. */
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

  /** @param change what the detector says of the turn; undefined where it detected no speech and the turn was ended by the client or a limit */
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
    // handled from now on: a transcript may fail while an earlier one is awaited
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

  /** No words were said: playout resumes, unless the user still speaks. */
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

  /** Playout is paused and the user still speaks: the transcript of the whole utterance would come too late to decide. */
  #transcribeEarly(): void {
    const utterance = this.#active?.utterance
    if (!utterance || this.#options.services.stt?.live) return
    this.#bargeIn.awaitText(utterance.transcribeEarly()).then(
      (words) => {
        const counts = this.#active?.utterance === utterance || this.#awaitingText.has(utterance)
        if (words !== '' && counts && this.#bargeIn.deciding) this.#bargeIn.confirm()
      },
      // the whole utterance decides, or its failure is published
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
    listening.sources.close()
    // the transcriber stays open until all transcripts have arrived
    void listening.transcripts.then(() => listening.transcriber.close())
  }
}
