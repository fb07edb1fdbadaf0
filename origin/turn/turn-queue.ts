/** The session's tasks: one plays or is held, the others wait; each ends exactly once. */
import { performance } from 'node:perf_hooks'
import type { InterruptResponse } from '../../shared/api.ts'
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import { newId } from '../../shared/ids.ts'
import { Playout, type TickSound } from './playout.ts'
import { Turn, type TurnEnd, type TurnOptions } from './turn.ts'

/** Tasks that may wait their turn. */
const MAX_TURNS = 16
/** ms without any sound after which a turn is given up: voices and minds have shorter limits of their own. */
const STALL_MS = 30_000
/** ms that a task whose text is known may take longer than expected, and how far an estimate is off. */
const OVERDUE_MS = 2_000
const ESTIMATE_TOLERANCE = 1.25
/** ms after which held speech goes on by itself: longer than an utterance and its transcription may take. */
const MAX_PAUSE_MS = 90_000

export interface TurnQueueOptions {
  /** A task is over; called exactly once for each. */
  onFinished: (turn: Turn, reason: TurnEnd) => void
  /** Before `onFinished` of a task that failed. */
  onFailed: (turn: Turn, error: AvatarError) => void
  /** Nobody has resumed or ended the paused speech: it is to go on. */
  onPausedTooLong: () => void
  /** Which task is current, or whether it is paused, has changed. */
  onChange: () => void
}

export class TurnQueue {
  readonly #options: TurnQueueOptions
  readonly #playout = new Playout()
  #turns: Turn[] = []
  #starvedSinceMs: number | undefined
  /** Since when the current task is held, and from which ms of its sound it will go on. */
  #pause: { sinceMs: number; fromMs: number } | undefined

  constructor(options: TurnQueueOptions) {
    this.#options = options
  }

  get current(): Turn | undefined {
    return this.#turns[0]
  }

  /** The current task has begun to sound, paused or not. */
  get underWay(): boolean {
    return this.current?.startedMs !== undefined
  }

  get paused(): boolean {
    return this.#pause !== undefined
  }

  has(turn: Turn): boolean {
    return this.#turns.includes(turn)
  }

  /** @throws AvatarError `RATE_LIMITED` when too many wait */
  add(options: Omit<TurnOptions, 'taskId'>): Turn {
    if (this.#turns.length >= MAX_TURNS) {
      const message = `At most ${MAX_TURNS} tasks may wait in one session; let some finish, or interrupt.`
      throw new AvatarError('RATE_LIMITED', message, { queued: this.#turns.length })
    }
    const turn = new Turn({ ...options, taskId: newId('task') })
    this.#turns.push(turn)
    turn.start()
    this.#options.onChange()
    return turn
  }

  /**
   * Holds the current task, before its first sound too; its work goes on within its bounds. Sound that was taken and has
   * not left is taken back, so that `resume` loses nothing.
   *
   * @returns the task held; undefined where there is none, or it is held already
   */
  pause(): Turn | undefined {
    const turn = this.current
    if (!turn || this.paused) return undefined
    const fromMs = this.#playout.rewind(turn.resumeMs)
    this.#pause = { sinceMs: performance.now(), fromMs }
    this.#starvedSinceMs = undefined
    this.#options.onChange()
    return turn
  }

  /** @returns the task that goes on, and from which ms of its sound; undefined where none is held */
  resume(): { turn: Turn; fromMs: number } | undefined {
    const turn = this.current
    if (!turn || !this.#pause) return undefined
    const { sinceMs, fromMs } = this.#pause
    this.#pause = undefined
    turn.pausedMs += performance.now() - sinceMs
    turn.playedMs = fromMs
    this.#options.onChange()
    return { turn, fromMs }
  }

  /** The next 40 ms of sound; undefined when nothing is to be said. */
  next(): TickSound | undefined {
    if (this.#pause && performance.now() - this.#pause.sinceMs > MAX_PAUSE_MS) this.#options.onPausedTooLong()
    const turn = this.current
    if (!turn || this.paused) return undefined
    try {
      const sound = this.#playout.next(turn.segments)
      if (sound.state === 'waiting') this.#failWhenOverdue(turn)
      else this.#starvedSinceMs = undefined
      return sound
    } catch (thrown) {
      turn.failure = toAvatarError(thrown)
      this.#options.onFailed(turn, turn.failure)
      this.end(turn, 'failed')
      return undefined
    }
  }

  /** Sound of the current task that follows the last tick, as far as it is ready. */
  ahead(samples: number): Int16Array[] {
    return this.current && !this.paused ? this.#playout.ahead(this.current.segments, samples) : []
  }

  /** Takes one task out, wherever it waits. */
  end(turn: Turn, reason: TurnEnd): void {
    if (!this.has(turn)) return
    if (this.current === turn) this.#resetPlayout()
    this.#turns = this.#turns.filter((other) => other !== turn)
    this.#finish(turn, reason)
    this.#options.onChange()
  }

  /** Stops everything. @param announce told the facts before the tasks' ends are */
  interrupt(announce: (facts: Omit<InterruptResponse, 'status'>) => void): InterruptResponse {
    const stopped = this.#turns
    const current = this.current
    const facts = {
      task_id: current?.taskId ?? null,
      played_ms: Math.round(current?.playedMs ?? 0),
      spoken_text: current?.spokenText ?? '',
      dropped_ms: Math.round(stopped.reduce((sum, turn) => sum + turn.droppedMs, 0)),
    }
    this.#turns = []
    this.#resetPlayout()
    announce(facts)
    for (const turn of stopped) this.#finish(turn, 'interrupted')
    this.#options.onChange()
    return { status: current ? 'interrupted' : 'nothing_to_interrupt', ...facts }
  }

  #resetPlayout(): void {
    this.#playout.stop()
    this.#starvedSinceMs = undefined
    this.#pause = undefined
  }

  #finish(turn: Turn, reason: TurnEnd): void {
    turn.abort()
    this.#options.onFinished(turn, reason)
  }

  /** @throws AvatarError `PROVIDER_FAILED` */
  #failWhenOverdue({ startedMs, expectedMs, pausedMs: heldMs }: Turn): void {
    const nowMs = performance.now()
    this.#starvedSinceMs ??= nowMs
    const waitedMs = nowMs - this.#starvedSinceMs
    if (waitedMs > STALL_MS) {
      throw new AvatarError('PROVIDER_FAILED', `Nothing to say came for ${STALL_MS / 1000} s; the task was given up.`)
    }
    if (startedMs === undefined || expectedMs === undefined || waitedMs < OVERDUE_MS) return
    if (nowMs > startedMs + heldMs + expectedMs * ESTIMATE_TOLERANCE + OVERDUE_MS) {
      throw new AvatarError('PROVIDER_FAILED', 'The voice stopped in the middle; what was left of the task was given up.')
    }
  }
}
