/** Waits for an event of a session: the next of a kind, or the one that answers a message. */
import type { ServerEvent } from '../../../../shared/events.ts'
import type { Emitter } from './emitter.ts'
import { type AvatarError, avatarError } from './errors.ts'
import type { EventOf, SessionEventMap } from './session-events.ts'
import { withSignal } from './wait.ts'

/** Longest wait for the server's answer to a message on the socket, ms. */
const ANSWER_TIMEOUT_MS = 15_000

export interface WaitOptions<Event> {
  signal?: AbortSignal | undefined
  /** @default 15000 */
  timeoutMs?: number
  /** @default the first one */
  where?: (event: Event) => boolean
}

interface AnswerOptions<Event> extends WaitOptions<Event> {
  /** Codes of `error` events that answer the message too, and are thrown. */
  codes: readonly string[]
}

export class EventWaiter {
  readonly #emitter: Emitter<SessionEventMap>
  readonly #closedError: () => AvatarError
  #thrown: ServerEvent | undefined

  /** @param closedError why no event comes any more, once the connection is closed */
  constructor(emitter: Emitter<SessionEventMap>, closedError: () => AvatarError) {
    this.#emitter = emitter
    this.#closedError = closedError
  }

  /** Whether some call throws this error event: it needs no other listener. */
  throws(event: ServerEvent): boolean {
    return event === this.#thrown
  }

  /** @throws AvatarError TIMEOUT, SESSION_ENDED or NOT_CONNECTED, or the signal's reason */
  async next<Type extends ServerEvent['type']>(type: Type, options: WaitOptions<EventOf<Type>> = {}): Promise<EventOf<Type>> {
    const { where = () => true } = options
    return await this.#first((event): event is EventOf<Type> => event.type === type && where(event as EventOf<Type>), type, options)
  }

  /** @throws AvatarError of an error event with one of the codes, and as `next` */
  async answer<Type extends ServerEvent['type']>(type: Type, options: AnswerOptions<EventOf<Type>>): Promise<EventOf<Type>> {
    const { codes, where = () => true } = options
    const answers = (event: ServerEvent): event is EventOf<Type> | EventOf<'error'> => {
      if (event.type !== 'error') return event.type === type && where(event as EventOf<Type>)
      if (!codes.includes(event.code)) return false
      this.#thrown = event
      return true
    }
    const event = await this.#first(answers, type, options)
    if (event.type !== 'error') return event as EventOf<Type>
    const { code, message, details } = event as EventOf<'error'>
    throw avatarError({ code, message, details })
  }

  #first<Event extends ServerEvent>(
    fits: (event: ServerEvent) => event is Event,
    what: string,
    { signal, timeoutMs = ANSWER_TIMEOUT_MS }: Pick<WaitOptions<Event>, 'signal' | 'timeoutMs'>,
  ): Promise<Event> {
    const { promise, resolve, reject } = Promise.withResolvers<Event>()
    const offs = [
      this.#emitter.on('event', (event) => {
        if (fits(event)) resolve(event)
      }),
      this.#emitter.on('connection', ({ state, error }) => {
        if (state === 'closed') reject(error ?? this.#closedError())
      }),
    ]
    const late = (): void => reject(avatarError({ code: 'TIMEOUT', message: `No ${what} within ${timeoutMs} ms.` }))
    const timer = setTimeout(late, timeoutMs)
    return withSignal(promise, signal).finally(() => {
      clearTimeout(timer)
      for (const off of offs) off()
    })
  }
}
