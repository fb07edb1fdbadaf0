/** What the origin sends over the session's socket: media and events for the audience, answers to calls, facts of the session. */
import type { SessionEndReason } from '../../shared/events.ts'
import { decodeRelay, type LinkCall, SessionUp } from '../../shared/link.ts'
import { log } from '../log.ts'
import type { PendingCalls } from '../objects/pending-calls.ts'
import { fromOrigin, succeed } from '../objects/result.ts'
import type { Audience } from './client-fanout.ts'
import type { OriginSide } from './origin-connection.ts'
import type { SessionStore } from './session-store.ts'

export interface OriginMessagesOptions {
  store: SessionStore
  origin: OriginSide
  calls: PendingCalls<LinkCall>
  audience(): Audience | undefined
  /** The origin says that the session is over. */
  closed(reason: SessionEndReason): void
}

export class OriginMessages {
  readonly #options: OriginMessagesOptions

  constructor(options: OriginMessagesOptions) {
    this.#options = options
  }

  take(message: string | ArrayBuffer): void {
    const { origin, audience } = this.#options
    if (typeof message !== 'string') {
      audience()?.relayBinary(message)
      return
    }
    const relayed = decodeRelay(message)
    if (relayed === undefined) {
      this.#answerOf(message)
      return
    }
    // the number is written in front of the first field: what has none cannot be handed on
    if (!relayed.eventJson.startsWith('{"')) return
    if (relayed.header.class === 'control') origin.observe(relayed.eventJson)
    audience()?.relay(relayed.header, relayed.eventJson)
  }

  #answerOf(message: string): void {
    const { store, calls, closed } = this.#options
    const answer = parseUp(message)
    switch (answer?.type) {
      case 'response':
        calls.settle(answer.id, succeed(answer.result))
        break
      case 'failure':
        calls.settle(answer.id, fromOrigin(answer))
        break
      case 'chunk':
        calls.chunk(answer.id, answer.data)
        break
      case 'activity':
        store.change({ busy: answer.busy, lastActivityAt: Date.now(), warnedIdleS: 0 })
        break
      case 'closed':
        closed(answer.reason)
        break
      default:
        log.warn('origin message not understood', { session_id: store.state?.config.session_id, length: message.length })
    }
  }
}

/** Undefined for what is no message of an origin. */
export function parseUp(message: string | ArrayBuffer): SessionUp | undefined {
  try {
    return typeof message === 'string' ? SessionUp.parse(JSON.parse(message)) : undefined
  } catch {
    // undefined says so
    return undefined
  }
}
