/** Answers calls of the edge: each gets one response or failure, after its chunks, and can be cancelled. */
import { toAvatarError } from '../../shared/errors.ts'
import type { Logger } from '../log.ts'

type Answer =
  | { type: 'response'; id: string; result: Record<string, unknown> }
  | { type: 'failure'; id: string; code: string; message: string; details: Record<string, unknown> }
  | { type: 'chunk'; id: string; data: string }

export type Perform = (signal: AbortSignal, onChunk: (chunk: object) => void) => Promise<object>

export class CallResponder {
  readonly #send: (answer: Answer) => void
  readonly #log: Logger
  readonly #running = new Map<string, AbortController>()

  constructor({ send, log }: { send: (answer: Answer) => void; log: Logger }) {
    this.#send = send
    this.#log = log
  }

  /** @param name for the log */
  answer(id: string, name: string, perform: Perform): void {
    void this.#answer(id, name, perform)
  }

  /** The caller has gone. */
  cancel(id: string): void {
    this.#running.get(id)?.abort()
  }

  cancelAll(): void {
    for (const running of this.#running.values()) running.abort()
  }

  async #answer(id: string, name: string, perform: Perform): Promise<void> {
    const running = new AbortController()
    this.#running.set(id, running)
    try {
      const onChunk = (chunk: object): void => this.#send({ type: 'chunk', id, data: JSON.stringify(chunk) })
      this.#send({ type: 'response', id, result: { ...(await perform(running.signal, onChunk)) } })
    } catch (thrown) {
      // a cancelled call needs no answer
      if (running.signal.aborted) return
      const error = toAvatarError(thrown)
      if (error.code === 'INTERNAL_ERROR') this.#log.error({ err: error.cause ?? error, method: name }, 'a call failed')
      this.#send({ type: 'failure', id, code: error.code, message: error.message, details: error.details })
    } finally {
      this.#running.delete(id)
    }
  }
}
