/** One session: what the avatar says and shows, and what leaves for its clients. Driven by the host's clock and the edge's messages. */
import { performance } from 'node:perf_hooks'
import type {
  IceCandidateRequest,
  IceCandidateResponse,
  InterruptResponse,
  SpeakResponse,
  StartSessionRequest,
  StartSessionResponse,
} from '../../shared/api.ts'
import type { ChatChunk, ChatResponse } from '../../shared/chat.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { OriginEvent, SessionEndReason } from '../../shared/events.ts'
import type { ForwardedEvent, MediaWants, RelayClass, SessionConfig } from '../../shared/link.ts'
import type { TurnLedger } from '../../shared/stats.ts'
import type { ChatTask } from '../chat/reply-runner.ts'
import { Animator } from '../face/animator.ts'
import { AudioWindow } from '../face/audio-window.ts'
import { Listener } from '../listening/listener.ts'
import type { SpeechControl } from '../listening/types.ts'
import type { Logger } from '../log.ts'
import type { PeerStats, TransportChange } from '../media/peer-output.ts'
import { type MediaSink, NO_WANTS, SocketOutput, type Stamp } from '../media/socket-output.ts'
import type { Viewers } from '../media/viewers.ts'
import { WebrtcOutput } from '../media/webrtc-output.ts'
import { unixSeconds } from '../pipeline/clock.ts'
import type { Picture, PictureRequest } from '../render/types.ts'
import { ClientEvents } from './client-events.ts'
import type { SessionServices } from './session-services.ts'
import { type SpeakTask, Speech, type SpokenTick } from './speech.ts'
import { SessionStatus, type Status } from './status.ts'

/** ms that a sentence may go on past the end of the session. */
const LAST_WORDS_MS = 30_000

/** The session's way to the edge. */
export interface SessionSink extends MediaSink {
  /** @param to one client; everyone without */
  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void
  sendActivity(busy: boolean): void
  /** The session is over: the last message, then the socket closes. */
  end(reason: SessionEndReason): void
}

/** What one tick of the clock shows and sounds like; made at the tick, delivered one tick later with its picture. */
export interface PreparedTick extends SpokenTick {
  request: PictureRequest | undefined
}

export interface SessionOptions {
  config: SessionConfig
  services: SessionServices
  sink: SessionSink
  log: Logger
}

export class Session {
  readonly id: string
  readonly #config: SessionConfig
  readonly #sink: SessionSink
  readonly #log: Logger
  readonly #media: SocketOutput
  readonly #rtc: WebrtcOutput | undefined
  readonly #speech: Speech
  readonly #ear: Listener
  readonly #clientEvents: ClientEvents
  readonly #presence = new Animator()
  /** Only for avatars whose model is driven by sound. */
  readonly #hearing: AudioWindow | undefined
  /** What sockets want, and what of it also while WebRTC carries the media. */
  #wants = { all: NO_WANTS, beside: NO_WANTS }
  readonly #status: SessionStatus
  #ending: { reason: SessionEndReason; byMs: number } | undefined
  #ended = false

  constructor({ config, services, sink, log }: SessionOptions) {
    this.id = config.session_id
    this.#config = config
    this.#sink = sink
    this.#log = log.child({ session_id: this.id })
    this.#media = new SocketOutput(sink)
    const heard = services.avatars.soundOf(config.avatar_id)
    this.#hearing = heard && new AudioWindow(heard)
    this.#rtc =
      services.rtc &&
      new WebrtcOutput({
        parts: services.rtc,
        quality: config.quality,
        iceServers: config.ice_servers,
        log: this.#log,
        onTransport: (news) => this.#transportChanged(news),
        onMic: (pcm) => this.#ear.hear(pcm),
      })
    this.#speech = new Speech({
      config,
      tts: services.tts,
      pipeline: services.pipeline,
      llm: services.llm,
      persona: services.persona,
      turnRecorder: services.turnRecorder,
      canNod: services.avatars.canNod(config.avatar_id),
      media: this.#media,
      face: this.#presence,
      log: this.#log,
      emit: (event, relayClass) => this.#emit(event, { relayClass }),
      sendError: (error, taskId) => this.#sendError(error, taskId === undefined ? {} : { taskId }),
      cutOff: () => this.#rtc?.cutOff(),
      onChange: () => this.#status.show(),
      wantsWords: () => this.#wants.all.words,
      requireOpen: () => this.#requireOpen(),
    })
    this.#ear = new Listener({
      config,
      services: services.listening,
      speech: this.#speech,
      emit: (event) => this.#emit(event),
      emitLevel: (event) => {
        if (this.#wants.all.levels) this.#emit(event, { relayClass: 'level' })
      },
      sendError: (error) => this.#sendError(error, {}),
      onListeningChange: () => this.#status.show(),
    })
    this.#status = new SessionStatus({
      speech: this.#speech,
      ear: this.#ear,
      tell: (status, message) => this.#emit({ type: 'status', session_id: this.id, status, message }),
      tellBusy: (busy) => sink.sendActivity(busy),
    })
    this.#clientEvents = new ClientEvents({
      sessionId: this.id,
      decodeAudio: services.decodeAudio,
      emit: (event, to) => this.#emit(event, to === undefined ? {} : { to }),
      sendError: (error, to) => this.#sendError(error, to === undefined ? {} : { to }),
      speakAudio: (pcm) => this.#speech.play(pcm),
      ear: this.#ear,
    })
  }

  /** What hearing may do to the speech. */
  get speech(): SpeechControl {
    return this.#speech
  }

  /** A task sounds now. */
  get speaking(): boolean {
    return this.#speech.speaking
  }

  get status(): Status {
    return this.#status.now
  }

  /** What the latest turn took; null before the first. */
  get lastTurn(): TurnLedger | null {
    return this.#speech.lastTurn
  }

  /** Undefined without a WebRTC connection. */
  get peerStats(): PeerStats | undefined {
    return this.#rtc?.client.stats()
  }

  /** Pictures that were left out because the socket to the edge was behind. */
  get droppedFrames(): number {
    return this.#media.droppedFrames
  }

  /** Those who watch beside the session's own client. @throws AvatarError `SESSION_NOT_FOUND`; `WEBRTC_NOT_READY` where there is no WebRTC */
  get viewers(): Viewers {
    this.#requireOpen()
    return this.#requireRtc().viewers
  }

  /** Which media sockets want. @param beside the part of it that holds also while WebRTC carries the media */
  want(all: MediaWants, beside: MediaWants): void {
    this.#wants = { all, beside }
    this.#chooseWants()
  }

  // --- what clients ask for --------------------------------------------------------------------------------------

  speak(task: SpeakTask): SpeakResponse {
    return this.#speech.speak(task)
  }

  /** Answers a message aloud. @param onChunk called for every piece of a streamed reply @param cancelled the caller has gone */
  async chat(task: ChatTask, onChunk: (chunk: ChatChunk) => void, cancelled: AbortSignal): Promise<ChatResponse> {
    return await this.#speech.chat(task, onChunk, cancelled)
  }

  /** Stops all speech; what was rendered for it before no longer leaves. */
  interrupt(): InterruptResponse {
    return this.#speech.interrupt()
  }

  /**
   * Answers a WebRTC offer; a second one renegotiates.
   *
   * @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer; `WEBRTC_NOT_READY` where there is no WebRTC
   */
  async start({ sdp }: Pick<StartSessionRequest, 'sdp'>): Promise<StartSessionResponse> {
    this.#requireOpen()
    return { status: 'started', sdp: { type: 'answer', sdp: await this.#requireRtc().client.start(sdp.sdp) } }
  }

  /** A candidate that the client found after its offer. @throws AvatarError `INVALID_REQUEST` */
  async addCandidate({ candidate }: Pick<IceCandidateRequest, 'candidate'>): Promise<IceCandidateResponse> {
    await this.#requireRtc().client.addCandidate(candidate)
    return { status: 'accepted' }
  }

  handleEvent(event: ForwardedEvent, clientId: string): void {
    if (event.type === 'interrupt') this.interrupt()
    else this.#clientEvents.handle(event, clientId)
  }

  /** Ends the session, at once or when the task being spoken is over. */
  close(reason: SessionEndReason, { afterSpeech }: { afterSpeech: boolean }): void {
    this.#ending = { reason, byMs: performance.now() + (afterSpeech && this.#speech.underWay ? LAST_WORDS_MS : 0) }
    this.#endWhenDue()
  }

  // --- the clock -------------------------------------------------------------------------------------------------

  prepare(dueMs: number): PreparedTick {
    const spoken = this.#speech.next(dueMs)
    const shown = this.#presence.next({ mouth: spoken.sound?.mouth, status: this.#status.now })
    const heard = this.#hearing?.next(spoken.sound?.pcm, this.#speech.ahead(this.#hearing.aheadSamples))
    const { avatar_id: avatarId, quality } = this.#config
    const jpeg = this.#media.wantsFrames
    const raw = this.#rtc?.wantsPictures === true
    const request =
      jpeg || raw
        ? {
            avatarId,
            quality,
            ...shown,
            jpeg,
            raw,
            ...(heard ? { sound: heard } : {}),
          }
        : undefined
    return { ...spoken, request }
  }

  /** Sound and facts of a tick leave; its picture may come with them or a little later. */
  deliverSound(tick: PreparedTick): void {
    this.#endWhenDue()
    // what an interrupt cut off dies away in the tick that was prepared before it
    this.#rtc?.sound(tick.sound?.pcm, tick.dueMs, { stale: tick.generation !== this.#speech.generation })
    this.#speech.deliver(tick)
  }

  deliverPicture(tick: PreparedTick, picture: Picture): void {
    const { generation, turn, dueMs } = tick
    if (generation !== this.#speech.generation || this.#ended) return
    if (picture.jpeg.length > 0) {
      const stamp: Stamp = { sessionId: this.id, generation, timestamp: unixSeconds(dueMs) }
      this.#media.frame(picture.jpeg, turn ? { ...stamp, taskId: turn.taskId } : stamp)
    }
    if (picture.rgb) this.#rtc?.picture(picture.rgb, dueMs)
    this.#speech.pictureLeft(tick)
  }

  // --- inside ----------------------------------------------------------------------------------------------------

  /** @throws AvatarError `SESSION_NOT_FOUND` once the session ends */
  #requireOpen(): void {
    if (this.#ending) throw new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.', { session_id: this.id })
  }

  #requireRtc(): WebrtcOutput {
    if (this.#rtc) return this.#rtc
    const message = 'WebRTC is not available here; open the session’s WebSocket, which carries pictures and sound.'
    throw new AvatarError('WEBRTC_NOT_READY', message, { session_id: this.id })
  }

  #chooseWants(): void {
    this.#media.wants = this.#rtc?.client.active ? this.#wants.beside : this.#wants.all
  }

  #transportChanged(news: TransportChange): void {
    this.#chooseWants()
    this.#emit({ type: 'transport', session_id: this.id, ...news })
  }

  #sendError(error: AvatarError, { to, taskId }: { to?: string; taskId?: string }): void {
    if (error.code === 'INTERNAL_ERROR') this.#log.error({ err: error.cause ?? error }, 'a bug surfaced in a session')
    const { code, message, details } = error
    const about = { session_id: this.id, ...(taskId === undefined ? {} : { task_id: taskId }) }
    this.#emit({ type: 'error', ...about, code, message, details }, to === undefined ? {} : { to })
  }

  #emit(event: OriginEvent, { to, relayClass = 'control' }: { to?: string; relayClass?: RelayClass | undefined } = {}): void {
    if (!this.#ended) this.#sink.sendEvent(relayClass, { ...event, generation: this.#speech.generation }, to)
  }

  #endWhenDue(): void {
    if (this.#ended || !this.#ending || (this.#speech.underWay && performance.now() < this.#ending.byMs)) return
    if (this.#speech.current) this.interrupt()
    this.#ended = true
    this.#hearing?.close()
    this.#ear.close()
    this.#rtc?.close()
    this.#sink.end(this.#ending.reason)
  }
}
