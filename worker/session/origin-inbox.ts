/** What the origin sends over the session's socket: media and events for clients, answers to calls, state of the session. */
import type { SessionEndReason } from '../../shared/events.ts'
import { parseJsonAs } from '../../shared/json.ts'
import { decodeRelay, SessionUp } from '../../shared/link.ts'
import { log } from '../log.ts'
import type { PendingCalls } from '../objects/pending-calls.ts'
import { fromOrigin, succeed } from '../objects/result.ts'
import type { ClientFanout } from './client-fanout.ts'
import type { OpenTasks } from './open-tasks.ts'
import type { SessionStore } from './session-store.ts'

export interface OriginInboxOptions {
  store: SessionStore
  openTasks: OpenTasks
  pendingCalls: PendingCalls
  clientFanout(): ClientFanout | undefined
  /** The origin has ended the session. */
  closed(reason: SessionEndReason): void
}

export class OriginInbox {
  readonly #options: OriginInboxOptions

  constructor(options: OriginInboxOptions) {
    this.#options = options
  }

  take(message: string | ArrayBuffer): void {
    const { openTasks, clientFanout } = this.#options
    if (typeof message !== 'string') {
      clientFanout()?.relayBinary(message)
      return
    }
    const relayed = decodeRelay(message)
    if (relayed === undefined) {
      this.#answerOf(message)
      return
    }
    const { header, eventJson } = relayed
    if (header.class === 'control' && header.task !== undefined) openTasks.mark(header.task)
    clientFanout()?.relay(header, eventJson)
  }

  #answerOf(message: string): void {
    const { store, openTasks, pendingCalls, closed } = this.#options
    const answer = parseUp(message)
    switch (answer?.type) {
      case 'response':
        pendingCalls.settle(answer.id, succeed(answer.result))
        break
      case 'failure':
        pendingCalls.settle(answer.id, fromOrigin(answer))
        break
      case 'chunk':
        pendingCalls.chunk(answer.id, answer.data)
        break
      case 'task':
        openTasks.mark(answer.task)
        break
      case 'activity':
        store.change({ busy: answer.busy, lastActivityAt: Date.now(), warnedIdleS: 0 })
        break
      case 'peers':
        this.#peersAre(answer.count)
        break
      case 'closed':
        closed(answer.reason)
        break
      default:
        log.warn('origin message not understood', { session_id: store.state?.config.session_id, length: message.length })
    }
  }

  /** The last client is gone when no socket is open and no peer is left. */
  #peersAre(peers: number): void {
    const { store, clientFanout } = this.#options
    const { state } = store
    if (state === undefined || peers === state.peers) return
    const left = peers === 0 && (clientFanout()?.size ?? 0) === 0
    store.change({ peers, ...(peers > 0 ? { joined: true } : {}), ...(left ? { clientsLeftAt: Date.now() } : {}) })
  }
}

/** Undefined when it is not a message of an origin. */
export function parseUp(message: string | ArrayBuffer): SessionUp | undefined {
  return typeof message === 'string' ? parseJsonAs(SessionUp, message) : undefined
}
