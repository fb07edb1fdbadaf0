/** What the avatar does now; clients and the edge are told when it changes. */

import type { SessionEvents } from '../events/session-events.ts'
import type { Listener } from '../listening/listener.ts'
import type { SessionSink } from './session-sink.ts'
import type { Speech } from './speech.ts'

const MESSAGES = {
  idle: 'Avatar is idle.',
  listening: 'Avatar is now listening...',
  thinking: 'Avatar is thinking...',
  speaking: 'Avatar is speaking...',
} as const
export type Status = keyof typeof MESSAGES

export interface SessionStatusOptions {
  speech: Pick<Speech, 'current' | 'paused'>
  listener: Pick<Listener, 'listening'>
  events: SessionEvents
  sink: Pick<SessionSink, 'sendActivity'>
}

export class SessionStatus {
  readonly #options: SessionStatusOptions
  #current: Status = 'idle'
  #busy = false

  constructor(options: SessionStatusOptions) {
    this.#options = options
  }

  get current(): Status {
    return this.#current
  }

  /** To be called whenever speech or listening may have changed. */
  update(): void {
    const { speech, listener, events, sink } = this.#options
    const status = this.#derive()
    if (status !== this.#current) {
      this.#current = status
      events.publish({ type: 'status', status, message: MESSAGES[status] })
    }
    const busy = speech.current !== undefined || listener.listening
    if (busy !== this.#busy) {
      this.#busy = busy
      sink.sendActivity(busy)
    }
  }

  /** Paused speech gives way to the user: the avatar listens. */
  #derive(): Status {
    const { speech, listener } = this.#options
    const { current, paused } = speech
    if (paused) return 'listening'
    if (current?.startedMs !== undefined) return 'speaking'
    if (current?.kind === 'chat' || current?.kind === 'voice') return 'thinking'
    return listener.listening ? 'listening' : 'idle'
  }
}
