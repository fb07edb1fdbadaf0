/**
 * Messages between edge and origin; internal, in no SDK. The origin dials both sockets:
 *
 * - control, `GET /link/control`, one per origin, to the pool;
 * - session, `GET /link/session/SESSION_ID`, one per session, to that session's object.
 *
 * Both carry `Authorization: Bearer ORIGIN_KEY`. Link messages are JSON objects. A server event is sent in an envelope
 * instead: text that starts with `E`, see `encodeRelay`; binary media is sent as the client gets it (see binary-media.ts)
 * with seq 0, which the edge fills in.
 */
import * as z from 'zod'
import { AvatarInfo, IceCandidate, IceCandidateRequest, IceServer, Quality, SpeakRequest, StartSessionRequest, VoiceInfo } from './api.ts'
import { ChatRequest, ChatTool } from './chat.ts'
import {
  AudioBufferAppend,
  AudioBufferClear,
  AudioBufferCommit,
  FrameEvent,
  Interrupt,
  type OriginEvent,
  SessionEndReason,
  StartListening,
  StopListening,
  TransportEvent,
  UserAudioAppend,
} from './events.ts'
import { SessionId, TaskId } from './ids.ts'
import { parseJsonAs } from './json.ts'
import { Histogram, TransportStats, TurnLedger } from './stats.ts'
import { TurnDetection } from './turn-detection.ts'

/** s between heartbeats; an origin silent for three of them is lost. */
export const HEARTBEAT_S = 2
/** How long a session outlives the link between edge and origin, ms: both sides give up on it at the same age. */
export const LINK_LOST_MS = 30_000
/** How long the sentence being spoken may go on past the end of its session, ms. */
export const LAST_WORDS_MS = 30_000

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
  /** Language models that answer where a chat names none. */
  models: z.array(z.object({ id: z.string(), provider: z.string() })).default([]),
  /** Sessions that this process still holds: after a redeploy of the edge they go on. */
  sessions: z.array(SessionId),
  load: OriginLoad,
})
export type OriginHello = z.infer<typeof OriginHello>
/** `sessions` comes with every third one. */
const OriginHeartbeat = z.object({ type: z.literal('heartbeat'), load: OriginLoad, sessions: z.array(SessionReport).optional() })
const OriginDraining = z.object({ type: z.literal('draining') })
/** Answers `session_open`: whether this origin takes the session. It dials the session socket after saying yes. */
const SessionOpened = z.object({
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

const PoolWelcome = z.object({ type: z.literal('welcome'), protocol_version: z.int() })
const SessionOpen = z.object({ type: z.literal('session_open'), config: SessionConfig })
/** Sent when the edge does not know a session that the origin holds. */
const SessionDrop = z.object({ type: z.literal('session_drop'), session_id: SessionId, reason: SessionEndReason })
/** `on` false: sessions are taken again. */
const Drain = z.object({ type: z.literal('drain'), on: z.boolean().default(true) })
/** A chat of no session: text alone. */
const TextChat = z.object({ type: z.literal('text_chat'), id: z.string(), params: ChatRequest })
/** The HTTP client has gone: stop what the request began. */
const CancelRequest = z.object({ type: z.literal('cancel'), id: z.string() })
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
  /** End of the session. `after_speech`: the sentence being spoken is finished first, for at most LAST_WORDS_MS. */
  z.object({ type: z.literal('close'), reason: SessionEndReason, after_speech: z.boolean() }),
])
export type SessionDown = z.infer<typeof SessionDown>

/** A task was accepted, or has ended. Each that was opened gets one speech_finished, from the edge if the origin dies. */
export const TaskMark = z.object({ id: TaskId, state: z.enum(['open', 'closed']) })
export type TaskMark = z.infer<typeof TaskMark>

/** Origin to edge, besides relayed events. */
export const SessionUp = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), protocol_version: z.int(), origin_id: z.string(), boot_id: z.uuid() }),
  ...answers,
  /** A call has opened a task; sent before the call's answer. */
  z.object({ type: z.literal('task'), task: TaskMark }),
  /** The avatar is busy (speaking, thinking, listening): the idle deadline moves. */
  z.object({ type: z.literal('activity'), busy: z.boolean() }),
  /** Clients and viewers with a WebRTC connection, those still connecting included: whoever fell silent does not count any more. */
  z.object({ type: z.literal('peers'), count: z.int().min(0) }),
  z.object({ type: z.literal('closed'), reason: SessionEndReason }),
])
export type SessionUp = z.infer<typeof SessionUp>

// --- relayed events -------------------------------------------------------------------------------------------------

/**
 * What the edge needs to know of an event that it relays; the event itself stays unparsed. A `control` event goes to everyone
 * and is kept for replay; every other class goes only to sockets that asked for it.
 */
export const RelayHeader = z.discriminatedUnion('class', [
  z.object({
    class: z.literal('control'),
    /** The one client that gets it: an answer to its own message. It is not replayed. */
    to: z.string().min(1).optional(),
    task: TaskMark.optional(),
    /** What carries the media from this event on. */
    transport: TransportEvent.shape.active.optional(),
  }),
  z.object({ class: z.literal('frame'), frame_id: FrameEvent.shape.frame_id }),
  z.object({ class: z.enum(['clause', 'chunk', 'word', 'stats', 'level']) }),
])
export type RelayHeader = z.infer<typeof RelayHeader>
export type RelayClass = RelayHeader['class']

/** The header that belongs to an event. @param to one client; everyone without */
export function relayHeader(relayClass: RelayClass, event: OriginEvent, to?: string): RelayHeader {
  if (event.type === 'frame') return { class: 'frame', frame_id: event.frame_id }
  if (relayClass !== 'control' && relayClass !== 'frame') return { class: relayClass }
  const task = taskMarkOf(event)
  return {
    class: 'control',
    ...(to === undefined ? {} : { to }),
    ...(task === undefined ? {} : { task }),
    ...(event.type === 'transport' ? { transport: event.active } : {}),
  }
}

function taskMarkOf(event: OriginEvent): TaskMark | undefined {
  if (event.task_id === undefined || event.task_id === null) return undefined
  if (event.type === 'speech_finished') return { id: event.task_id, state: 'closed' }
  const opens = event.type === 'speech_started' || event.type === 'audio_buffer_committed'
  return opens ? { id: event.task_id, state: 'open' } : undefined
}

/** `E`, the header as JSON, a newline, the event's JSON without `seq`. */
export function encodeRelay(header: RelayHeader, eventJson: string): string {
  return `E${JSON.stringify(header)}\n${eventJson}`
}

/** Undefined when the text is no envelope, or the header is damaged, or no event follows that `seq` can be put into. */
export function decodeRelay(text: string): { header: RelayHeader; eventJson: string } | undefined {
  if (text[0] !== 'E') return undefined
  const end = text.indexOf('\n')
  const header = parseJsonAs(RelayHeader, text.slice(1, Math.max(1, end)))
  if (header === undefined || text[end + 1] !== '{' || text[end + 2] !== '"') return undefined
  return { header, eventJson: text.slice(end + 1) }
}

/** Puts `seq` in front of an event's other fields without parsing it. */
export function withSeq(eventJson: string, seq: number): string {
  return `{"seq":${seq},${eventJson.slice(1)}`
}
