/** One session: connects its parts, and hands each tick of the clock and each message of the edge to them. */
import type { IceCandidateRequest, IceCandidateResponse, StartSessionRequest, StartSessionResponse } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { SessionEndReason } from '../../shared/events.ts'
import type { ForwardedEvent, MediaWants, SessionConfig, SessionReport } from '../../shared/link.ts'
import type { TransportStats } from '../../shared/stats.ts'
import { SessionEvents } from '../events/session-events.ts'
import { Animator } from '../face/animator.ts'
import { AudioWindow } from '../face/audio-window.ts'
import { Listener } from '../listening/listener.ts'
import type { Logger } from '../log.ts'
import type { PeerStats, TransportChange } from '../media/peer-output.ts'
import { NO_WANTS, SocketOutput, type Stamp } from '../media/socket-output.ts'
import { transportStats } from '../media/transport-stats.ts'
import type { Viewers } from '../media/viewers.ts'
import { WebrtcOutput } from '../media/webrtc-output.ts'
import { unixSeconds } from '../pipeline/clock.ts'
import type { RenderedFrame } from '../render/types.ts'
import { ClientEvents } from './client-events.ts'
import { SessionLifetime } from './session-lifetime.ts'
import type { SessionServices } from './session-services.ts'
import type { SessionSink } from './session-sink.ts'
import { Speech } from './speech.ts'
import { SessionStatus } from './status.ts'
import type { PreparedTick } from './tick.ts'

export interface SessionOptions {
  config: SessionConfig
  services: SessionServices
  sink: SessionSink
  log: Logger
}

export class Session {
  readonly id: string
  readonly speech: Speech
  readonly #config: SessionConfig
  readonly #sink: SessionSink
  readonly #events: SessionEvents
  readonly #lifetime: SessionLifetime
  readonly #sockets: SocketOutput
  /** Undefined where this process has no WebRTC. */
  readonly #webrtc: WebrtcOutput | undefined
  readonly #listener: Listener
  readonly #clientEvents: ClientEvents
  readonly #status: SessionStatus
  readonly #animator = new Animator()
  /** Only for avatars whose model is driven by audio. */
  readonly #audioWindow: AudioWindow | undefined
  /** Media that sockets want, and the part of it that they also want while WebRTC carries the media. */
  #wants = { all: NO_WANTS, beside: NO_WANTS }
  #toldPeers = 0

  constructor({ config, services, sink, log: processLog }: SessionOptions) {
    const { session_id, avatar_id, quality, ice_servers: iceServers } = config
    const { avatars, listening, openAudio, rtc } = services
    const log = processLog.child({ session_id })
    const onChange = (): void => this.#status.update()
    this.id = session_id
    this.#config = config
    this.#sink = sink
    const events = new SessionEvents({ sessionId: session_id, sink, log })
    const lifetime = new SessionLifetime(session_id)
    const sockets = new SocketOutput(sink, session_id)
    const animator = this.#animator
    const features = avatars.soundOf(avatar_id)
    this.#audioWindow = features && new AudioWindow(features)
    const onTransport = (change: TransportChange): void => this.#transportChanged(change)
    const onMic = (pcm: Int16Array): void => this.#listener.push(pcm)
    const webrtc = rtc && new WebrtcOutput({ services: rtc, quality, iceServers, log, onTransport, onMic })
    const canNod = avatars.canNod(avatar_id)
    const speech = new Speech({ config, services, canNod, events, lifetime, animator, sockets, webrtc, log, onChange })
    const listener = new Listener({ config, services: listening, speech, events, onChange })
    this.#events = events
    this.#lifetime = lifetime
    this.#sockets = sockets
    this.#webrtc = webrtc
    this.speech = speech
    this.#listener = listener
    this.#status = new SessionStatus({ speech, listener, events, sink })
    this.#clientEvents = new ClientEvents({ openAudio, events, speech, listener })
  }

  /** Undefined without a WebRTC connection. */
  get peerStats(): PeerStats | undefined {
    return this.#webrtc?.client.stats()
  }

  /** How the session's media travels, in figures. */
  get transportStats(): TransportStats {
    return transportStats(this.peerStats, this.#sink.meter, this.#sockets.droppedFrames)
  }

  /** The session as operators see it. */
  report(): SessionReport {
    const { session_id, avatar_id, quality, created_at } = this.#config
    const { current: state } = this.#status
    return { session_id, avatar_id, quality, state, created_at, stats: this.transportStats, last_turn: this.speech.lastTurn }
  }

  /** WebRTC connections besides the session's own client. @throws AvatarError `SESSION_NOT_FOUND`; `WEBRTC_NOT_READY` where there is no WebRTC */
  get viewers(): Viewers {
    this.#lifetime.requireOpen()
    return this.#requireWebrtc().viewers
  }

  /** @param all media that sockets want @param beside the part of it that they also want while WebRTC carries the media */
  want(all: MediaWants, beside: MediaWants): void {
    this.#wants = { all, beside }
    this.#events.wants = all
    this.#chooseWants()
  }

  // --- messages of the edge ---------------------------------------------------------------------------------------

  /**
   * Answers a WebRTC offer; a second one renegotiates.
   *
   * @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer; `WEBRTC_NOT_READY` where there is no WebRTC
   */
  async start({ sdp }: Pick<StartSessionRequest, 'sdp'>): Promise<StartSessionResponse> {
    this.#lifetime.requireOpen()
    return { status: 'started', sdp: { type: 'answer', sdp: await this.#requireWebrtc().client.start(sdp.sdp) } }
  }

  /** A candidate that the client found after its offer. @throws AvatarError `INVALID_REQUEST` */
  async addCandidate({ candidate }: Pick<IceCandidateRequest, 'candidate'>): Promise<IceCandidateResponse> {
    await this.#requireWebrtc().client.addCandidate(candidate)
    return { status: 'accepted' }
  }

  /** `interrupt` acts at once; all other events act in order of arrival. */
  handleEvent(event: ForwardedEvent, clientId: string): void {
    if (event.type === 'interrupt') this.speech.interrupt()
    else this.#clientEvents.handle(event, clientId)
  }

  /** Ends the session, at once or when the task being spoken is over. */
  close(reason: SessionEndReason, { afterSpeech }: { afterSpeech: boolean }): void {
    this.#lifetime.beginEnd(reason, { afterSpeech })
    this.#endWhenDue()
  }

  // --- the clock --------------------------------------------------------------------------------------------------

  /** Takes the next 40 ms of speech, and describes the frame that goes with it. Speech waits for a receiver that is about to be there. */
  prepare(dueMs: number): PreparedTick {
    const held = this.#webrtc?.awaited === true && !this.#sockets.wantsSound
    const spoken = this.speech.next(dueMs, { held })
    const shown = this.#animator.next({ mouth: spoken.sound?.mouth, status: this.#status.current })
    const sound = this.#audioWindow?.next(spoken.sound?.pcm, held ? [] : this.speech.ahead(this.#audioWindow.aheadSamples))
    const { avatar_id: avatarId, quality } = this.#config
    const jpeg = this.#sockets.wantsFrames
    const raw = this.#webrtc?.wantsFrames === true
    const request = jpeg || raw ? { avatarId, quality, ...shown, jpeg, raw, ...(sound ? { sound } : {}) } : undefined
    return { ...spoken, request }
  }

  /** Sends a tick's sound and events; its frame may be ready with them or a little later. */
  deliverSound(tick: PreparedTick): void {
    this.#endWhenDue()
    this.#tellPeers()
    // after an interrupt, the tick that was prepared before it fades out
    this.#webrtc?.sound(tick.sound?.pcm, tick.dueMs, { stale: tick.generation !== this.#events.generation })
    this.speech.deliver(tick)
  }

  deliverFrame(tick: PreparedTick, frame: RenderedFrame): void {
    const { generation, turn, dueMs } = tick
    if (generation !== this.#events.generation || this.#lifetime.ended) return
    if (frame.jpeg.length > 0) {
      const stamp: Stamp = { generation, timestamp: unixSeconds(dueMs) }
      this.#sockets.frame(frame.jpeg, turn ? { ...stamp, taskId: turn.taskId } : stamp)
    }
    if (frame.rgb) this.#webrtc?.frame(frame.rgb, dueMs)
    this.speech.frameLeft(tick)
  }

  // --- inside -----------------------------------------------------------------------------------------------------

  /** The edge ends a session that nobody receives any more. */
  #tellPeers(): void {
    const peers = this.#webrtc?.peers ?? 0
    if (peers === this.#toldPeers || this.#lifetime.ended) return
    this.#toldPeers = peers
    this.#sink.sendPeers(peers)
  }

  #requireWebrtc(): WebrtcOutput {
    if (this.#webrtc) return this.#webrtc
    const message = 'WebRTC is not available here; open the session’s WebSocket, which carries video and sound.'
    throw new AvatarError('WEBRTC_NOT_READY', message, { session_id: this.id })
  }

  #chooseWants(): void {
    this.#sockets.wants = this.#webrtc?.client.active ? this.#wants.beside : this.#wants.all
  }

  #transportChanged(change: TransportChange): void {
    this.#chooseWants()
    this.#events.publish({ type: 'transport', ...change })
  }

  #endWhenDue(): void {
    const reason = this.#lifetime.endIsDue(this.speech.underWay)
    if (reason === undefined) return
    if (this.speech.current) this.speech.interrupt()
    this.#lifetime.markEnded()
    this.#events.close()
    this.#audioWindow?.close()
    this.#listener.close()
    this.#clientEvents.close()
    this.#webrtc?.close()
    this.#sink.end(reason)
  }
}
