/** One session's socket to its Durable Object on the edge: calls and client events in, events and media out. */
import type { OriginEvent, SessionEndReason } from '../../shared/events.ts'
import { parseJson } from '../../shared/json.ts'
import { encodeRelay, LINK_LOST_MS, type LinkCall, type RelayClass, relayHeader, SessionDown, type SessionUp } from '../../shared/link.ts'
import { PROTOCOL_VERSION } from '../../shared/version.ts'
import type { Logger } from '../log.ts'
import { NO_WANTS } from '../media/socket-output.ts'
import { SocketMeter } from '../media/transport-stats.ts'
import type { Session } from '../session/session.ts'
import type { SessionSink } from '../session/session-sink.ts'
import { CallResponder } from './call-responder.ts'
import { ReconnectingSocket } from './reconnecting-socket.ts'

/** Bytes waiting for the network beyond which frames are not sent: about one second of video. */
const CONGESTED_BYTES = 1_500_000
/** Control events kept while the link is down; the oldest are dropped first. */
const MAX_UNDELIVERED = 256
/** ms between two `stats` events. */
const STATS_MS = 5_000

export interface SessionLinkOptions {
  edgeUrl: string
  key: string
  originId: string
  bootId: string
  sessionId: string
  /** The live sessions; messages for one that is not among them are ignored. */
  sessions: ReadonlyMap<string, Session>
  log: Logger
  /** The session is over, and its link with it. */
  onEnd: () => void
}

export class SessionLink implements SessionSink {
  readonly #options: SessionLinkOptions
  readonly #socket: ReconnectingSocket
  readonly #calls: CallResponder
  readonly meter = new SocketMeter()
  /** Runs while a client wants `stats` events. */
  #statsTimer: NodeJS.Timeout | undefined
  #undelivered: string[] = []
  #lostTimer: NodeJS.Timeout | undefined
  #busy = false
  #peers = 0
  #over = false

  constructor(options: SessionLinkOptions) {
    const { sessionId, log, edgeUrl, key, originId, bootId } = options
    this.#options = options
    this.#calls = new CallResponder({ send: (answer) => this.#send(answer), log })
    this.#socket = new ReconnectingSocket({
      url: `${edgeUrl}/link/session/${sessionId}`,
      key,
      log,
      onOpen: () => {
        clearTimeout(this.#lostTimer)
        this.#lostTimer = undefined
        this.#send({ type: 'hello', protocol_version: PROTOCOL_VERSION, origin_id: originId, boot_id: bootId })
        this.#send({ type: 'activity', busy: this.#busy })
        this.#send({ type: 'peers', count: this.#peers })
        for (const message of this.#undelivered.splice(0)) this.#socket.send(message)
      },
      onText: (text) => this.#receive(text),
      onRefused: () => this.#session?.close('error', { afterSpeech: false }),
      onLost: () => this.#armLostTimer(),
    })
  }

  get congested(): boolean {
    return this.#socket.bufferedBytes > CONGESTED_BYTES
  }

  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void {
    const message = encodeRelay(relayHeader(relayClass, event, to), JSON.stringify(event))
    this.meter.event(relayClass, message.length)
    if (this.#socket.send(message) || relayClass !== 'control') return
    this.#undelivered.push(message)
    if (this.#undelivered.length > MAX_UNDELIVERED) this.#undelivered.shift()
  }

  sendBinary(message: Uint8Array): void {
    this.meter.binary(message)
    this.#socket.send(message)
  }

  sendActivity(busy: boolean): void {
    this.#busy = busy
    this.#send({ type: 'activity', busy })
  }

  sendPeers(count: number): void {
    this.#peers = count
    this.#send({ type: 'peers', count })
  }

  end(reason: SessionEndReason): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#lostTimer)
    clearInterval(this.#statsTimer)
    this.#calls.cancelAll()
    // the edge may place a session that this origin abandons elsewhere: it is not over
    if (reason !== 'origin_lost') this.#send({ type: 'closed', reason })
    this.#socket.close()
    this.#options.onEnd()
  }

  get #session(): Session | undefined {
    // another session may have its id by now
    return this.#over ? undefined : this.#options.sessions.get(this.#options.sessionId)
  }

  #sendStatsWhileWanted(wanted: boolean): void {
    if (wanted === (this.#statsTimer !== undefined)) return
    clearInterval(this.#statsTimer)
    this.#statsTimer = undefined
    if (!wanted || this.#over) return
    const { sessionId: session_id } = this.#options
    const tell = (): void => {
      const stats = this.#session?.transportStats
      if (stats) this.sendEvent('stats', { type: 'stats', session_id, stats })
    }
    this.#statsTimer = setInterval(tell, STATS_MS)
    tell()
  }

  #armLostTimer(): void {
    this.#lostTimer ??= setTimeout(() => this.#session?.close('error', { afterSpeech: false }), LINK_LOST_MS)
  }

  /** Tells the edge that a call has opened a task, before the call is answered. */
  #opened<Answer extends { task_id?: string | undefined }>(answer: Answer): Answer {
    if (answer.task_id !== undefined) this.#send({ type: 'task', task: { id: answer.task_id, state: 'open' } })
    return answer
  }

  #send(message: SessionUp): void {
    this.#socket.send(JSON.stringify(message))
  }

  #receive(text: string): void {
    const parsed = SessionDown.safeParse(parseJson(text))
    if (!parsed.success) {
      this.#options.log.warn(
        { session_id: this.#options.sessionId, issues: parsed.error.issues.length },
        'the edge sent a message that this version does not know',
      )
      return
    }
    const session = this.#session
    if (!session) return
    const message = parsed.data
    switch (message.type) {
      case 'welcome':
      case 'wants':
        session.want(message.wants, message.beside ?? NO_WANTS)
        this.#sendStatsWhileWanted(message.wants.stats)
        return
      case 'request':
        this.#calls.answer(message.id, message.call.method, (signal, onChunk) => this.#perform(session, message.call, signal, onChunk))
        return
      case 'cancel':
        this.#calls.cancel(message.id)
        return
      case 'client_event':
        session.handleEvent(message.event, message.client_id)
        return
      case 'close':
        session.close(message.reason, { afterSpeech: message.after_speech })
        return
    }
  }

  async #perform(session: Session, call: LinkCall, signal: AbortSignal, onChunk: (chunk: object) => void): Promise<object> {
    const { speech } = session
    switch (call.method) {
      case 'speak':
        return this.#opened(speech.speak(call.params))
      case 'interrupt':
        return speech.interrupt()
      case 'chat':
        return this.#opened(await speech.chat(call.params, onChunk, signal))
      case 'start':
        return await session.start(call.params)
      case 'ice':
        return await session.addCandidate(call.params)
      case 'watch':
        return await session.viewers.watch(call.params.sdp)
      case 'unwatch':
        session.viewers.unwatch(call.params.viewer_id)
        return {}
      case 'watch_ice':
        await session.viewers.addCandidates(call.params.viewer_id, call.params.candidates)
        return {}
    }
  }
}
