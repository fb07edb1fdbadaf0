/** Whether a session still takes work, and when it ends. */
import { performance } from 'node:perf_hooks'
import { AvatarError } from '../../shared/errors.ts'
import type { SessionEndReason } from '../../shared/events.ts'
import { LAST_WORDS_MS } from '../../shared/link.ts'

export class SessionLifetime {
  readonly #sessionId: string
  #ending: { reason: SessionEndReason; byMs: number } | undefined
  #ended = false

  constructor(sessionId: string) {
    this.#sessionId = sessionId
  }

  /** Nothing may leave any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** @throws AvatarError `SESSION_NOT_FOUND` once the session was asked to end */
  requireOpen(): void {
    if (this.#ending) throw new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.', { session_id: this.#sessionId })
  }

  /** No new work from now on. @param afterSpeech what is being said may be finished, for LAST_WORDS_MS at most */
  beginEnd(reason: SessionEndReason, { afterSpeech }: { afterSpeech: boolean }): void {
    this.#ending = { reason, byMs: performance.now() + (afterSpeech ? LAST_WORDS_MS : 0) }
  }

  /** Why the session is to end now; undefined where it is not. @param speaking a task has begun to sound and is not over */
  endIsDue(speaking: boolean): SessionEndReason | undefined {
    if (this.#ended || !this.#ending || (speaking && performance.now() < this.#ending.byMs)) return undefined
    return this.#ending.reason
  }

  markEnded(): void {
    this.#ended = true
  }
}
