/** What the avatar does now, told when it changes. */
import type { Listener } from '../listening/listener.ts'
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
  ear: Pick<Listener, 'listening'>
  tell: (status: Status, message: string) => void
  /** The session is in use, or not any more. */
  tellBusy: (busy: boolean) => void
}

export class SessionStatus {
  readonly #options: SessionStatusOptions
  #now: Status = 'idle'
  #busy = false

  constructor(options: SessionStatusOptions) {
    this.#options = options
  }

  get now(): Status {
    return this.#now
  }

  /** Something may have changed. */
  show(): void {
    const { speech, ear, tell, tellBusy } = this.#options
    const status = this.#look()
    if (status !== this.#now) {
      this.#now = status
      tell(status, MESSAGES[status])
    }
    const busy = speech.current !== undefined || ear.listening
    if (busy !== this.#busy) {
      this.#busy = busy
      tellBusy(busy)
    }
  }

  /** Speech that is held gives way to the user: she listens. */
  #look(): Status {
    const { speech, ear } = this.#options
    const { current, paused } = speech
    if (paused) return 'listening'
    if (current?.startedMs !== undefined) return 'speaking'
    if (current?.kind === 'chat' || current?.kind === 'voice') return 'thinking'
    return ear.listening ? 'listening' : 'idle'
  }
}
