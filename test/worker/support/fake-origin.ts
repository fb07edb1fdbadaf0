/** An origin as the edge sees it: a control socket and one socket per session, speaking shared/link.ts. */
import { env } from 'cloudflare:workers'
import type { AvatarInfo, VoiceInfo } from '../../../shared/api.ts'
import type { ChatRequest } from '../../../shared/chat.ts'
import type { OriginEvent } from '../../../shared/events.ts'
import {
  encodeRelay,
  type LinkCall,
  type OriginHello,
  type OriginLoad,
  type RelayClass,
  relayHeader,
  type SessionConfig,
  type SessionReport,
} from '../../../shared/link.ts'
import type { TurnLedger } from '../../../shared/stats.ts'
import { PROTOCOL_VERSION } from '../../../shared/version.ts'
import { fetchEdge, openPeer } from './edge.ts'
import { type Json, Peer } from './peer.ts'

export const LOAD: OriginLoad = {
  sessions: 0,
  speaking: 0,
  capacity: 8,
  cpu_usage: 12.5,
  memory_usage: 40,
  gpu_usage: null,
  rss_bytes: 123_456_789,
  average_latency: null,
  render: {},
  turns: {},
}
const AVATAR: AvatarInfo = {
  avatar_id: 'avatar_1',
  name: 'Ada',
  description: 'A person of the tests',
  licence: 'MIT',
  qualities: ['low', 'medium', 'high'],
}
const VOICE: VoiceInfo = { voice_id: 'slt', name: 'slt', provider: 'flite', language: 'en', default: true }

export const NO_STEPS: TurnLedger = {
  vad_end: null,
  stt_final: null,
  llm_first_token: null,
  tts_first_byte: null,
  first_sound: null,
  first_frame: null,
}

/** What an origin says of one of its sessions. */
export function sessionReport(sessionId: string, more: Partial<SessionReport> = {}): SessionReport {
  return {
    session_id: sessionId,
    avatar_id: 'avatar_1',
    quality: 'medium',
    state: 'idle',
    created_at: 0,
    stats: {
      transport: 'webrtc',
      video_codec: 'vp8',
      candidate: 'host',
      video_bps: 900_000,
      audio_bps: 32_000,
      target_bps: 1_000_000,
      fps: 25,
      rtt_ms: 12,
      jitter_ms: 1,
      loss: 0,
      freezes: 0,
      frames_dropped: 0,
      encode_ms: 3,
    },
    last_turn: NO_STEPS,
    ...more,
  }
}

export interface FakeOriginOptions {
  originId?: string
  bootId?: string
  sessions?: string[]
  load?: Partial<OriginLoad>
  device?: string
  /** What it answers to `session_open`; `silent` answers nothing, `deaf` accepts and does not dial. */
  accepts?: 'yes' | 'no' | 'silent' | 'deaf'
}

/** What a session sent, answered by `respond`. */
export type Respond = (call: LinkCall, session: FakeSession, id: string) => void

export class FakeSession {
  readonly peer: Peer
  readonly sessionId: string

  constructor(peer: Peer, sessionId: string) {
    this.peer = peer
    this.sessionId = sessionId
  }

  /** Waits until the edge says that no socket wants frames. */
  async unwatched(): Promise<void> {
    await this.peer.take('wants without frames', (message) =>
      /^\{"type":"wants","wants":\{[^}]*"frame_json":false/.test(String(message)) ? message : undefined,
    )
  }

  /** Relays an event of this session; `seq` is the edge's. */
  emit(event: Json, { class: relayClass = 'control', to }: { class?: RelayClass; to?: string } = {}): void {
    const whole = { session_id: this.sessionId, ...event } as OriginEvent
    this.peer.send(encodeRelay(relayHeader(relayClass, whole, to), JSON.stringify(whole)))
  }
}

export class FakeOrigin {
  readonly originId: string
  readonly bootId: string
  readonly sessions = new Map<string, FakeSession>()
  readonly opened: SessionConfig[] = []
  readonly dropped: string[] = []
  respond: Respond = (call, { peer }, id) => {
    if (call.method !== 'speak') return peer.send({ type: 'response', id, result: {} })
    const task_id = 'task_abcdef123456'
    peer.send({ type: 'task', task: { id: task_id, state: 'open' } })
    peer.send({ type: 'response', id, result: { task_id, status: 'processing', duration_estimate: 1.5 } })
  }
  /** Answers chats of no session, on the control socket. */
  respondText: (params: ChatRequest, control: Peer, id: string) => void = (_params, control, id) => {
    control.send({ type: 'response', id, result: {} })
  }
  #control: Peer | undefined
  readonly #options: FakeOriginOptions

  private constructor(options: FakeOriginOptions) {
    this.#options = options
    this.originId = options.originId ?? 'origin-1'
    this.bootId = options.bootId ?? crypto.randomUUID()
  }

  static async start(options: FakeOriginOptions = {}): Promise<FakeOrigin> {
    const origin = new FakeOrigin(options)
    await origin.dialControl(options.sessions ?? [])
    return origin
  }

  get control(): Peer {
    if (this.#control === undefined) throw new Error('the origin has no control socket')
    return this.#control
  }

  async dialControl(sessions: string[]): Promise<void> {
    const control = await openPeer('/link/control', { headers: originAuth() })
    this.#control = control
    control.ws.addEventListener('message', ({ data }) => this.#fromPool(JSON.parse(String(data)) as Json))
    control.send({ ...this.hello, sessions })
    await control.next('welcome')
  }

  /** What it says of itself when it dials in. */
  get hello(): OriginHello {
    return {
      type: 'origin_hello',
      protocol_version: PROTOCOL_VERSION,
      version: '1.0.0',
      origin_id: this.originId,
      boot_id: this.bootId,
      started_at: Date.now() - 5_000,
      device: this.#options.device ?? 'cpu',
      avatars: [AVATAR],
      voices: [VOICE],
      models: [{ id: 'org/some-model', provider: 'openai' }],
      sessions: [],
      load: { ...LOAD, ...this.#options.load },
    }
  }

  async dialSession(sessionId: string, hello: Json = {}): Promise<FakeSession> {
    const response = await fetchEdge(`/link/session/${sessionId}`, { headers: { upgrade: 'websocket', ...originAuth() } })
    if (response.webSocket === null) throw new Error(`session socket refused: ${response.status}`)
    const peer = new Peer(response.webSocket)
    const session = new FakeSession(peer, sessionId)
    peer.ws.addEventListener('message', ({ data }) => this.#fromSession(session, data))
    peer.send({ type: 'hello', protocol_version: PROTOCOL_VERSION, origin_id: this.originId, boot_id: this.bootId, ...hello })
    this.sessions.set(sessionId, session)
    return session
  }

  session(sessionId: string): FakeSession {
    const session = this.sessions.get(sessionId)
    if (session === undefined) throw new Error(`the origin has no session ${sessionId}`)
    return session
  }

  /** The process dies: every socket at once. */
  die(): void {
    for (const { peer } of this.sessions.values()) peer.ws.close(1011, 'dead')
    this.sessions.clear()
    this.control.ws.close(1011, 'dead')
  }

  #fromPool(message: Json): void {
    if (message.type === 'session_drop') this.dropped.push(String(message.session_id))
    if (message.type === 'text_chat') this.respondText(message.params as ChatRequest, this.control, String(message.id))
    if (message.type !== 'session_open') return
    const config = message.config as SessionConfig
    this.opened.push(config)
    const full = this.sessions.size >= (this.#options.load?.capacity ?? LOAD.capacity)
    const accepts = full ? 'no' : (this.#options.accepts ?? 'yes')
    if (accepts === 'silent') return
    this.control.send({ type: 'session_opened', session_id: config.session_id, accepted: accepts !== 'no', code: 'CAPACITY_EXCEEDED' })
    if (accepts === 'yes') void this.dialSession(config.session_id)
  }

  #fromSession(session: FakeSession, data: unknown): void {
    if (typeof data !== 'string' || !data.startsWith('{')) return
    const message = JSON.parse(data) as Json
    if (message.type === 'request') this.respond(message.call as LinkCall, session, String(message.id))
    if (message.type === 'close' && message.after_speech === false) session.peer.send({ type: 'closed', reason: message.reason })
  }
}

export function originAuth(): Record<string, string> {
  return { authorization: `Bearer ${env.ORIGIN_KEY}` }
}
