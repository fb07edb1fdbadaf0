/**
 * The session's turns: one plays or is paused, the others wait; each ends exactly once.
 *
 * Here the two halves of a turn meet. `add` starts its pipeline, which pushes segments into `turn.segments` until AHEAD_MS of them
 * wait. The tick loop pulls: `next`, called every 40 ms, takes 40 ms of the current turn out of that channel by `Playout`.
 */
import { performance } from 'node:perf_hooks'
import type { InterruptResponse } from '../../shared/api.ts'
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import { newId } from '../../shared/ids.ts'
import { Playout, type TickSound } from './playout.ts'
import { Turn, type TurnEnd, type TurnOptions } from './turn.ts'

/** Turns of one session, the current one included. */
const MAX_TURNS = 16
/** ms without any segment after which a turn fails; TTS and LLM providers have shorter limits of their own. */
const STALL_MS = 30_000
/** ms that a turn whose text is known may exceed its estimate, and by which factor estimates may be wrong. */
const OVERDUE_MS = 2_000
const ESTIMATE_TOLERANCE = 1.25
/** ms after which paused speech resumes by itself: longer than an utterance and its transcription may take. */
const MAX_PAUSE_MS = 90_000

export interface TurnQueueOptions {
  /** A turn has ended; called exactly once for each. */
  onFinished: (turn: Turn, reason: TurnEnd) => void
  /** Called before `onFinished` of a turn that failed. */
  onFailed: (turn: Turn, error: AvatarError) => void
  /** Speech was paused for MAX_PAUSE_MS: it is to be resumed. */
  onPausedTooLong: () => void
  /** The current turn, or whether it is paused, has changed. */
  onChange: () => void
}

export class TurnQueue {
  readonly #options: TurnQueueOptions
  readonly #playout = new Playout()
  #turns: Turn[] = []
  #starvedSinceMs: number | undefined
  /** Since when the current turn is paused, and from which ms of its sound it resumes. */
  #pause: { sinceMs: number; fromMs: number } | undefined

  constructor(options: TurnQueueOptions) {
    this.#options = options
  }

  get current(): Turn | undefined {
    return this.#turns[0]
  }

  /** The current turn has begun to sound, paused or not. */
  get underWay(): boolean {
    return this.current?.startedMs !== undefined
  }

  get paused(): boolean {
    return this.#pause !== undefined
  }

  /** ms that have not left of all turns; Infinity while more of the current one is being made, or others wait. */
  get remainingMs(): number {
    const { current } = this
    if (!current) return 0
    return this.#turns.length === 1 && current.segments.closed ? current.droppedMs : Number.POSITIVE_INFINITY
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
   * Pauses the current turn, also before its first sound; its pipeline continues until AHEAD_MS wait. Sound that was taken and has
   * not left is put back, so that `resume` loses nothing.
   *
   * @returns the paused turn; undefined where there is none, or it is paused already
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

  /** @returns the turn that continues, and from which ms of its sound; undefined where none is paused */
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

  /** Takes the next 40 ms of sound; undefined while no turn plays. */
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

  /** Sound of the current turn that follows the last tick, as far as it is ready. */
  ahead(samples: number): Int16Array[] {
    return this.current && !this.paused ? this.#playout.ahead(this.current.segments, samples) : []
  }

  /** Ends one turn, wherever it waits. */
  end(turn: Turn, reason: TurnEnd): void {
    if (!this.has(turn)) return
    if (this.current === turn) this.#resetPlayout()
    this.#turns = this.#turns.filter((other) => other !== turn)
    this.#finish(turn, reason)
    this.#options.onChange()
  }

  /** Ends all turns. @param announce called with the facts before each turn's `onFinished` */
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
  #failWhenOverdue(turn: Turn): void {
    const { startedMs, expectedMs, pausedMs: heldMs } = turn
    const nowMs = performance.now()
    // the LLM provider bounds its own waiting: a model may have to be loaded first
    if (turn.waitsForModel) this.#starvedSinceMs = nowMs
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
