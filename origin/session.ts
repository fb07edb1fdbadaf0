/** One session: its turns, its face, and what leaves for its clients. Driven by the host's clock and the edge's messages. */
import { performance } from 'node:perf_hooks'
import type {
  Emotion,
  IceCandidateRequest,
  IceCandidateResponse,
  InterruptResponse,
  SpeakRequest,
  SpeakResponse,
  StartSessionRequest,
  StartSessionResponse,
} from '../shared/api.ts'
import type { ChatRequest, TaskMode } from '../shared/chat.ts'
import { AvatarError } from '../shared/errors.ts'
import type { OriginEvent, SessionEndReason } from '../shared/events.ts'
import type { ForwardedEvent, MediaWants, RelayClass, SessionConfig } from '../shared/link.ts'
import { SAMPLE_RATE } from '../shared/media.ts'
import { ClientEvents } from './client-events.ts'
import type { PlayedSound, SpeechControl, UserSpeechTimes } from './ears/types.ts'
import { CueSheet } from './expression.ts'
import type { Logger } from './log.ts'
import { MediaOut, type MediaSink, NO_WANTS, type Stamp } from './media-out.ts'
import { PeerOut, type PeerStats, type TransportNews } from './peer-out.ts'
import { PlayedRing } from './played-sound.ts'
import type { TickSound } from './playout.ts'
import { Presence } from './presence.ts'
import type { Picture, PictureRequest } from './render/types.ts'
import { type ChatOutcome, type OnToken, Replies } from './replies.ts'
import type { SessionParts } from './session-parts.ts'
import { SoundFeed } from './sound-feed.ts'
import type { Segment } from './stages/types.ts'
import type { Turn, TurnKind } from './turn.ts'
import { Turns } from './turns.ts'

/** ms that a sentence may go on past the end of the session. */
const LAST_WORDS_MS = 30_000

const STATUS_MESSAGES = {
  idle: 'Avatar is idle.',
  listening: 'Avatar is now listening...',
  thinking: 'Avatar is thinking...',
  speaking: 'Avatar is speaking...',
} as const
type Status = keyof typeof STATUS_MESSAGES

/** The session's way to the edge. */
export interface SessionSink extends MediaSink {
  /** @param to one client; everyone without */
  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void
  sendActivity(busy: boolean): void
  /** The session is over: the last message, then the socket closes. */
  end(reason: SessionEndReason): void
}

/** What one tick of the clock shows and sounds like; made at the tick, delivered one tick later with its picture. */
export interface PreparedTick {
  generation: number
  turn: Turn | undefined
  sound: TickSound | undefined
  /** When it is due, on `performance.now()`'s scale. */
  dueMs: number
  request: PictureRequest | undefined
}

/** A task to speak; its session is this one. */
export type SpeakTask = Omit<SpeakRequest, 'mode' | 'session_id'> & { mode?: TaskMode }

export interface SessionOptions {
  config: SessionConfig
  parts: SessionParts
  sink: SessionSink
  log: Logger
}

export class Session implements SpeechControl {
  readonly id: string
  readonly #config: SessionConfig
  readonly #parts: SessionParts
  readonly #sink: SessionSink
  readonly #log: Logger
  readonly #media: MediaOut
  readonly #peer: PeerOut | undefined
  readonly #replies: Replies
  readonly #turns: Turns
  readonly #clientEvents: ClientEvents
  readonly #presence = new Presence()
  readonly #played = new PlayedRing()
  /** Only for avatars whose model is driven by sound. */
  readonly #hearing: SoundFeed | undefined
  readonly #scripts = new WeakMap<Turn, { emotion: Emotion; cues: CueSheet }>()
  /** What sockets want, and what of it also while WebRTC carries the media. */
  #wants = { all: NO_WANTS, beside: NO_WANTS }
  #generation = 0
  #status: Status = 'idle'
  #busy = false
  #ending: { reason: SessionEndReason; byMs: number } | undefined
  #ended = false

  constructor({ config, parts, sink, log }: SessionOptions) {
    this.id = config.session_id
    this.#config = config
    this.#parts = parts
    this.#sink = sink
    this.#log = log.child({ session_id: this.id })
    this.#media = new MediaOut(sink)
    const heard = parts.soundOf?.(config.avatar_id)
    this.#hearing = heard && new SoundFeed(heard)
    this.#peer =
      parts.rtc &&
      new PeerOut({
        parts: parts.rtc,
        quality: config.quality,
        iceServers: config.ice_servers,
        log: this.#log,
        onTransport: (news) => this.#transportChanged(news),
        onMic: (pcm) => this.#clientEvents.hear(pcm),
      })
    this.#replies = new Replies({
      sessionId: this.id,
      parts,
      emit: (event) => this.#emit(event),
      begin: (kind, text) => {
        const { voiceId } = this.#voice(undefined)
        return this.#begin(kind, (signal) => parts.spoken(text, { voiceId, settings: {}, signal }))
      },
      stop: (turn) => (this.#turns.current === turn ? void this.interrupt() : this.#turns.end(turn, 'interrupted')),
    })
    this.#turns = new Turns({
      onFinished: (turn, reason) => {
        this.#presence.emotion = 'neutral'
        this.#replies.ended(turn)
        const played_ms = Math.round(turn.playedMs)
        this.#emit({ type: 'speech_finished', session_id: this.id, task_id: turn.taskId, reason, played_ms })
      },
      onFailed: (turn, error) => {
        this.#log.warn({ err: error.cause ?? error, code: error.code, task_id: turn.taskId }, 'turn failed')
        this.#sendError(error, { taskId: turn.taskId })
      },
      onHeldTooLong: () => void this.resumeSpeech(),
      onChange: () => this.#showStatus(),
    })
    this.#clientEvents = new ClientEvents({
      sessionId: this.id,
      parts,
      emit: (event, to) => this.#emit(event, to),
      sendError: (error, to) => this.#sendError(error, to === undefined ? {} : { to }),
      speakAudio: (pcm) => this.#begin('audio', (signal) => parts.sounded(pcm, signal)),
      speech: this,
      onListeningChange: () => this.#showStatus(),
    })
  }

  get speaking(): boolean {
    return this.#turns.speaking && !this.#turns.paused
  }

  get paused(): boolean {
    return this.#turns.paused
  }

  get played(): PlayedSound {
    return this.#played
  }

  /** Undefined without a WebRTC connection. */
  get peerStats(): PeerStats | undefined {
    return this.#peer?.stats()
  }

  /** Which media sockets want. @param beside the part of it that holds also while WebRTC carries the media */
  want(all: MediaWants, beside: MediaWants): void {
    this.#wants = { all, beside }
    this.#chooseWants()
  }

  // --- what clients ask for --------------------------------------------------------------------------------------

  speak({ text, voice_id, voice_settings: settings = {}, emotion = 'neutral', cues = [], mode = 'queue' }: SpeakTask): SpeakResponse {
    const { voiceId, warnings } = this.#voice(voice_id)
    const shortcoming = this.#parts.voice.shortcoming?.(text)
    if (shortcoming !== undefined) warnings.push(shortcoming)
    if (cues.some(({ type }) => type === 'nod') && this.#parts.canNod?.(this.#config.avatar_id) === false) {
      warnings.push(`The avatar "${this.#config.avatar_id}" cannot nod; its nod cues are left out.`)
    }
    if (mode === 'interrupt') this.#makeWay()
    const queued = this.#turns.current !== undefined
    const turn = this.#begin('speak', (signal) => this.#parts.spoken(once(text), { voiceId, settings, signal }))
    this.#scripts.set(turn, { emotion, cues: new CueSheet(cues) })
    return {
      task_id: turn.taskId,
      status: queued ? 'queued' : 'processing',
      duration_estimate: Math.round(this.#parts.voice.estimateDurationS(text, voiceId, settings) * 100) / 100,
      ...(warnings.length > 0 ? { warnings } : {}),
    }
  }

  /** Answers a message aloud. @param onToken called for every piece of text as it comes @param cancelled the caller has gone */
  async chat(
    request: Pick<ChatRequest, 'messages' | 'model'> & { mode?: TaskMode },
    onToken: OnToken,
    cancelled: AbortSignal,
  ): Promise<ChatOutcome> {
    if (request.mode === 'interrupt') this.#makeWay()
    return await this.#replies.chat(request, onToken, cancelled)
  }

  answer(text: string, _times?: UserSpeechTimes): void {
    const unheard = (thrown: unknown): void => this.#log.warn({ err: thrown }, 'no answer to speech')
    const messages = [{ role: 'user' as const, content: text }]
    void this.#replies.chat({ messages }, () => undefined, new AbortController().signal, 'voice').catch(unheard)
  }

  /** Stops all speech; what was rendered for it before no longer leaves. */
  interrupt(): InterruptResponse {
    this.#generation += 1
    this.#peer?.cutOff()
    return this.#turns.interrupt((facts) => this.#emit({ type: 'interrupted', session_id: this.id, ...facts }))
  }

  pauseSpeech(): boolean {
    const turn = this.#turns.pause()
    if (!turn) return false
    this.#generation += 1
    this.#peer?.cutOff()
    this.#emit({ type: 'speech_paused', session_id: this.id, task_id: turn.taskId, played_ms: Math.round(turn.playedMs) })
    return true
  }

  resumeSpeech(): boolean {
    const resumed = this.#turns.resume()
    if (!resumed) return false
    const { turn, fromMs } = resumed
    this.#emit({ type: 'speech_resumed', session_id: this.id, task_id: turn.taskId, played_ms: Math.round(fromMs) })
    return true
  }

  /**
   * Answers a WebRTC offer; a second one renegotiates.
   *
   * @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer; `WEBRTC_NOT_READY` where there is no WebRTC
   */
  async start({ sdp }: Pick<StartSessionRequest, 'sdp'>): Promise<StartSessionResponse> {
    if (this.#ended || this.#ending) throw this.#over()
    return { status: 'started', sdp: { type: 'answer', sdp: await this.#requirePeer().start(sdp.sdp) } }
  }

  /** A candidate that the client found after its offer. @throws AvatarError `INVALID_REQUEST` */
  async addCandidate({ candidate }: Pick<IceCandidateRequest, 'candidate'>): Promise<IceCandidateResponse> {
    await this.#requirePeer().addCandidate(candidate)
    return { status: 'accepted' }
  }

  handleEvent(event: ForwardedEvent, clientId: string): void {
    if (event.type === 'interrupt') this.interrupt()
    else this.#clientEvents.handle(event, clientId)
  }

  /** Ends the session, at once or when the task being spoken is over. */
  close(reason: SessionEndReason, { afterSpeech }: { afterSpeech: boolean }): void {
    this.#ending = { reason, byMs: performance.now() + (afterSpeech && this.#turns.speaking ? LAST_WORDS_MS : 0) }
    this.#endWhenDue()
  }

  // --- the clock -------------------------------------------------------------------------------------------------

  prepare(dueMs: number): PreparedTick {
    const turn = this.#turns.current
    const sound = this.#turns.next()
    if (turn && sound) this.#express(turn, sound)
    const shown = this.#presence.next({ mouth: sound?.mouth, status: this.#status })
    const heard = this.#hearing?.next(sound?.pcm, this.#turns.ahead(this.#hearing.aheadSamples))
    const { avatar_id: avatarId, quality } = this.#config
    const jpeg = this.#media.wantsFrames
    const raw = this.#peer?.wantsPictures === true
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
    return { generation: this.#generation, turn, sound, dueMs, request }
  }

  /** Sound and facts of a tick leave; its picture may come with them or a little later. */
  deliverSound({ generation, turn, sound, dueMs }: PreparedTick): void {
    this.#endWhenDue()
    // what an interrupt cut off dies away in the tick that was prepared before it
    const stale = generation !== this.#generation
    this.#peer?.sound(sound?.pcm, dueMs, { stale })
    this.#played.push(stale ? undefined : sound?.pcm, dueMs)
    if (!turn || !sound || stale || !this.#turns.has(turn)) return
    turn.hear(sound)
    for (const { segment, pcm, atSample, ptsMs } of sound.segments) {
      if (turn.startedMs === undefined) this.#speechStarts(turn)
      if (turn.kind !== 'audio' && turn.announces(segment)) {
        this.#emit({ type: 'chat', session_id: this.id, task_id: turn.taskId, role: 'agent', content: segment.clause.text })
      }
      this.#media.clause(pcm, ptsMs, this.#stamp(dueMs, turn, atSample))
    }
    for (const { pcm, atSample, ptsMs } of sound.chunks) this.#media.chunk(pcm, ptsMs, this.#stamp(dueMs, turn, atSample))
    if (sound.state === 'finished') this.#turns.end(turn, 'completed')
  }

  deliverPicture({ generation, turn, dueMs }: PreparedTick, picture: Picture): void {
    if (generation !== this.#generation || this.#ended) return
    if (picture.jpeg.length > 0) this.#media.frame(picture.jpeg, this.#stamp(dueMs, turn, 0))
    if (picture.rgb) this.#peer?.picture(picture.rgb, dueMs)
  }

  // --- inside ----------------------------------------------------------------------------------------------------

  #over(): AvatarError {
    return new AvatarError('SESSION_NOT_FOUND', 'The session is over; create a new one.', { session_id: this.id })
  }

  #requirePeer(): PeerOut {
    if (this.#peer) return this.#peer
    const message = 'WebRTC is not available here; open the session’s WebSocket, which carries pictures and sound.'
    throw new AvatarError('WEBRTC_NOT_READY', message, { session_id: this.id })
  }

  #chooseWants(): void {
    this.#media.wants = this.#peer?.active ? this.#wants.beside : this.#wants.all
  }

  #transportChanged(news: TransportNews): void {
    this.#chooseWants()
    this.#emit({ type: 'transport', session_id: this.id, ...news })
  }

  #begin(kind: TurnKind, segments: (signal: AbortSignal) => AsyncIterable<Segment>): Turn {
    if (this.#ending) throw this.#over()
    return this.#turns.add(kind, segments)
  }

  /** What is said and what waits gives way to a new task. */
  #makeWay(): void {
    if (this.#ending) throw this.#over()
    if (this.#turns.current) this.interrupt()
  }

  #voice(wanted: string | undefined): { voiceId: string; warnings: string[] } {
    const { voice } = this.#parts
    const known = (id: string | null): id is string => voice.voices.some((info) => info.voice_id === id)
    const ours = known(this.#config.voice_id) ? this.#config.voice_id : voice.defaultVoiceId
    if (wanted === undefined || known(wanted)) return { voiceId: wanted ?? ours, warnings: [] }
    return { voiceId: ours, warnings: [`The voice provider (${voice.name}) has no voice "${wanted}"; "${ours}" speaks instead.`] }
  }

  #stamp(dueMs: number, turn: Turn | undefined, atSample: number): Stamp {
    const timestamp = (performance.timeOrigin + dueMs + (atSample / SAMPLE_RATE) * 1000) / 1000
    return { sessionId: this.id, ...(turn ? { taskId: turn.taskId } : {}), generation: this.#generation, timestamp }
  }

  /** What a task's script asks of the face by now. */
  #express(turn: Turn, sound: TickSound): void {
    const script = this.#scripts.get(turn)
    if (!script) return
    for (const { segment, ptsMs } of sound.segments) {
      if (ptsMs === 0) this.#presence.emotion = script.emotion
      script.cues.begin(segment, ptsMs)
    }
    for (const cue of script.cues.due(sound.untilMs)) this.#presence.act(cue)
  }

  #speechStarts(turn: Turn): void {
    turn.startedMs = performance.now()
    const latencyMs = turn.startedMs - turn.requestedMs
    this.#parts.onLatency(latencyMs)
    this.#emit({ type: 'speech_started', session_id: this.id, task_id: turn.taskId, latency_ms: Math.round(latencyMs) })
    this.#showStatus()
  }

  #showStatus(): void {
    const status = this.#statusNow()
    if (status !== this.#status) {
      this.#status = status
      this.#emit({ type: 'status', session_id: this.id, status, message: STATUS_MESSAGES[status] })
    }
    const busy = this.#turns.current !== undefined || this.#clientEvents.listening
    if (busy !== this.#busy) {
      this.#busy = busy
      this.#sink.sendActivity(busy)
    }
  }

  #statusNow(): Status {
    const { current, paused } = this.#turns
    if (paused) return 'listening'
    if (current?.startedMs !== undefined) return 'speaking'
    if (current?.kind === 'chat' || current?.kind === 'voice') return 'thinking'
    return this.#clientEvents.listening ? 'listening' : 'idle'
  }

  #sendError(error: AvatarError, { to, taskId }: { to?: string; taskId?: string }): void {
    if (error.code === 'INTERNAL_ERROR') this.#log.error({ err: error.cause ?? error }, 'a bug surfaced in a session')
    const { code, message, details } = error
    this.#emit({ type: 'error', session_id: this.id, ...(taskId ? { task_id: taskId } : {}), code, message, details }, to)
  }

  #emit(event: OriginEvent, to?: string): void {
    if (!this.#ended) this.#sink.sendEvent('control', { ...event, generation: this.#generation }, to)
  }

  #endWhenDue(): void {
    if (this.#ended || !this.#ending || (this.#turns.speaking && performance.now() < this.#ending.byMs)) return
    const { current } = this.#turns
    if (current) this.interrupt()
    this.#ended = true
    this.#hearing?.close()
    this.#peer?.close()
    this.#sink.end(this.#ending.reason)
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}
