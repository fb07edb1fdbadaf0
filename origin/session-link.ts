/** One session's socket to its object on the edge: calls in, events and media out. */
import { toAvatarError } from '../shared/errors.ts'
import type { OriginEvent, SessionEndReason } from '../shared/events.ts'
import { encodeRelay, type LinkCall, type RelayClass, type SessionConfig, SessionDown, type SessionUp } from '../shared/link.ts'
import { PROTOCOL_VERSION } from '../shared/version.ts'
import { LinkSocket } from './link-socket.ts'
import type { Logger } from './log.ts'
import { NO_WANTS } from './media-out.ts'
import { Session, type SessionSink } from './session.ts'
import type { SessionParts } from './session-parts.ts'

/** Bytes waiting for the network beyond which pictures are left out: about one second of video. */
const CONGESTED_BYTES = 1_500_000
/** Control events kept while the link is down; the oldest go first. */
const MAX_HELD_EVENTS = 256
/** ms that a session outlives its link; the edge gives up on it at the same age. */
const LINK_LOST_MS = 30_000

export interface SessionLinkOptions {
  edgeUrl: string
  key: string
  originId: string
  bootId: string
  config: SessionConfig
  parts: SessionParts
  log: Logger
  onEnd: (sessionId: string) => void
}

export class SessionLink implements SessionSink {
  readonly session: Session
  readonly #options: SessionLinkOptions
  readonly #socket: LinkSocket
  readonly #calls = new Map<string, AbortController>()
  #held: string[] = []
  #lostTimer: NodeJS.Timeout | undefined
  #busy = false
  #over = false

  constructor(options: SessionLinkOptions) {
    const { config, parts, log, edgeUrl, key, originId, bootId } = options
    this.#options = options
    this.session = new Session({ config, parts, sink: this, log })
    this.#socket = new LinkSocket({
      url: `${edgeUrl}/link/session/${config.session_id}`,
      key,
      log,
      onOpen: () => {
        clearTimeout(this.#lostTimer)
        this.#lostTimer = undefined
        this.#send({ type: 'hello', protocol_version: PROTOCOL_VERSION, origin_id: originId, boot_id: bootId })
        this.#send({ type: 'activity', busy: this.#busy })
        for (const message of this.#held.splice(0)) this.#socket.send(message)
      },
      onText: (text) => this.#receive(text),
      onRefused: () => this.session.close('error', { afterSpeech: false }),
      onLost: () => this.#armLostTimer(),
    })
  }

  get congested(): boolean {
    return this.#socket.bufferedBytes > CONGESTED_BYTES
  }

  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void {
    const message = encodeRelay({ class: relayClass, ...(to === undefined ? {} : { to }) }, JSON.stringify(event))
    if (this.#socket.send(message) || relayClass !== 'control') return
    this.#held.push(message)
    if (this.#held.length > MAX_HELD_EVENTS) this.#held.shift()
  }

  sendBinary(message: Uint8Array): void {
    this.#socket.send(message)
  }

  sendActivity(busy: boolean): void {
    this.#busy = busy
    this.#send({ type: 'activity', busy })
  }

  end(reason: SessionEndReason): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#lostTimer)
    for (const call of this.#calls.values()) call.abort()
    // a session that the origin abandons is the edge's to place anew
    if (reason !== 'origin_lost') this.#send({ type: 'closed', reason })
    this.#socket.close()
    this.#options.onEnd(this.session.id)
  }

  /** Leaves without ending the session: another origin may go on with it. */
  abandon(): void {
    this.session.close('origin_lost', { afterSpeech: false })
  }

  #armLostTimer(): void {
    this.#lostTimer ??= setTimeout(() => this.session.close('error', { afterSpeech: false }), LINK_LOST_MS)
  }

  #send(message: SessionUp): void {
    this.#socket.send(JSON.stringify(message))
  }

  #receive(text: string): void {
    const parsed = SessionDown.safeParse(parseJson(text))
    if (!parsed.success) {
      this.#options.log.warn(
        { session_id: this.session.id, issues: parsed.error.issues.length },
        'the edge sent a message that this version does not know',
      )
      return
    }
    const message = parsed.data
    switch (message.type) {
      case 'welcome':
      case 'wants':
        this.session.want(message.wants, message.beside ?? NO_WANTS)
        return
      case 'request':
        void this.#answer(message.id, message.call)
        return
      case 'cancel':
        this.#calls.get(message.id)?.abort()
        return
      case 'client_event':
        this.session.handleEvent(message.event, message.client_id)
        return
      case 'close':
        this.session.close(message.reason, { afterSpeech: message.after_speech })
        return
    }
  }

  async #answer(id: string, call: LinkCall): Promise<void> {
    const abort = new AbortController()
    this.#calls.set(id, abort)
    try {
      this.#send({ type: 'response', id, result: await this.#perform(id, call, abort.signal) })
    } catch (thrown) {
      const error = toAvatarError(thrown)
      if (error.code === 'INTERNAL_ERROR') this.#options.log.error({ err: error.cause ?? error, method: call.method }, 'a call failed')
      this.#send({ type: 'failure', id, code: error.code, message: error.message, details: error.details })
    } finally {
      this.#calls.delete(id)
    }
  }

  async #perform(id: string, call: LinkCall, signal: AbortSignal): Promise<Record<string, unknown>> {
    switch (call.method) {
      case 'speak':
        return { ...this.session.speak(call.params) }
      case 'interrupt':
        return { ...this.session.interrupt() }
      case 'chat':
        return {
          ...(await this.session.chat(call.params, (chunk) => this.#send({ type: 'chunk', id, data: JSON.stringify(chunk) }), signal)),
        }
      case 'start':
        return { ...(await this.session.start(call.params)) }
      case 'ice':
        return { ...(await this.session.addCandidate(call.params)) }
      case 'watch':
        return await this.session.viewers.watch(call.params.sdp)
      case 'unwatch':
        this.session.viewers.unwatch(call.params.viewer_id)
        return {}
      case 'watch_ice':
        await this.session.viewers.addCandidates(call.params.viewer_id, call.params.candidates)
        return {}
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // the schema check that follows refuses it
    return undefined
  }
}
