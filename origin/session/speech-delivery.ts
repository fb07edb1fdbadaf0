/** Sends what is due of a task while it sounds: its start, sentences, words and audio. */
import { performance } from 'node:perf_hooks'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { toMs } from '../dsp/pcm.ts'
import type { SessionEvents } from '../events/session-events.ts'
import type { SocketOutput, Stamp } from '../media/socket-output.ts'
import { unixSeconds } from '../pipeline/clock.ts'
import type { TickSound } from '../turn/playout.ts'
import type { Turn } from '../turn/turn.ts'

export interface SpeechDeliveryOptions {
  sockets: SocketOutput
  events: SessionEvents
  /** A task has begun to sound. @param latencyMs since it was asked for */
  onStarted: (latencyMs: number) => void
}

/** One tick of a task's sound. */
export interface DueSound {
  turn: Turn
  sound: TickSound
  /** When the tick's first sample is due, on `performance.now()`'s scale. */
  dueMs: number
}

export class SpeechDelivery {
  readonly #options: SpeechDeliveryOptions

  constructor(options: SpeechDeliveryOptions) {
    this.#options = options
  }

  deliver(due: DueSound): void {
    const { turn, sound } = due
    const { sockets, events } = this.#options
    const begun = turn.markDelivered(sound)
    for (const { segment, pcm, atSample, ptsMs } of sound.segments) {
      if (turn.startedMs === undefined) this.#start(turn)
      if (turn.kind !== 'audio' && begun.includes(segment.clause)) {
        begun.splice(begun.indexOf(segment.clause), 1)
        // a pause has no text
        if (segment.clause.text !== '') {
          events.publish({ type: 'chat', task_id: turn.taskId, role: 'agent', content: segment.clause.text })
        }
      }
      sockets.clause(pcm, ptsMs, this.#stamp(due, atSample))
    }
    for (const { pcm, atSample, ptsMs } of sound.chunks) sockets.chunk(pcm, ptsMs, this.#stamp(due, atSample))
    if (events.isWanted('word')) this.#sendWords(due)
  }

  #start(turn: Turn): void {
    turn.startedMs = performance.now()
    turn.metrics.mark('first_sound', turn.startedMs)
    const latencyMs = turn.startedMs - turn.requestedMs
    this.#options.events.publish({ type: 'speech_started', task_id: turn.taskId, latency_ms: Math.round(latencyMs) })
    this.#options.onStarted(latencyMs)
  }

  #sendWords(due: DueSound): void {
    const { turn, sound } = due
    for (const { word, startMs, endMs } of turn.takeWords({ isLast: sound.state === 'finished' })) {
      const { timestamp } = this.#stamp(due, ((startMs - sound.fromMs) / 1000) * SAMPLE_RATE)
      const times = { start_ms: Math.round(startMs), end_ms: Math.round(endMs), timestamp }
      this.#options.events.optional('word', { type: 'word', task_id: turn.taskId, word, ...times })
    }
  }

  #stamp({ turn, dueMs }: DueSound, atSample: number): Stamp {
    return { taskId: turn.taskId, generation: this.#options.events.generation, timestamp: unixSeconds(dueMs + toMs(atSample)) }
  }
}
