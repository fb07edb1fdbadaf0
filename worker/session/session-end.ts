/** How a session ends: warnings before the deadline, the origin finishing its sentence, and session_ended for everyone. */
import type { SessionEndReason } from '../../shared/events.ts'
import { LAST_WORDS_MS } from '../../shared/link.ts'
import { log } from '../log.ts'
import type { ClientFanout } from './client-fanout.ts'
import type { OpenTasks } from './open-tasks.ts'
import type { OriginConnection } from './origin-connection.ts'
import { type Deadline, deadlines, durationS, enter, placementOf, STOP_MS } from './session-state.ts'
import type { SessionStore } from './session-store.ts'

export interface SessionEndOptions {
  store: SessionStore
  openTasks: OpenTasks
  originConnection: OriginConnection
  clientFanout(): ClientFanout | undefined
  /** Closes every socket and deletes the session. */
  forget(): Promise<void>
  /** Closes the sockets of clients that are gone. */
  probe(now: number): void
}

export class SessionEnd {
  readonly #options: SessionEndOptions
  #waiters: ((duration: number) => void)[] = []

  constructor(options: SessionEndOptions) {
    this.#options = options
  }

  /** Acts on a deadline that has come. */
  async meet(deadline: Deadline, now: number): Promise<void> {
    switch (deadline.kind) {
      case 'warn':
        this.#warn(deadline.reason, deadline.warnS, now)
        return
      case 'end':
        return this.#close(deadline.reason, deadline.afterSpeech)
      case 'probe':
        this.#options.probe(now)
        return
      case 'origin_lost':
        return this.#options.originConnection.replace()
      case 'closed':
        return this.finish(deadline.reason)
    }
  }

  /** Ends the session at once. @returns its duration, s */
  async stop(reason: SessionEndReason): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#waiters.push(resolve)
    await this.#close(reason, false)
    return promise
  }

  /** The origin has closed the session; the reason that was given first counts. */
  async closed(reason: SessionEndReason): Promise<void> {
    const { state } = this.#options.store
    await this.finish(state?.phase === 'closing' ? state.reason : reason)
  }

  /** Tells every client, closes every socket and deletes the session. */
  async finish(reason: SessionEndReason): Promise<void> {
    const { store, openTasks, clientFanout, forget } = this.#options
    const { state } = store
    if (state === undefined) return
    const duration = durationS(state, Date.now())
    openTasks.failAll()
    clientFanout()?.announce({ type: 'session_ended', reason, duration })
    log.info('session ended', { session_id: state.config.session_id, reason, duration_s: duration })
    await forget()
    for (const waiter of this.#waiters.splice(0)) waiter(duration)
  }

  #warn(reason: 'idle_timeout' | 'max_duration', warnS: number, now: number): void {
    const { store, clientFanout } = this.#options
    const { state } = store
    if (state === undefined) return
    const endAt = deadlines(state).find((deadline) => deadline.kind === 'end' && deadline.reason === reason)?.at ?? now
    store.change(reason === 'idle_timeout' ? { warnedIdleS: warnS } : { warnedMaxS: warnS })
    clientFanout()?.announce({ type: 'session_expiring', in_s: Math.max(0, Math.round((endAt - now) / 1000)), reason })
  }

  /** Asks the origin to end the session; it answers `closed`, with `afterSpeech` after the sentence being spoken. */
  async #close(reason: SessionEndReason, afterSpeech: boolean): Promise<void> {
    const { store, originConnection } = this.#options
    const { state } = store
    if (state === undefined) return
    if (!originConnection.send({ type: 'close', reason, after_speech: afterSpeech })) {
      await this.finish(reason)
      return
    }
    const deadline = Date.now() + (afterSpeech ? LAST_WORDS_MS : STOP_MS)
    store.enter(enter(state, { phase: 'closing', placement: placementOf(state), reason, deadline }))
  }
}
