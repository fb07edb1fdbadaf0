/** Tasks accepted but not finished. Each must get exactly one speech_finished, even if the origin dies. */
import type { TaskMark } from '../../shared/link.ts'
import type { ClientFanout } from './client-fanout.ts'
import type { SessionStore } from './session-store.ts'

/** Tasks that are remembered at most, open and closed. */
const MAX_TASKS = 256

export interface OpenTasksOptions {
  store: SessionStore
  clientFanout(): ClientFanout | undefined
}

export class OpenTasks {
  readonly #options: OpenTasksOptions
  readonly #open: Set<string>
  /** A short task can end before the call that opened it is answered: the mark that comes late must not open it again. */
  readonly #closed = new Set<string>()

  constructor(options: OpenTasksOptions) {
    this.#options = options
    this.#open = new Set(options.store.state?.openTasks)
  }

  mark({ id, state }: TaskMark): void {
    const changed = state === 'open' ? this.#add(id) : this.#remove(id)
    if (changed) this.#keep()
  }

  /** Tells clients that every open task has failed. */
  failAll(): void {
    const open = [...this.#open]
    for (const task_id of open) {
      this.#remove(task_id)
      this.#options.clientFanout()?.announce({ type: 'speech_finished', task_id, reason: 'failed', played_ms: 0 }, { kept: true })
    }
    if (open.length > 0) this.#keep()
  }

  #add(id: string): boolean {
    if (this.#open.has(id) || this.#closed.has(id)) return false
    this.#open.add(id)
    forgetOldest(this.#open)
    return true
  }

  #remove(id: string): boolean {
    this.#closed.add(id)
    forgetOldest(this.#closed)
    return this.#open.delete(id)
  }

  #keep(): void {
    this.#options.store.change({ openTasks: [...this.#open] })
  }
}

function forgetOldest(ids: Set<string>): void {
  const oldest = ids.values().next()
  if (ids.size > MAX_TASKS && !oldest.done) ids.delete(oldest.value)
}
