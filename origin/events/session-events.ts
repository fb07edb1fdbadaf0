/** How the parts of a session send events to its clients. Fills in what every event carries; nothing leaves once the session is over. */
import type { AvatarError } from '../../shared/errors.ts'
import type { OriginEvent } from '../../shared/events.ts'
import type { MediaWants, RelayClass } from '../../shared/link.ts'
import type { Logger } from '../log.ts'

type Unstamped<Event> = Event extends unknown ? Omit<Event, 'session_id' | 'generation'> : never
/** An event without the fields that `SessionEvents` fills in. */
export type SessionEvent = Unstamped<OriginEvent>

/** Events that leave only while a client wants them, with the name of that wish. */
const WISHES = { word: 'words', level: 'levels' } as const
export type OptionalKind = keyof typeof WISHES

/** Where events leave. */
export interface EventSink {
  /** @param to the one client that receives it; all clients without */
  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void
}

export interface SessionEventsOptions {
  sessionId: string
  sink: EventSink
  log: Logger
}

export class SessionEvents {
  readonly #sessionId: string
  readonly #sink: SessionEventsOptions['sink']
  readonly #log: Logger
  #generation = 0
  #closed = false
  /** What the session's clients want of optional events. */
  wants: Pick<MediaWants, (typeof WISHES)[OptionalKind]> = { words: false, levels: false }

  constructor({ sessionId, sink, log }: SessionEventsOptions) {
    this.#sessionId = sessionId
    this.#sink = sink
    this.#log = log
  }

  /** Rises with every interrupt and pause: clients drop media of an older generation, and the session no longer sends it. */
  get generation(): number {
    return this.#generation
  }

  nextGeneration(): void {
    this.#generation += 1
  }

  /** To all clients; kept and replayed while they are away. */
  publish(event: SessionEvent): void {
    this.#send('control', event)
  }

  /** To the client that caused it. */
  reply(clientId: string, event: SessionEvent): void {
    this.#send('control', event, clientId)
  }

  isWanted(kind: OptionalKind): boolean {
    return this.wants[WISHES[kind]]
  }

  /** To all clients, while one of them wants this kind of event. */
  optional(kind: OptionalKind, event: SessionEvent): void {
    if (this.isWanted(kind)) this.#send(kind, event)
  }

  /** @param taskId the task that failed @param clientId the client that caused it; all clients are told without */
  error(error: AvatarError, { taskId, clientId }: { taskId?: string; clientId?: string } = {}): void {
    if (error.code === 'INTERNAL_ERROR') this.#log.error({ err: error.cause ?? error }, 'a bug surfaced in a session')
    const { code, message, details } = error
    this.#send('control', { type: 'error', ...(taskId === undefined ? {} : { task_id: taskId }), code, message, details }, clientId)
  }

  /** The session is over. */
  close(): void {
    this.#closed = true
  }

  #send(relayClass: RelayClass, event: SessionEvent, to?: string): void {
    if (!this.#closed) this.#sink.sendEvent(relayClass, { ...event, session_id: this.#sessionId, generation: this.#generation }, to)
  }
}
