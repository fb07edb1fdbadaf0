/** Asks origins to take a session and waits for their answers. */
import type { ControlUp, SessionConfig } from '../../shared/link.ts'
import type { ControlSocket } from './control-socket.ts'

/** How long one origin may take to answer, ms. */
const ANSWER_MS = 2_000

type Opened = Extract<ControlUp, { type: 'session_opened' }>

export class Opening {
  readonly #asked = new Map<string, (opened: Opened) => void>()

  has(sessionId: string): boolean {
    return this.#asked.has(sessionId)
  }

  /** Undefined when the origin did not answer in time. */
  async ask(origin: ControlSocket, config: SessionConfig, waitMs: number): Promise<Opened | undefined> {
    const { promise, resolve } = Promise.withResolvers<Opened | undefined>()
    this.#asked.set(config.session_id, resolve)
    const timer = setTimeout(() => resolve(undefined), Math.max(0, Math.min(ANSWER_MS, waitMs)))
    if (!origin.send({ type: 'session_open', config })) resolve(undefined)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#asked.delete(config.session_id)
    }
  }

  answered(opened: Opened): void {
    this.#asked.get(opened.session_id)?.(opened)
  }
}
