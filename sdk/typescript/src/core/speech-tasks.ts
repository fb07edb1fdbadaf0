/** What the avatar was asked to say, and when each of it is over. */
import type { AvatarError } from './errors.ts'
import type { EventOf } from './session-events.ts'

/** Ends that are remembered for tasks nobody has asked about yet: the event may come before the call's answer. */
const MAX_REMEMBERED = 64

export type SpeechFinished = EventOf<'speech_finished'>

export interface SpeechTask {
  task_id: string
  /** When it was said, interrupted or failed. Needs the connection; rejects when that is closed before. */
  readonly finished: Promise<SpeechFinished>
}

interface Waiter {
  resolve: (event: SpeechFinished) => void
  reject: (error: unknown) => void
}

export class SpeechTasks {
  readonly #finished = new Map<string, SpeechFinished>()
  readonly #waiters = new Map<string, Waiter[]>()

  /** Adds `finished` to the answer of a call. @param requireOpen throws where no event can come */
  task<Answer extends { task_id: string }>(answer: Answer, requireOpen: () => void): Answer & SpeechTask {
    let finished: Promise<SpeechFinished> | undefined
    const wait = (): Promise<SpeechFinished> => this.#wait(answer.task_id, requireOpen)
    return Object.defineProperty({ ...answer }, 'finished', {
      get: () => {
        finished ??= wait()
        return finished
      },
    }) as Answer & SpeechTask
  }

  finish(event: SpeechFinished): void {
    const { task_id: id = '' } = event
    this.#finished.set(id, event)
    for (const oldest of [...this.#finished.keys()].slice(0, -MAX_REMEMBERED)) this.#finished.delete(oldest)
    for (const { resolve } of this.#waiters.get(id) ?? []) resolve(event)
    this.#waiters.delete(id)
  }

  /** No end will be heard of any more. */
  fail(error: AvatarError): void {
    for (const { reject } of [...this.#waiters.values()].flat()) reject(error)
    this.#waiters.clear()
  }

  async #wait(id: string, requireOpen: () => void): Promise<SpeechFinished> {
    const known = this.#finished.get(id)
    if (known) return known
    requireOpen()
    return await new Promise((resolve, reject) => {
      this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), { resolve, reject }])
    })
  }
}
