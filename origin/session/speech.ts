/** What a session's avatar says: its tasks and replies, holding and stopping them, and what leaves of them tick by tick. */
import { performance } from 'node:perf_hooks'
import type { Emotion, InterruptResponse, SpeakRequest, SpeakResponse, VoiceSettings } from '../../shared/api.ts'
import type { ChatChunk, ChatResponse, TaskMode } from '../../shared/chat.ts'
import { type AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { OriginEvent } from '../../shared/events.ts'
import { VISEMES } from '../../shared/face.ts'
import type { RelayClass, SessionConfig } from '../../shared/link.ts'
import type { TurnLedger } from '../../shared/stats.ts'
import { type ChatTask, ReplyRunner } from '../chat/reply-runner.ts'
import { toMs } from '../dsp/pcm.ts'
import type { Animator } from '../face/animator.ts'
import { EchoReferenceRing } from '../listening/echo-reference.ts'
import type { EchoReference, SpeechControl, UserSpeechTimes } from '../listening/types.ts'
import type { Logger } from '../log.ts'
import type { SocketOutput } from '../media/socket-output.ts'
import type { ChatProvider } from '../providers/llm/types.ts'
import { pickVoice } from '../providers/tts/pick-voice.ts'
import type { SpeechProvider } from '../providers/tts/types.ts'
import type { TickSound } from '../turn/playout.ts'
import type { SpeechPipeline } from '../turn/speech-pipeline.ts'
import type { Turn, TurnEnd } from '../turn/turn.ts'
import type { TurnRecorder } from '../turn/turn-metrics.ts'
import { TurnQueue } from '../turn/turn-queue.ts'
import { CueSheet } from './cue-sheet.ts'
import { SpeechDelivery } from './speech-delivery.ts'

/** A mouth that is less at rest than this moves. */
const MOVING_BELOW = 0.9

/** A text to speak; its session is this one. */
export type SpeakTask = Omit<SpeakRequest, 'mode' | 'session_id'> & Partial<Pick<SpeakRequest, 'mode' | 'session_id'>>

/** The speech of one tick: taken at the tick, delivered one tick later. */
export interface SpokenTick {
  generation: number
  turn: Turn | undefined
  sound: TickSound | undefined
  /** When it is due, on `performance.now()`'s scale. */
  dueMs: number
}

export interface SpeechOptions {
  config: SessionConfig
  tts: SpeechProvider
  pipeline: SpeechPipeline
  llm: ChatProvider
  persona: string
  /** The avatar's head can be turned. */
  canNod: boolean
  turnRecorder: TurnRecorder
  media: SocketOutput
  face: Pick<Animator, 'emotion' | 'act'>
  log: Logger
  emit: (event: OriginEvent, relayClass?: RelayClass) => void
  sendError: (error: AvatarError, taskId?: string) => void
  /** What is being played is to die away now. */
  cutOff: () => void
  /** What the avatar does may have changed. */
  onChange: () => void
  wantsWords: () => boolean
  /** @throws AvatarError where the session takes no more tasks */
  requireOpen: () => void
}

interface SayOptions {
  voiceId: string
  settings?: VoiceSettings
  heard?: UserSpeechTimes | undefined
}

export class Speech implements SpeechControl {
  readonly #options: SpeechOptions
  readonly #turns: TurnQueue
  readonly #replies: ReplyRunner
  readonly #out: SpeechDelivery
  readonly #played = new EchoReferenceRing()
  readonly #scripts = new WeakMap<Turn, { emotion: Emotion; cues: CueSheet }>()
  #generation = 0
  #lastTurn: TurnLedger | null = null

  constructor(options: SpeechOptions) {
    this.#options = options
    const { config, tts, llm, persona, turnRecorder, media, log, emit, sendError, onChange } = options
    this.#turns = new TurnQueue({
      onFinished: (turn, reason) => this.#finished(turn, reason),
      onFailed: (turn, error) => {
        log.warn({ err: error.cause ?? error, code: error.code, task_id: turn.taskId }, 'turn failed')
        sendError(error, turn.taskId)
      },
      onHeldTooLong: () => void this.resumeSpeech(),
      onChange,
    })
    this.#replies = new ReplyRunner({
      config,
      llm,
      persona,
      emit,
      begin: (text, heard) => this.#say(heard ? 'voice' : 'chat', text, { ...pickVoice(tts, undefined, config.voice_id), heard }),
      stop: (turn) => (this.#turns.current === turn ? void this.interrupt() : this.#turns.end(turn, 'interrupted')),
    })
    this.#out = new SpeechDelivery({
      media,
      emit,
      onStarted: (_turn, latencyMs) => {
        turnRecorder.addLatency(latencyMs)
        onChange()
      },
    })
  }

  /** Rises with every interrupt and hold: what is older does not leave. */
  get generation(): number {
    return this.#generation
  }

  /** The task that sounds, is held, or is to sound next. */
  get current(): Turn | undefined {
    return this.#turns.current
  }

  /** A task has begun to sound and is not over, held or not. */
  get underWay(): boolean {
    return this.#turns.speaking
  }

  get speaking(): boolean {
    return this.#turns.speaking && !this.#turns.paused
  }

  get paused(): boolean {
    return this.#turns.paused
  }

  get played(): EchoReference {
    return this.#played
  }

  /** What the latest turn took; null before the first. */
  get lastTurn(): TurnLedger | null {
    return this.#lastTurn
  }

  speak({ text, voice_id, voice_settings: settings = {}, emotion = 'neutral', cues = [], mode = 'queue' }: SpeakTask): SpeakResponse {
    const { tts, canNod, config } = this.#options
    const { voiceId, warnings } = pickVoice(tts, voice_id, config.voice_id)
    const shortcoming = tts.shortcoming?.(text)
    if (shortcoming !== undefined) warnings.push(shortcoming)
    if (!canNod && cues.some(({ type }) => type === 'nod')) {
      warnings.push(`The avatar "${config.avatar_id}" cannot nod; its nod cues are left out.`)
    }
    this.#makeWay(mode)
    const queued = this.current !== undefined
    const turn = this.#say('speak', once(text), { voiceId, settings })
    turn.expectText(text)
    this.#replies.speaks(turn, text)
    this.#scripts.set(turn, { emotion, cues: new CueSheet(cues) })
    return {
      task_id: turn.taskId,
      status: queued ? 'queued' : 'processing',
      duration_estimate: Math.round(tts.estimateDurationS(text, voiceId, settings) * 100) / 100,
      ...(warnings.length > 0 ? { warnings } : {}),
    }
  }

  /** Speaks the client's own sound. */
  play(pcm: Int16Array): Turn {
    this.#options.requireOpen()
    const { pipeline } = this.#options
    const turn = this.#turns.add({ kind: 'audio', segments: ({ signal }) => pipeline.fromAudio(pcm, { signal }), estimateS: () => 0 })
    turn.expectedMs = toMs(pcm.length)
    return turn
  }

  /**
   * Answers a message aloud.
   *
   * @param onChunk called for every piece of the reply where `stream` is asked for
   * @param cancelled the caller has gone
   */
  async chat(task: ChatTask, onChunk: (chunk: ChatChunk) => void, cancelled: AbortSignal): Promise<ChatResponse> {
    this.#makeWay(task.mode)
    return await this.#replies.begin(task, { onChunk, cancelled })
  }

  answer(text: string, times: UserSpeechTimes = { endMs: performance.now() }): void {
    const { log, sendError } = this.#options
    try {
      const reply = this.#replies.begin({ messages: [{ role: 'user', content: text }] }, { heard: times })
      // the turn that failed has said so
      reply.catch((thrown: unknown) => log.debug({ err: thrown }, 'no answer to speech'))
    } catch (thrown) {
      sendError(toAvatarError(thrown))
    }
  }

  interrupt(): InterruptResponse {
    const { config, emit } = this.#options
    this.#raiseGeneration()
    return this.#turns.interrupt((facts) => emit({ type: 'interrupted', session_id: config.session_id, ...facts }))
  }

  pauseSpeech(): boolean {
    const { config, emit, onChange } = this.#options
    const turn = this.#turns.pause()
    if (!turn) return false
    this.#raiseGeneration()
    emit({ type: 'speech_paused', session_id: config.session_id, task_id: turn.taskId, played_ms: Math.round(turn.playedMs) })
    onChange()
    return true
  }

  resumeSpeech(): boolean {
    const { config, emit, onChange } = this.#options
    const resumed = this.#turns.resume()
    if (!resumed) return false
    const { turn, fromMs } = resumed
    emit({ type: 'speech_resumed', session_id: config.session_id, task_id: turn.taskId, played_ms: Math.round(fromMs) })
    onChange()
    return true
  }

  // --- the clock -------------------------------------------------------------------------------------------------

  next(dueMs: number): SpokenTick {
    const turn = this.current
    const sound = this.#turns.next()
    if (turn && sound) this.#express(turn, sound)
    return { generation: this.#generation, turn, sound, dueMs }
  }

  /** Sound that follows the last tick, as far as it is ready. */
  ahead(samples: number): Int16Array[] {
    return this.#turns.ahead(samples)
  }

  /** A tick's sound leaves, unless it was prepared before an interrupt or a hold. */
  deliver({ generation, turn, sound, dueMs }: SpokenTick): void {
    const isStale = generation !== this.#generation
    this.#played.push(isStale ? undefined : sound?.pcm, dueMs)
    if (!turn || !sound || isStale || !this.#turns.has(turn)) return
    const sessionId = this.#options.config.session_id
    this.#out.deliver({ turn, sound, dueMs, sessionId, generation, wantsWords: this.#options.wantsWords() })
    if (sound.state === 'finished') this.#turns.end(turn, 'completed')
  }

  /** A tick's picture has left. */
  pictureLeft({ turn, sound }: SpokenTick): void {
    if (!turn || !sound?.mouth || (sound.mouth[VISEMES.indexOf('sil')] ?? 0) > MOVING_BELOW) return
    turn.metrics.mark('first_picture')
    this.#tellMetrics(turn)
  }

  // --- inside ----------------------------------------------------------------------------------------------------

  #raiseGeneration(): void {
    this.#generation += 1
    this.#options.cutOff()
  }

  /** What is said and what waits gives way to a new task that is to be said at once. */
  #makeWay(mode: TaskMode | undefined): void {
    this.#options.requireOpen()
    if (mode === 'interrupt' && this.current) this.interrupt()
  }

  /** @throws AvatarError where the session, or its queue, takes no more tasks */
  #say(kind: Turn['kind'], text: AsyncIterable<string>, { voiceId, settings = {}, heard }: SayOptions): Turn {
    const { tts, pipeline, requireOpen } = this.#options
    requireOpen()
    return this.#turns.add({
      kind,
      heard,
      segments: ({ signal, metrics: ledger }) =>
        pipeline.fromText(text, { voiceId, settings, signal, onFirstSound: () => ledger.mark('tts_first_byte') }),
      estimateS: (whole) => tts.estimateDurationS(whole, voiceId, settings),
    })
  }

  #finished(turn: Turn, reason: TurnEnd): void {
    const { face, config, emit } = this.#options
    face.emotion = 'neutral'
    this.#replies.ended(turn)
    this.#tellMetrics(turn)
    emit({
      type: 'speech_finished',
      session_id: config.session_id,
      task_id: turn.taskId,
      reason,
      played_ms: Math.round(turn.playedMs),
    })
  }

  #tellMetrics(turn: Turn): void {
    const { config, turnRecorder, emit } = this.#options
    const metrics = turn.metrics.close()
    if (!metrics) return
    this.#lastTurn = metrics
    turnRecorder.addTurn(metrics)
    emit({ type: 'turn_metrics', session_id: config.session_id, task_id: turn.taskId, kind: turn.kind, metrics })
  }

  /** What a task's script asks of the face by now. */
  #express(turn: Turn, sound: TickSound): void {
    const { face } = this.#options
    const script = this.#scripts.get(turn)
    if (!script) return
    for (const { segment, ptsMs } of sound.segments) {
      if (ptsMs === 0) face.emotion = script.emotion
      script.cues.begin(segment, ptsMs)
    }
    for (const cue of script.cues.due(sound.untilMs)) face.act(cue)
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}
