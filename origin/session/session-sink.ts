/** A session's connection to the edge, as the session sees it. */
import type { OriginEvent, SessionEndReason } from '../../shared/events.ts'
import type { RelayClass } from '../../shared/link.ts'
import type { MediaSink } from '../media/socket-output.ts'
import type { SocketMeter } from '../media/transport-stats.ts'

export interface SessionSink extends MediaSink {
  /** What was sent to sockets. */
  readonly meter: SocketMeter
  /** @param to the one client that receives it; all clients without */
  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void
  sendActivity(busy: boolean): void
  /** The session is over: sends the last message, then closes the socket. */
  end(reason: SessionEndReason): void
}
