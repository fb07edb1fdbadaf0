/** Tasks accepted but not finished. Each must get exactly one speech_finished, even if the origin dies. */

/** Tasks that are remembered at most, open and finished. */
const MAX_TASKS = 256

export class OpenTasks {
  readonly #open: Set<string>
  /** A task's end can come before the answer to its request: that answer must not open it again. */
  readonly #finished = new Set<string>()

  constructor(open: string[]) {
    this.#open = new Set(open)
  }

  /** What an event says about a task; only the two that matter are parsed. */
  static read(eventJson: string): { taskId: string; open: boolean } | undefined {
    if (!eventJson.includes('"speech_')) return undefined
    try {
      const event: { type?: unknown; task_id?: unknown } = JSON.parse(eventJson)
      if (typeof event.task_id !== 'string') return undefined
      if (event.type === 'speech_started') return { taskId: event.task_id, open: true }
      if (event.type === 'speech_finished') return { taskId: event.task_id, open: false }
    } catch {
      // not JSON: no task event
    }
    return undefined
  }

  /** True when it was new. */
  open(taskId: string): boolean {
    if (this.#open.has(taskId) || this.#finished.has(taskId)) return false
    this.#open.add(taskId)
    forgetOldest(this.#open)
    return true
  }

  /** True when it was open. */
  finish(taskId: string): boolean {
    this.#finished.add(taskId)
    forgetOldest(this.#finished)
    return this.#open.delete(taskId)
  }

  list(): string[] {
    return [...this.#open]
  }

  /** Finishes all of them. @returns their ids */
  clear(): string[] {
    const open = this.list()
    for (const taskId of open) this.finish(taskId)
    return open
  }
}

function forgetOldest(ids: Set<string>): void {
  const oldest = ids.values().next()
  if (ids.size > MAX_TASKS && !oldest.done) ids.delete(oldest.value)
}
