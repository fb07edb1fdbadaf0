/** What a session's avatar says: queues tasks and replies, pauses and stops them, and sends what is due of them at each tick. */
import { performance } from 'node:perf_hooks'
import type { InterruptResponse, SpeakResponse, VoiceSettings } from '../../shared/api.ts'
import type { ChatChunk, ChatResponse, TaskMode } from '../../shared/chat.ts'
import { type AvatarError, toAvatarError } from '../../shared/errors.ts'
import { VISEMES } from '../../shared/face.ts'
import type { TurnLedger } from '../../shared/stats.ts'
import { type ChatTask, ReplyRunner } from '../chat/reply-runner.ts'
import { toMs } from '../dsp/pcm.ts'
import { EchoReferenceRing } from '../listening/echo-reference.ts'
import type { EchoReference, SpeechControl, UserSpeechTimes } from '../listening/types.ts'
import { pickVoice } from '../providers/tts/pick-voice.ts'
import { spokenOf } from '../text/markup.ts'
import { answerOf } from '../text/model-control.ts'
import type { Turn, TurnEnd } from '../turn/turn.ts'
import { TurnQueue } from '../turn/turn-queue.ts'
import { FaceScripts } from './face-scripts.ts'
import { SpeechDelivery } from './speech-delivery.ts'
import type { SpeakTask, SpeechOptions } from './speech-options.ts'
import type { SpokenTick } from './tick.ts'

/** A mouth whose `sil` weight is above this is at rest. */
const AT_REST_ABOVE = 0.9

interface SayOptions {
  voiceId: string
  settings?: VoiceSettings
  userSpeech?: UserSpeechTimes | undefined
}

export class Speech implements SpeechControl {
  readonly #options: SpeechOptions
  readonly #queue: TurnQueue
  readonly #replies: ReplyRunner
  readonly #delivery: SpeechDelivery
  readonly #echoReference = new EchoReferenceRing()
  readonly #scripts: FaceScripts
  #lastTurn: TurnLedger | null = null

  constructor(options: SpeechOptions) {
    this.#options = options
    const { config, services, events, sockets, animator, onChange } = options
    this.#scripts = new FaceScripts(animator)
    this.#queue = new TurnQueue({
      onFinished: (turn, reason) => this.#finished(turn, reason),
      onFailed: (turn, error) => this.#failed(turn, error),
      onPausedTooLong: () => void this.resumeSpeech(),
      onChange,
    })
    this.#replies = new ReplyRunner({
      config,
      services,
      events,
      begin: (text, userSpeech) =>
        this.#say(userSpeech ? 'voice' : 'chat', text, { ...pickVoice(services.tts, undefined, config.voice_id), userSpeech }),
      stop: (turn) => (this.#queue.current === turn ? void this.interrupt() : this.#queue.end(turn, 'interrupted')),
    })
    this.#delivery = new SpeechDelivery({
      sockets,
      events,
      onStarted: (latencyMs) => {
        services.turnRecorder.addLatency(latencyMs)
        onChange()
      },
    })
  }

  /** The task that sounds, is paused, or is to sound next. */
  get current(): Turn | undefined {
    return this.#queue.current
  }

  /** A task has begun to sound and is not over, paused or not. */
  get underWay(): boolean {
    return this.#queue.underWay
  }

  get speaking(): boolean {
    return this.#queue.underWay && !this.#queue.paused
  }

  get paused(): boolean {
    return this.#queue.paused
  }

  get remainingMs(): number {
    return this.#queue.remainingMs
  }

  get echoReference(): EchoReference {
    return this.#echoReference
  }

  /** What the latest turn took; null before the first. */
  get lastTurn(): TurnLedger | null {
    return this.#lastTurn
  }

  // --- tasks ------------------------------------------------------------------------------------------------------

  speak({
    text: given,
    voice_id,
    voice_settings: settings = {},
    emotion = 'neutral',
    cues = [],
    mode = 'queue',
  }: SpeakTask): SpeakResponse {
    const { services, canNod, config } = this.#options
    const { tts } = services
    const text = answerOf(given)
    const spoken = spokenOf(text)
    const { voiceId, warnings } = pickVoice(tts, voice_id, config.voice_id)
    const shortcoming = tts.shortcoming?.(spoken.text)
    if (shortcoming !== undefined) warnings.push(shortcoming)
    if (!canNod && cues.some(({ type }) => type === 'nod')) {
      warnings.push(`The avatar "${config.avatar_id}" cannot nod; its nod cues are left out.`)
    }
    this.#interruptIfAsked(mode)
    const queued = this.current !== undefined
    const turn = this.#say('speak', once(text), { voiceId, settings })
    turn.expectText(text)
    this.#replies.recordSpoken(turn, spoken.text)
    this.#scripts.add(turn, { emotion, cues })
    return {
      task_id: turn.taskId,
      status: queued ? 'queued' : 'processing',
      duration_estimate: Math.round(this.#estimateS(text, voiceId, settings) * 100) / 100,
      ...(warnings.length > 0 ? { warnings } : {}),
    }
  }

  /** Speaks the client's own audio. @param pcm SAMPLE_RATE */
  play(pcm: Int16Array): Turn {
    const { services, lifetime } = this.#options
    lifetime.requireOpen()
    const turn = this.#queue.add({
      kind: 'audio',
      segments: ({ signal }) => services.pipeline.fromAudio(pcm, { signal }),
      estimateS: () => 0,
    })
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
    this.#interruptIfAsked(task.mode)
    return await this.#replies.begin(task, { onChunk, cancelled })
  }

  answer(text: string, userSpeech: UserSpeechTimes = { endMs: performance.now() }): void {
    const { log, events } = this.#options
    try {
      const reply = this.#replies.begin({ messages: [{ role: 'user', content: text }] }, { userSpeech })
      // the turn that failed has already sent its error
      reply.catch((thrown: unknown) => log.debug({ err: thrown }, 'no answer to speech'))
    } catch (thrown) {
      events.error(toAvatarError(thrown))
    }
  }

  // --- interrupt, pause, resume -----------------------------------------------------------------------------------

  /** Stops all speech; what was rendered for it before no longer leaves. */
  interrupt(): InterruptResponse {
    this.#nextGeneration()
    return this.#queue.interrupt((facts) => this.#options.events.publish({ type: 'interrupted', ...facts }))
  }

  pauseSpeech(): boolean {
    const turn = this.#queue.pause()
    if (!turn) return false
    this.#nextGeneration()
    this.#options.events.publish({ type: 'speech_paused', task_id: turn.taskId, played_ms: Math.round(turn.playedMs) })
    return true
  }

  resumeSpeech(): boolean {
    const resumed = this.#queue.resume()
    if (!resumed) return false
    const { turn, fromMs } = resumed
    this.#options.events.publish({ type: 'speech_resumed', task_id: turn.taskId, played_ms: Math.round(fromMs) })
    return true
  }

  // --- the clock --------------------------------------------------------------------------------------------------

  /** Takes the next 40 ms of the current task. @param held nobody would hear it: nothing is taken */
  next(dueMs: number, { held = false } = {}): SpokenTick {
    const turn = this.current
    const sound = held ? undefined : this.#queue.next()
    if (turn && sound) this.#scripts.apply(turn, sound)
    return { generation: this.#options.events.generation, turn, sound, dueMs }
  }

  /** Sound that follows the last tick, as far as it is ready. */
  ahead(samples: number): Int16Array[] {
    return this.#queue.ahead(samples)
  }

  /** A tick's sound leaves, unless it was prepared before an interrupt or a pause. */
  deliver({ generation, turn, sound, dueMs }: SpokenTick): void {
    const isStale = generation !== this.#options.events.generation
    this.#echoReference.push(isStale ? undefined : sound?.pcm, dueMs)
    if (!turn || !sound || isStale || !this.#queue.has(turn)) return
    this.#delivery.deliver({ turn, sound, dueMs })
    if (sound.state === 'finished') this.#queue.end(turn, 'completed')
  }

  /** A tick's frame has left. */
  frameLeft({ turn, sound }: SpokenTick): void {
    if (!turn || !sound?.mouth || (sound.mouth[VISEMES.indexOf('sil')] ?? 0) > AT_REST_ABOVE) return
    turn.metrics.mark('first_frame')
    this.#publishMetrics(turn)
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  #nextGeneration(): void {
    const { events, webrtc } = this.#options
    events.nextGeneration()
    webrtc?.cutOff()
  }

  /** @throws AvatarError where the session takes no more tasks */
  #interruptIfAsked(mode: TaskMode | undefined): void {
    this.#options.lifetime.requireOpen()
    if (mode === 'interrupt' && this.current) this.interrupt()
  }

  /** @throws AvatarError where the session, or its queue, takes no more tasks */
  #say(kind: Turn['kind'], text: AsyncIterable<string>, { voiceId, settings = {}, userSpeech }: SayOptions): Turn {
    const { services, lifetime } = this.#options
    const { pipeline } = services
    lifetime.requireOpen()
    return this.#queue.add({
      kind,
      userSpeech,
      segments: ({ signal, metrics, taskId }) =>
        pipeline.fromText(text, {
          voiceId,
          settings,
          signal,
          onFirstSound: () => metrics.mark('tts_first_byte'),
          onClauseFailed: (error) => this.#clauseFailed(taskId, error),
        }),
      estimateS: (whole) => this.#estimateS(whole, voiceId, settings),
    })
  }

  /** Seconds that what is said of a text takes, its pauses included. */
  #estimateS(text: string, voiceId: string, settings: VoiceSettings): number {
    const spoken = spokenOf(text)
    const { tts } = this.#options.services
    return (spoken.text === '' ? 0 : tts.estimateDurationS(spoken.text, voiceId, settings)) + spoken.pauseMs / 1000
  }

  #clauseFailed(taskId: string, error: AvatarError): void {
    const { log, events } = this.#options
    log.warn({ err: error.cause ?? error, code: error.code, task_id: taskId, clause: error.details.clause }, 'a clause could not be said')
    events.error(error, { taskId })
  }

  #failed(turn: Turn, error: AvatarError): void {
    const { log, events } = this.#options
    log.warn({ err: error.cause ?? error, code: error.code, task_id: turn.taskId }, 'turn failed')
    events.error(error, { taskId: turn.taskId })
  }

  #finished(turn: Turn, reason: TurnEnd): void {
    this.#scripts.end()
    this.#replies.ended(turn)
    this.#publishMetrics(turn)
    this.#options.events.publish({ type: 'speech_finished', task_id: turn.taskId, reason, played_ms: Math.round(turn.playedMs) })
  }

  /** Once for each turn: with its first frame that moves the mouth, else with its end. */
  #publishMetrics(turn: Turn): void {
    const { services, events } = this.#options
    const metrics = turn.metrics.close()
    if (!metrics) return
    this.#lastTurn = metrics
    services.turnRecorder.addTurn(metrics)
    events.publish({ type: 'turn_metrics', task_id: turn.taskId, kind: turn.kind, metrics })
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}
