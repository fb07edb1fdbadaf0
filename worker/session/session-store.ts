/** The state of one session in its object's storage, and the one alarm that its deadlines need. */
import type { SessionConfig } from '../../shared/link.ts'
import { detached } from '../log.ts'
import { deadlines, type SessionState } from './session-state.ts'

/** The time of the last activity is stored at most this often, ms; an eviction can lose this much of it. */
const ACTIVITY_EVERY_MS = 1_000

export class SessionStore {
  readonly #storage: DurableObjectStorage
  #state: SessionState | undefined
  #alarmAt: number | undefined
  #activityWrittenAt = 0
  #constructing = true

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    const state = storage.kv.get<Omit<SessionState, 'config'>>('state')
    const config = storage.kv.get<SessionConfig>('config')
    const activeAt = storage.kv.get<number>('active_at') ?? 0
    if (state === undefined || config === undefined) return
    this.#state = { ...state, config, lastActivityAt: Math.max(state.lastActivityAt, activeAt) } as SessionState
  }

  /** Undefined when the session does not exist (any more). */
  get state(): SessionState | undefined {
    return this.#state
  }

  /**
   * Ends the object's construction: until here no alarm is set, since the object may have been started for its alarm,
   * which a new one would cancel. The stored alarm remains; the next change of state updates it.
   */
  constructed(): void {
    this.#constructing = false
  }

  enter(state: SessionState): void {
    const { config, ...rest } = state
    // stored separately: prompt and tools may be large, and the rest changes often
    if (config !== this.#state?.config) this.#storage.kv.put('config', config)
    this.#state = state
    this.#storage.kv.put('state', rest)
    this.arm()
  }

  change(changes: Partial<Omit<SessionState, 'phase'>>): void {
    if (this.#state !== undefined) this.enter({ ...this.#state, ...changes })
  }

  /** The session is used: the idle time starts again. */
  touch(now: number): void {
    const state = this.#state
    if (state === undefined) return
    if (state.warnedIdleS !== 0) this.change({ lastActivityAt: now, warnedIdleS: 0 })
    else this.#state = { ...state, lastActivityAt: now }
    if (now - this.#activityWrittenAt < ACTIVITY_EVERY_MS) return
    this.#activityWrittenAt = now
    // unconfirmed: this write must not delay messages
    detached('time of activity', this.#storage.put('active_at', now, { allowUnconfirmed: true }))
  }

  /** Sets the alarm to the soonest deadline. An alarm that comes too early, since the deadline moved, is set again. */
  arm(): void {
    const next = this.#state === undefined ? undefined : deadlines(this.#state)[0]?.at
    if (next === undefined || this.#constructing || (this.#alarmAt !== undefined && this.#alarmAt <= next)) return
    this.#alarmAt = next
    detached('alarm', this.#storage.setAlarm(next))
  }

  /** The alarm has fired: none is set now. */
  rang(): void {
    this.#alarmAt = undefined
  }

  async clear(): Promise<void> {
    this.#state = undefined
    this.#alarmAt = undefined
    await this.#storage.deleteAll()
    await this.#storage.deleteAlarm()
  }
}
