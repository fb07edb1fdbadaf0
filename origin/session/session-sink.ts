/** A session's connection to the edge, as the session sees it. */
import type { SessionEndReason } from '../../shared/events.ts'
import type { EventSink } from '../events/session-events.ts'
import type { MediaSink } from '../media/socket-output.ts'
import type { SocketMeter } from '../media/transport-stats.ts'

export interface SessionSink extends EventSink, Omit<MediaSink, 'sendEvent'> {
  /** What was sent to sockets. */
  readonly meter: SocketMeter
  sendActivity(busy: boolean): void
  /** How many clients and viewers are connected by WebRTC has changed. */
  sendPeers(count: number): void
  /** The session is over: sends the last message, then closes the socket. */
  end(reason: SessionEndReason): void
}
