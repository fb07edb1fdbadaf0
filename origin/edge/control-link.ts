/** The control socket: registers this origin with the pool, accepts sessions, reports load. */
import { parseJson } from '../../shared/json.ts'
import { ControlDown, type ControlUp, HEARTBEAT_S, type OriginHello, type SessionConfig } from '../../shared/link.ts'
import { PROTOCOL_VERSION } from '../../shared/version.ts'
import { textChat } from '../chat/text-chat.ts'
import type { Logger } from '../log.ts'
import type { LoadMeter } from '../metrics/load-meter.ts'
import { Session } from '../session/session.ts'
import type { SessionServices } from '../session/session-services.ts'
import type { TickLoop } from '../session/tick-loop.ts'
import { CallResponder } from './call-responder.ts'
import { ReconnectingSocket } from './reconnecting-socket.ts'
import { SessionLink } from './session-link.ts'

/** How many times more idle sessions than speaking ones a machine may have: they cost a cached frame each. */
const SESSIONS_PER_SPEAKER = 4
/** Every so many heartbeats, one carries a report of all sessions. */
const HEARTBEATS_PER_REPORT = 3

export interface ControlLinkOptions {
  edgeUrl: string
  key: string
  about: Omit<OriginHello, 'type' | 'protocol_version' | 'sessions' | 'load'>
  loop: TickLoop
  services: SessionServices
  load: LoadMeter
  log: Logger
  /** The edge has accepted this origin, for the first time or after a reconnect. */
  onWelcome: () => void
  onRefused: (why: string) => void
}

export class ControlLink {
  readonly #options: ControlLinkOptions
  readonly #socket: ReconnectingSocket
  readonly #heartbeat: NodeJS.Timeout
  readonly #calls: CallResponder
  #heartbeats = 0
  #draining = false

  constructor(options: ControlLinkOptions) {
    this.#options = options
    const { edgeUrl, key, about, loop, load, log, onRefused } = options
    this.#socket = new ReconnectingSocket({
      url: `${edgeUrl}/link/control`,
      key,
      log,
      onOpen: () => {
        this.#send({
          type: 'origin_hello',
          protocol_version: PROTOCOL_VERSION,
          ...about,
          sessions: [...loop.sessions.keys()],
          load: load.read(),
        })
        if (this.#draining) this.#send({ type: 'draining' })
      },
      onText: (text) => this.#receive(text),
      onRefused,
    })
    this.#calls = new CallResponder({ send: (answer) => this.#send(answer), log })
    this.#heartbeat = setInterval(() => this.#sendHeartbeat(), HEARTBEAT_S * 1000)
  }

  /** Accepts no more sessions; `on` false: accepts them again. */
  drain(on = true): void {
    this.#draining = on
    if (on) this.#send({ type: 'draining' })
    this.#options.log.info({ on }, 'drain')
  }

  /** Ends all sessions and closes the socket. */
  close(): void {
    clearInterval(this.#heartbeat)
    this.#calls.cancelAll()
    for (const session of [...this.#options.loop.sessions.values()]) abandon(session)
    this.#socket.close()
  }

  #sendHeartbeat(): void {
    const { loop, load } = this.#options
    const sessions =
      this.#heartbeats++ % HEARTBEATS_PER_REPORT === 0 ? [...loop.sessions.values()].map((session) => session.report()) : undefined
    this.#send({ type: 'heartbeat', load: load.read(), ...(sessions === undefined ? {} : { sessions }) })
  }

  #send(message: ControlUp): void {
    this.#socket.send(JSON.stringify(message))
  }

  #receive(text: string): void {
    const { log, onWelcome } = this.#options
    const parsed = ControlDown.safeParse(parseJson(text))
    if (!parsed.success) {
      log.warn({ issues: parsed.error.issues.length }, 'the edge sent a control message that this version does not know')
      return
    }
    const message = parsed.data
    switch (message.type) {
      case 'welcome':
        onWelcome()
        return
      case 'session_open':
        this.#openSession(message.config)
        return
      case 'session_drop':
        this.#options.loop.sessions.get(message.session_id)?.close(message.reason, { afterSpeech: false })
        return
      case 'text_chat':
        this.#calls.answer(message.id, 'text_chat', (signal, onChunk) => textChat(this.#options.services, message.params, onChunk, signal))
        return
      case 'cancel':
        this.#calls.cancel(message.id)
        return
      case 'drain':
        this.drain(message.on)
        return
    }
  }

  #openSession(config: SessionConfig): void {
    const { edgeUrl, key, about, services, log, loop, load } = this.#options
    const session_id = config.session_id
    const refuse = (code: string, message: string): void =>
      this.#send({ type: 'session_opened', session_id, accepted: false, code, message })
    if (this.#draining) {
      refuse('ORIGIN_UNAVAILABLE', 'This origin takes no more sessions.')
      return
    }
    if (!about.avatars.some((avatar) => avatar.avatar_id === config.avatar_id)) {
      refuse('AVATAR_NOT_FOUND', 'This origin does not have that avatar.')
      return
    }
    if (loop.sessions.size >= load.capacity * SESSIONS_PER_SPEAKER) {
      refuse('CAPACITY_EXCEEDED', 'This origin carries all the sessions it can.')
      return
    }
    const replaced = loop.sessions.get(session_id)
    if (replaced) abandon(replaced)
    const { origin_id: originId, boot_id: bootId } = about
    const sink = new SessionLink({
      ...{ edgeUrl, key, originId, bootId, sessionId: session_id, log },
      sessions: loop.sessions,
      onEnd: () => {
        loop.remove(session_id)
        log.info({ session_id, sessions: loop.sessions.size }, 'session ended')
      },
    })
    loop.add(new Session({ config, services, sink, log }))
    this.#send({ type: 'session_opened', session_id, accepted: true })
    log.info({ session_id, avatar_id: config.avatar_id, quality: config.quality, sessions: loop.sessions.size }, 'session opened')
  }
}

/** Ends the session here, not for its clients: the edge may place it on another origin. */
function abandon(session: Session): void {
  session.close('origin_lost', { afterSpeech: false })
}
