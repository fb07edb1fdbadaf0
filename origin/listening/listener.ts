/** Listens to the user of one session: finds turns in their audio, has them transcribed, and has the transcripts answered. */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { AvatarError } from '../../shared/errors.ts'
import type { SessionConfig } from '../../shared/link.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { type ListenMode, TurnDetection } from '../../shared/turn-detection.ts'
import type { SessionEvents } from '../events/session-events.ts'
import { sttUnavailable } from '../providers/stt/choose.ts'
import { STT_SAMPLE_RATE, type Transcriber, type TranscriptionProvider } from '../providers/stt/types.ts'
import { AudioRing } from './audio-ring.ts'
import { AudioSources } from './audio-sources.ts'
import { GuardedTurnDetector } from './guarded-turn-detector.ts'
import type { LevelReading } from './level-meter.ts'
import { type HeardRow, SpeechDetector } from './speech-detector.ts'
import { Transcripts } from './transcripts.ts'
import type { TurnChange } from './turn-detector.ts'
import type { SpeechControl } from './types.ts'
import type { Utterance } from './utterance.ts'
import { VAD_ROW_MS, type VadWeights } from './vad.ts'

/** ms that a turn of the user may last. */
const MAX_UTTERANCE_MS = 60_000
/** ms of speech that begin a turn while the avatar is silent: more than a click, less than a word. */
const MIN_SPEECH_MS = 80
/** ms of audio kept before a turn is detected: the longest prefix, the longest speech that starts a turn, and the detector's delay. */
const KEPT_MS = 3_400
/** A turn also ends when no audio arrives for this many ms more than the silence that ends it: the microphone is gone. */
const NO_AUDIO_MS = 600
/** ms of silence after which what was said over the avatar is transcribed early: longer than between the sounds of a word. */
const EARLY_PAUSE_MS = 120
/** Of one utterance: each costs a request. */
const MAX_EARLY = 3
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
  turnDetector: GuardedTurnDetector
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
  readonly #transcripts: Transcripts
  #active: ActiveListening | undefined
  #closed = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#settings = options.config.turn_detection ?? TurnDetection.parse({})
    const { services, speech, events } = options
    const spokenNow = (): Utterance | undefined => this.#active?.utterance
    this.#transcripts = new Transcripts({ settings: this.#settings, stt: services.stt, speech, events, spokenNow })
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
      turnDetector: new GuardedTurnDetector({
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
    this.#transcripts.close()
    if (!this.#active) return
    this.#active.utterance?.abort()
    this.#close(this.#active)
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  #process(listening: ActiveListening, pcm: Int16Array): void {
    if (pcm.length === 0) return
    listening.recentAudio.push(pcm)
    if (listening.mode === 'manual') listening.utterance ??= this.#transcripts.begin(listening.transcriber, 'manual')
    listening.utterance?.push(pcm)
    if ((listening.utterance?.length ?? 0) >= MAX_UTTERANCE_MS * SAMPLES_PER_MS) this.#endTurn(listening, listening.turnDetector.stop())
    listening.speechDetector.push(pcm, (row, untilMs) => {
      // an earlier row of the same audio may have ended listening
      if (this.#active === listening) this.#detectTurn(listening, row, untilMs)
    })
    listening.soundTimeout?.refresh()
  }

  /** The avatar speaks, and barge-in is off. */
  #ignoresUser(): boolean {
    return this.#options.speech.speaking && this.#settings.barge_in === 'off' && this.#active?.mode === 'vad'
  }

  #detectTurn(listening: ActiveListening, row: HeardRow, untilMs: number): void {
    const { speech } = this.#options
    const { barge_in, barge_in_ms } = this.#settings
    const { turnDetector: detector, mode } = listening
    if (!detector.inTurn && this.#ignoresUser()) {
      detector.reset()
      return
    }
    const change = detector.push(row, untilMs, mode === 'vad' && speech.speaking ? barge_in_ms : MIN_SPEECH_MS)
    if (change?.type === 'started') this.#startTurn(listening, change.startMs)
    if (change?.type === 'stopped') this.#endTurn(listening, change)
    const talksOver = detector.inTurn && detector.speechNow && speech.speaking && mode === 'vad' && barge_in === 'vad'
    if (talksOver) this.#transcripts.pauseSpeech()
    this.#followUtterance(listening)
  }

  #followUtterance({ utterance, turnDetector, mode }: ActiveListening): void {
    if (!utterance || !turnDetector.inTurn) return
    utterance.evidence = turnDetector.evidence
    // once in each pause: its rows come one after the other
    const pauses = turnDetector.pauseMs >= EARLY_PAUSE_MS && turnDetector.pauseMs < EARLY_PAUSE_MS + VAD_ROW_MS
    if (pauses && mode === 'vad' && utterance.earlyTexts < MAX_EARLY) this.#transcripts.decideEarly(utterance)
  }

  #startTurn(listening: ActiveListening, startMs: number): void {
    const { prefix_ms, silence_ms } = this.#settings
    this.#options.events.publish({ type: 'user_speech_started' })
    if (listening.mode === 'manual') return
    const utterance = this.#transcripts.begin(listening.transcriber, 'vad')
    utterance.push(listening.recentAudio.since(Math.round((startMs - prefix_ms) * SAMPLES_PER_MS)))
    listening.utterance = utterance
    listening.soundTimeout = setTimeout(() => this.#endTurn(listening, listening.turnDetector.stop()), silence_ms + NO_AUDIO_MS)
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
    const text = this.#transcripts.finish(utterance, listening.mode === 'vad' ? { endMs, vadEndMs } : { endMs })
    // a transcript may fail while an earlier one is awaited
    listening.transcripts = Promise.allSettled([listening.transcripts, text]).then(() => undefined)
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
