/**
 * Messages between edge and origin; internal, in no SDK. The origin dials both sockets:
 *
 * - control, `GET /link/control`, one per origin, to the pool;
 * - session, `GET /link/session/SESSION_ID`, one per session, to that session's object.
 *
 * Both carry `Authorization: Bearer ORIGIN_KEY`. Link messages are JSON objects. A client event or server event rides
 * in an envelope instead: text that starts with `E`, see `encodeRelay`; binary media is sent as the client gets it
 * (see binary-media.ts) with seq 0, which the edge fills in.
 */
import * as z from 'zod'
import { AvatarInfo, IceCandidate, IceCandidateRequest, IceServer, Quality, SpeakRequest, StartSessionRequest, VoiceInfo } from './api.ts'
import { ChatRequest, ChatTool } from './chat.ts'
import {
  AudioBufferAppend,
  AudioBufferClear,
  AudioBufferCommit,
  Interrupt,
  SessionEndReason,
  StartListening,
  StopListening,
  UserAudioAppend,
} from './events.ts'
import { SessionId } from './ids.ts'
import { Histogram, TransportStats, TurnLedger } from './stats.ts'
import { TurnDetection } from './turn-detection.ts'

/** s between heartbeats; an origin silent for three of them is lost. */
export const HEARTBEAT_S = 2

/** What one session was opened with; the edge keeps it and gives it to whichever origin carries the session. */
export const SessionConfig = z.object({
  session_id: SessionId,
  avatar_id: z.string(),
  voice_id: z.string().nullable(),
  quality: Quality,
  created_at: z.number().meta({ description: 'Unix ms' }),
  ice_servers: z.array(IceServer),
  system_prompt: z.string().optional(),
  tools: z.array(ChatTool).optional(),
  language: z.string().optional(),
  turn_detection: TurnDetection.optional(),
})
export type SessionConfig = z.infer<typeof SessionConfig>

/** One session, for operators. */
export const SessionReport = z.object({
  session_id: SessionId,
  avatar_id: z.string(),
  quality: Quality,
  state: z.enum(['idle', 'listening', 'thinking', 'speaking']),
  created_at: z.number().meta({ description: 'Unix ms' }),
  stats: TransportStats,
  last_turn: TurnLedger.nullable(),
})
export type SessionReport = z.infer<typeof SessionReport>

export const OriginLoad = z.object({
  sessions: z.int(),
  speaking: z.int(),
  capacity: z.int(),
  cpu_usage: z.number(),
  memory_usage: z.number(),
  gpu_usage: z.number().nullable(),
  rss_bytes: z.int(),
  average_latency: z.number().nullable(),
  render: z.record(z.string(), z.number()),
  /** Steps of all turns since the start, ms, by the names of TurnLedger. */
  turns: z.record(z.string(), Histogram),
})
export type OriginLoad = z.infer<typeof OriginLoad>

// --- control socket -------------------------------------------------------------------------------------------------

export const OriginHello = z.object({
  type: z.literal('origin_hello'),
  protocol_version: z.int(),
  version: z.string(),
  origin_id: z.string().min(1).max(128).meta({ description: 'Stable name of this host.' }),
  boot_id: z.uuid().meta({ description: 'New with every start of the process.' }),
  started_at: z.number(),
  device: z.string(),
  avatars: z.array(AvatarInfo),
  voices: z.array(VoiceInfo),
  /** Sessions that this process still holds: after a redeploy of the edge they go on. */
  sessions: z.array(SessionId),
  load: OriginLoad,
})
export type OriginHello = z.infer<typeof OriginHello>
/** `sessions` comes with every third one. */
export const OriginHeartbeat = z.object({ type: z.literal('heartbeat'), load: OriginLoad, sessions: z.array(SessionReport).optional() })
export const OriginDraining = z.object({ type: z.literal('draining') })
/** Answers `session_open`: whether this origin takes the session. It dials the session socket after saying yes. */
export const SessionOpened = z.object({
  type: z.literal('session_opened'),
  session_id: SessionId,
  accepted: z.boolean(),
  code: z.string().optional(),
  message: z.string().optional(),
})

/** Answers to calls, on either socket. */
const answers = [
  z.object({ type: z.literal('response'), id: z.string(), result: z.record(z.string(), z.unknown()) }),
  z.object({
    type: z.literal('failure'),
    id: z.string(),
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
  /** One server-sent event's data of a streamed chat, without the `data: ` prefix. */
  z.object({ type: z.literal('chunk'), id: z.string(), data: z.string() }),
] as const

/** Origin to pool. */
export const ControlUp = z.discriminatedUnion('type', [OriginHello, OriginHeartbeat, OriginDraining, SessionOpened, ...answers])
export type ControlUp = z.infer<typeof ControlUp>

export const PoolWelcome = z.object({ type: z.literal('welcome'), protocol_version: z.int() })
export const SessionOpen = z.object({ type: z.literal('session_open'), config: SessionConfig })
/** Sent when the edge no longer knows a session that the origin holds. */
export const SessionDrop = z.object({ type: z.literal('session_drop'), session_id: SessionId, reason: SessionEndReason })
/** `on` false: sessions are taken again. */
export const Drain = z.object({ type: z.literal('drain'), on: z.boolean().default(true) })
/** A chat of no session: text alone. */
export const TextChat = z.object({ type: z.literal('text_chat'), id: z.string(), params: ChatRequest })
/** The HTTP client has gone: stop what the request began. */
export const CancelRequest = z.object({ type: z.literal('cancel'), id: z.string() })
/** Pool to origin. */
export const ControlDown = z.discriminatedUnion('type', [PoolWelcome, SessionOpen, SessionDrop, Drain, TextChat, CancelRequest])
export type ControlDown = z.infer<typeof ControlDown>

// --- session socket -------------------------------------------------------------------------------------------------

/** Which forms of media, and which further events, any client of the session wants now; the origin makes only those. */
export const MediaWants = z.object({
  frame_json: z.boolean(),
  frame_binary: z.boolean(),
  clause_json: z.boolean(),
  clause_binary: z.boolean(),
  chunk_json: z.boolean(),
  chunk_binary: z.boolean(),
  words: z.boolean(),
  stats: z.boolean(),
  levels: z.boolean(),
})
export type MediaWants = z.infer<typeof MediaWants>

/** Calls that the edge makes on behalf of an HTTP request; each is answered by one `response`, chat with chunks before it. */
export const LinkCall = z.discriminatedUnion('method', [
  z.object({ method: z.literal('speak'), params: SpeakRequest }),
  z.object({ method: z.literal('chat'), params: ChatRequest }),
  z.object({ method: z.literal('interrupt'), params: z.object({}) }),
  z.object({ method: z.literal('start'), params: StartSessionRequest }),
  z.object({ method: z.literal('ice'), params: IceCandidateRequest }),
  /** A viewer by WHEP: sees and hears the session beside its own client. Answered with `{viewer_id, sdp}`. */
  z.object({ method: z.literal('watch'), params: z.object({ sdp: z.string().min(1).max(100_000) }) }),
  z.object({ method: z.literal('unwatch'), params: z.object({ viewer_id: z.string() }) }),
  /** Candidates that a viewer found after its offer. */
  z.object({ method: z.literal('watch_ice'), params: z.object({ viewer_id: z.string(), candidates: z.array(IceCandidate).max(64) }) }),
])
export type LinkCall = z.infer<typeof LinkCall>

/** Events that the edge hands on. `interrupt` and the rest act in order of arrival. */
export const ForwardedEvent = z.discriminatedUnion('type', [
  AudioBufferAppend,
  AudioBufferCommit,
  AudioBufferClear,
  StartListening,
  StopListening,
  Interrupt,
  UserAudioAppend,
])
export type ForwardedEvent = z.infer<typeof ForwardedEvent>

/** Edge to origin. */
export const SessionDown = z.discriminatedUnion('type', [
  /** `beside`: the part of `wants` that holds also while WebRTC carries the media. */
  z.object({ type: z.literal('welcome'), config: SessionConfig, wants: MediaWants, beside: MediaWants.optional() }),
  z.object({ type: z.literal('wants'), wants: MediaWants, beside: MediaWants.optional() }),
  z.object({ type: z.literal('request'), id: z.string(), call: LinkCall }),
  CancelRequest,
  z.object({ type: z.literal('client_event'), client_id: z.string(), event: ForwardedEvent }),
  /** End of the session. `after_speech`: the sentence being spoken is finished first, at most 30 s. */
  z.object({ type: z.literal('close'), reason: SessionEndReason, after_speech: z.boolean() }),
])
export type SessionDown = z.infer<typeof SessionDown>

/** Origin to edge, besides relayed events. */
export const SessionUp = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), protocol_version: z.int(), origin_id: z.string(), boot_id: z.uuid() }),
  ...answers,
  /** The avatar is busy (speaking, thinking, listening): the idle deadline moves. */
  z.object({ type: z.literal('activity'), busy: z.boolean() }),
  z.object({ type: z.literal('closed'), reason: SessionEndReason }),
])
export type SessionUp = z.infer<typeof SessionUp>

/**
 * Who gets a relayed event: `control` everyone, and it is kept for replay; every other class only sockets that asked for it.
 * `to` names one client (an answer to its own message); such events are not replayed.
 */
export type RelayClass = 'control' | 'frame' | 'clause' | 'chunk' | 'word' | 'stats' | 'level'
export interface RelayHeader {
  class: RelayClass
  to?: string
}
const CLASS_LETTER = { control: 'c', frame: 'f', clause: 'a', chunk: 'p', word: 'w', stats: 's', level: 'l' } as const

/** `E`, the class letter, the client id if any, a newline, the event's JSON without `seq`. */
export function encodeRelay(header: RelayHeader, eventJson: string): string {
  return `E${CLASS_LETTER[header.class]}${header.to ?? ''}\n${eventJson}`
}

/** Undefined when the text is no envelope. */
export function decodeRelay(text: string): { header: RelayHeader; eventJson: string } | undefined {
  if (text[0] !== 'E') return undefined
  const end = text.indexOf('\n')
  const relayClass = (Object.keys(CLASS_LETTER) as RelayClass[]).find((name) => CLASS_LETTER[name] === text[1])
  if (end < 2 || relayClass === undefined) return undefined
  const to = text.slice(2, end)
  return { header: to === '' ? { class: relayClass } : { class: relayClass, to }, eventJson: text.slice(end + 1) }
}

/** Puts `seq` in front of an event's other fields without parsing it. */
export function withSeq(eventJson: string, seq: number): string {
  return `{"seq":${seq},${eventJson.slice(1)}`
}
