/** What leaves of a task while it sounds: facts, sentences, words and sound, each at its time. */
import { performance } from 'node:perf_hooks'
import type { OriginEvent } from '../../shared/events.ts'
import type { RelayClass } from '../../shared/link.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { toMs } from '../dsp/pcm.ts'
import type { SocketOutput, Stamp } from '../media/socket-output.ts'
import { unixSeconds } from '../pipeline/clock.ts'
import type { TickSound } from '../turn/playout.ts'
import type { Turn } from '../turn/turn.ts'

export interface SpeechDeliveryOptions {
  media: SocketOutput
  emit: (event: OriginEvent, relayClass: RelayClass) => void
  /** A task has begun to sound. */
  onStarted: (turn: Turn, latencyMs: number) => void
}

export interface Delivery {
  turn: Turn
  sound: TickSound
  /** When the tick's first sample is due, on `performance.now()`'s scale. */
  dueMs: number
  sessionId: string
  generation: number
  wantsWords: boolean
}

export class SpeechDelivery {
  readonly #options: SpeechDeliveryOptions

  constructor(options: SpeechDeliveryOptions) {
    this.#options = options
  }

  /** One tick of a task's sound leaves. */
  deliver(delivery: Delivery): void {
    const { turn, sound, sessionId: session_id } = delivery
    const { media, emit } = this.#options
    const begun = turn.hear(sound)
    for (const { segment, pcm, atSample, ptsMs } of sound.segments) {
      if (turn.startedMs === undefined) this.#start(delivery)
      if (turn.kind !== 'audio' && begun.includes(segment.clause)) {
        begun.splice(begun.indexOf(segment.clause), 1)
        emit({ type: 'chat', session_id, task_id: turn.taskId, role: 'agent', content: segment.clause.text }, 'control')
      }
      media.clause(pcm, ptsMs, stamp(delivery, atSample))
    }
    for (const { pcm, atSample, ptsMs } of sound.chunks) media.chunk(pcm, ptsMs, stamp(delivery, atSample))
    if (delivery.wantsWords) this.#sendWords(delivery)
  }

  #start({ turn, sessionId: session_id }: Delivery): void {
    turn.startedMs = performance.now()
    turn.metrics.mark('first_sound', turn.startedMs)
    const latencyMs = turn.startedMs - turn.requestedMs
    this.#options.emit({ type: 'speech_started', session_id, task_id: turn.taskId, latency_ms: Math.round(latencyMs) }, 'control')
    this.#options.onStarted(turn, latencyMs)
  }

  #sendWords(delivery: Delivery): void {
    const { turn, sound, sessionId: session_id, generation } = delivery
    for (const { word, startMs, endMs } of turn.takeWords({ isLast: sound.state === 'finished' })) {
      const { timestamp } = stamp(delivery, ((startMs - sound.fromMs) / 1000) * SAMPLE_RATE)
      const times = { start_ms: Math.round(startMs), end_ms: Math.round(endMs), timestamp }
      this.#options.emit({ type: 'word', session_id, task_id: turn.taskId, generation, word, ...times }, 'word')
    }
  }
}

function stamp({ turn, dueMs, sessionId, generation }: Delivery, atSample: number): Stamp {
  return { sessionId, taskId: turn.taskId, generation, timestamp: unixSeconds(dueMs + toMs(atSample)) }
}
