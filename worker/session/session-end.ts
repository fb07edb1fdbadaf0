/** How a session ends: warnings before, the origin's last words, and the word to everyone. */
import type { SessionEndReason } from '../../shared/events.ts'
import { log } from '../log.ts'
import type { Audience } from './client-fanout.ts'
import type { OriginSide } from './origin-connection.ts'
import { type Deadline, deadlines, durationS, enter, LAST_WORDS_MS, placementOf, STOP_MS } from './session-state.ts'
import type { SessionStore } from './session-store.ts'

export interface EndingOptions {
  store: SessionStore
  origin: OriginSide
  audience(): Audience | undefined
  /** Closes everything and keeps nothing. */
  forget(): Promise<void>
}

export class Ending {
  readonly #options: EndingOptions
  #waiters: ((duration: number) => void)[] = []

  constructor(options: EndingOptions) {
    this.#options = options
  }

  /** A deadline that has come. */
  async meet(deadline: Deadline, now: number): Promise<void> {
    switch (deadline.kind) {
      case 'warn':
        this.#warn(deadline.reason, deadline.warnS, now)
        return
      case 'end':
        return this.#close(deadline.reason, deadline.afterSpeech)
      case 'origin_lost':
        return this.#options.origin.replace()
      case 'closed':
        return this.finish(deadline.reason)
    }
  }

  /** Somebody ends it at once. @returns its duration, s */
  async stop(reason: SessionEndReason): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#waiters.push(resolve)
    await this.#close(reason, false)
    return promise
  }

  /** The origin's word that it is over; why, is what was said first. */
  async closed(reason: SessionEndReason): Promise<void> {
    const { state } = this.#options.store
    await this.finish(state?.phase === 'closing' ? state.reason : reason)
  }

  /** Everyone is told, everything is closed and forgotten. */
  async finish(reason: SessionEndReason): Promise<void> {
    const { store, origin, audience, forget } = this.#options
    const { state } = store
    if (state === undefined) return
    const duration = durationS(state, Date.now())
    origin.failOpenTasks()
    audience()?.announce({ type: 'session_ended', reason, duration })
    log.info('session ended', { session_id: state.config.session_id, reason, duration_s: duration })
    await forget()
    for (const waiter of this.#waiters.splice(0)) waiter(duration)
  }

  #warn(reason: 'idle_timeout' | 'max_duration', warnS: number, now: number): void {
    const { store, audience } = this.#options
    const { state } = store
    if (state === undefined) return
    const endAt = deadlines(state).find((deadline) => deadline.kind === 'end' && deadline.reason === reason)?.at ?? now
    store.change(reason === 'idle_timeout' ? { warnedIdleS: warnS } : { warnedMaxS: warnS })
    audience()?.announce({ type: 'session_expiring', in_s: Math.max(0, Math.round((endAt - now) / 1000)), reason })
  }

  /** Asks the origin to end the session and waits for its word, which comes after the sentence being spoken. */
  async #close(reason: SessionEndReason, afterSpeech: boolean): Promise<void> {
    const { store, origin } = this.#options
    const { state } = store
    if (state === undefined) return
    if (!origin.send({ type: 'close', reason, after_speech: afterSpeech })) {
      await this.finish(reason)
      return
    }
    const deadline = Date.now() + (afterSpeech ? LAST_WORDS_MS : STOP_MS)
    store.enter(enter(state, { phase: 'closing', placement: placementOf(state), reason, deadline }))
  }
}
