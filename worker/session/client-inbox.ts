/** Messages of clients: rate limited, parsed, then acted on or forwarded to the origin. */
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { ClientEvent } from '../../shared/events.ts'
import { log, reasonOf } from '../log.ts'
import { NO_ORIGIN, noOrigin } from '../objects/result.ts'
import type { ClientFanout } from './client-fanout.ts'
import type { ClientSocket } from './client-socket.ts'
import type { OriginConnection } from './origin-connection.ts'
import { parseClientMessage } from './parse-client-message.ts'
import type { SessionStore } from './session-store.ts'

export interface ClientInboxOptions {
  store: SessionStore
  originConnection: OriginConnection
  clientFanout(): ClientFanout | undefined
}

export class ClientInbox {
  readonly #options: ClientInboxOptions

  constructor(options: ClientInboxOptions) {
    this.#options = options
  }

  /** Never throws: a message that is wrong is answered with an `error` event. */
  take(client: ClientSocket, message: string | ArrayBuffer): void {
    const { state } = this.#options.store
    const now = Date.now()
    client.heardAt = now
    try {
      if (client.slidingWindow.take(now)) {
        this.#act(client, parseClientMessage(message), now)
      } else if (client.slidingWindow.mayReport(now)) {
        const limit = state?.settings.messagesPerSecond
        throw new AvatarError('RATE_LIMITED', `At most ${limit} messages a second; this one was not acted on.`, { limit, window_s: 1 })
      }
    } catch (thrown) {
      if (!(thrown instanceof AvatarError)) {
        log.error('client message failed', { session_id: state?.config.session_id, reason: reasonOf(thrown) })
      }
      this.#options.clientFanout()?.tellError(client, toAvatarError(thrown))
    }
  }

  #act(client: ClientSocket, event: ClientEvent, now: number): void {
    const { store, originConnection, clientFanout } = this.#options
    if (event.type === 'frame_ack') {
      client.ack(event.frame_id, now)
      return
    }
    if (event.type === 'ping') {
      client.pinged()
      client.send('{"type":"pong"}')
      return
    }
    store.touch(now)
    if (event.type === 'keep_alive' || originConnection.send({ type: 'client_event', client_id: client.id, event })) return
    clientFanout()?.tellError(client, noOrigin(NO_ORIGIN).error)
  }
}
