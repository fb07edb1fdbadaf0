/** Gets a session and keeps one: opens it, tries again while there is none, says what it is doing. */
import { type AvatarClient, AvatarError, type AvatarSession, type ConnectionEvent, type EventOf, type SessionEndReason } from '@avatar/sdk'
import type { Phase } from './copy.ts'
import type { Choice } from './settings.ts'

/** Pause between attempts, s, where the server names none. */
const RETRY_S = 3
const MAX_RETRY_S = 60
/** Trying again by itself makes no sense: somebody has to do something. */
const HOPELESS = ['UNAUTHORIZED', 'SESSION_NOT_FOUND', 'AVATAR_NOT_FOUND', 'INVALID_REQUEST', 'INVALID_RESPONSE']

/** Ends that nobody asked for: a page that opened the session opens another by itself. */
const VANISHED: readonly SessionEndReason[] = ['origin_lost', 'capacity', 'error']

export type Situation =
  | { phase: 'opening' | 'live' }
  | { phase: 'reconnecting'; hostLost: boolean }
  | { phase: 'waiting'; error: unknown; inS: number }
  | { phase: 'ended'; event: EventOf<'session_ended'> | undefined }
  /** `invited`: the session was somebody else's. */
  | { phase: 'refused'; error: unknown; invited: boolean }

export interface LifecycleEvents {
  onSituation: (situation: Situation) => void
  /** A new session is connected. @param guest it is somebody else's */
  onSession: (session: AvatarSession, guest: boolean) => void
}

export class Lifecycle {
  readonly #client: AvatarClient
  readonly #events: LifecycleEvents
  #session: AvatarSession | undefined
  #attempt = new AbortController()
  #hurry: (() => void) | undefined
  /** Reconnecting is only said, because nobody answers. */
  #quiet = false
  phase: Phase = 'opening'

  constructor(client: AvatarClient, events: LifecycleEvents) {
    this.#client = client
    this.#events = events
  }

  get session(): AvatarSession | undefined {
    return this.#session
  }

  /** Opens a session, or joins the token's; what was open before ends. */
  async open(choice: Choice, token?: string): Promise<void> {
    this.#attempt.abort()
    this.#attempt = new AbortController()
    const { signal } = this.#attempt
    await this.leave()
    for (;;) {
      if (this.phase !== 'waiting') this.#say({ phase: 'opening' })
      try {
        return await this.#connect(choice, token, signal)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof AvatarError && HOPELESS.includes(error.code)) {
          this.#say({ phase: 'refused', error, invited: token !== undefined })
          return
        }
        await this.#pause(error, signal)
        if (signal.aborted) return
      }
    }
  }

  /** Tries again at once. */
  retryNow(): void {
    this.#hurry?.()
    this.#session?.retryNow()
  }

  /** The server does not answer, though the connection stands; or it does again. */
  quiet(quiet: boolean): void {
    if (quiet && this.phase === 'live') {
      this.#say({ phase: 'reconnecting', hostLost: false })
      this.#quiet = true
    } else if (!quiet && this.#quiet) this.#say({ phase: 'live' })
  }

  /** Lets go of the session; one that was opened here ends. */
  async leave(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    // it may be over, or the network away: then the server ends it by itself
    await session?.disconnect().catch(() => undefined)
  }

  async #connect(choice: Choice, token: string | undefined, signal: AbortSignal): Promise<void> {
    const session =
      token === undefined ? await this.#client.createSession(choice, { signal, maxRetries: 0 }) : this.#client.attachSession(token)
    try {
      this.#follow(session, () => (token === undefined ? void this.open(choice) : this.#overFor(session)))
      // a guest has no WebRTC of its own, and wants its media beside that of the others
      const webrtc = token === undefined ? 'instead' : 'beside'
      await session.connect({ media: 'binary', audio: 'chunks', events: ['words', 'stats'], webrtc, signal })
    } catch (error) {
      void session.disconnect().catch(() => undefined)
      throw error
    }
    this.#session = session
    this.#events.onSession(session, token !== undefined)
    this.#say({ phase: 'live' })
  }

  #overFor(session: AvatarSession): void {
    this.#say({ phase: 'ended', event: session.ended })
  }

  /** @param onVanished the session is gone through no fault of the people in it */
  #follow(session: AvatarSession, onVanished: () => void): void {
    session.on('connection', (event: ConnectionEvent) => {
      if (session !== this.#session) return
      if (event.state === 'reconnecting') this.#say({ phase: 'reconnecting', hostLost: false })
      if (event.state === 'closed') {
        const { ended } = session
        const vanished = ended ? VANISHED.includes(ended.reason) : event.error?.code === 'SESSION_NOT_FOUND'
        if (vanished) onVanished()
        else if (ended) this.#overFor(session)
        else this.#say({ phase: 'refused', error: event.error, invited: false })
      }
    })
    session.on('session_state', ({ state }) => {
      if (session !== this.#session) return
      this.#say(state === 'live' ? { phase: 'live' } : { phase: 'reconnecting', hostLost: true })
    })
  }

  async #pause(error: unknown, signal: AbortSignal): Promise<void> {
    const asked = error instanceof AvatarError ? error.retryAfterS : undefined
    let inS = Math.min(MAX_RETRY_S, Math.max(1, Math.ceil(asked ?? RETRY_S)))
    for (; inS > 0 && !signal.aborted; inS--) {
      this.#say({ phase: 'waiting', error, inS })
      const hurried = await new Promise<boolean>((resolve) => {
        this.#hurry = () => resolve(true)
        setTimeout(() => resolve(false), 1_000)
      })
      if (hurried) break
    }
  }

  #say(situation: Situation): void {
    this.#quiet = false
    this.phase = situation.phase
    this.#events.onSituation(situation)
  }
}
