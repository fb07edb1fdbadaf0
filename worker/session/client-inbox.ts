/** What clients send over their sockets: limited, read, and acted on or handed to the origin. */
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { ClientEvent } from '../../shared/events.ts'
import { log, reasonOf } from '../log.ts'
import { NO_ORIGIN, noOrigin } from '../objects/result.ts'
import type { Audience } from './client-fanout.ts'
import type { ClientSocket } from './client-socket.ts'
import type { OriginSide } from './origin-connection.ts'
import { readClientMessage } from './parse-client-message.ts'
import type { SessionStore } from './session-store.ts'

export interface ClientMessagesOptions {
  store: SessionStore
  origin: OriginSide
  audience(): Audience | undefined
}

export class ClientMessages {
  readonly #options: ClientMessagesOptions

  constructor(options: ClientMessagesOptions) {
    this.#options = options
  }

  /** Whatever is wrong with it, the client is told and nothing is thrown. */
  take(client: ClientSocket, message: string | ArrayBuffer): void {
    const { state } = this.#options.store
    const now = Date.now()
    try {
      if (client.limit.take(now)) {
        this.#act(client, readClientMessage(message), now)
      } else if (client.limit.mayReport(now)) {
        const limit = state?.settings.messagesPerSecond
        throw new AvatarError('RATE_LIMITED', `At most ${limit} messages a second; this one was not acted on.`, { limit, window_s: 1 })
      }
    } catch (thrown) {
      if (!(thrown instanceof AvatarError)) {
        log.error('client message failed', { session_id: state?.config.session_id, reason: reasonOf(thrown) })
      }
      this.#options.audience()?.tellError(client, toAvatarError(thrown))
    }
  }

  #act(client: ClientSocket, event: ClientEvent, now: number): void {
    const { store, origin, audience } = this.#options
    if (event.type === 'frame_ack') {
      client.ack(event.frame_id, now)
      return
    }
    if (event.type === 'ping') {
      client.send('{"type":"pong"}')
      return
    }
    store.touch(now)
    if (event.type === 'keep_alive' || origin.send({ type: 'client_event', client_id: client.id, event })) return
    audience()?.tellError(client, noOrigin(NO_ORIGIN).error)
  }
}
