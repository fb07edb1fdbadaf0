/** A session's events as an async iterator. */
import type { ServerEvent } from '../../../../shared/events.ts'
import type { EventSource } from './session-events.ts'

/** Events that wait for a slow reader. */
const MAX_WAITING = 512

export class EventStream implements AsyncIterator<ServerEvent> {
  #waiting: ServerEvent[] = []
  #reader: ((result: IteratorResult<ServerEvent>) => void) | undefined
  #done = false
  readonly #offs: (() => void)[]

  constructor(session: EventSource) {
    this.#offs = [
      session.on('event', (event) => this.#push(event)),
      session.on('connection', ({ state }) => {
        if (state === 'closed') this.#end()
      }),
    ]
  }

  next(): Promise<IteratorResult<ServerEvent>> {
    const event = this.#waiting.shift()
    if (event) return Promise.resolve({ done: false, value: event })
    if (this.#done) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => {
      this.#reader = resolve
    })
  }

  return(): Promise<IteratorResult<ServerEvent>> {
    this.#waiting = []
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  #push(event: ServerEvent): void {
    const reader = this.#reader
    this.#reader = undefined
    if (reader) {
      reader({ done: false, value: event })
      return
    }
    this.#waiting.push(event)
    if (this.#waiting.length <= MAX_WAITING) return
    const oldest = this.#waiting.findIndex(({ type }) => type === 'frame')
    this.#waiting.splice(Math.max(0, oldest), 1)
  }

  #end(): void {
    this.#done = true
    for (const off of this.#offs) off()
    this.#reader?.({ done: true, value: undefined })
    this.#reader = undefined
  }
}
