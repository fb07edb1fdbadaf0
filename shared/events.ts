/** WebSocket events, both ways. Clients ignore types and fields they do not know; the server refuses unknown types. */
import * as z from 'zod'
import { AUDIO_FORMATS, parseAudioFormat } from './audio-format.ts'
import { ToolCall } from './chat.ts'
import { ERROR_CODES } from './errors.ts'
import { SessionId, TaskId } from './ids.ts'
import { TransportStats, TurnLedger } from './stats.ts'
import { ListenMode } from './turn-detection.ts'

/** How a socket wants its media; query parameters of `/ws/SESSION_ID`. */
export const SocketOptions = z
  .object({
    media: z
      .enum(['json', 'binary'])
      .default('json')
      .meta({ description: 'binary: one binary message per frame or sound, see `binary-media` in shared/.' }),
    audio: z
      .enum(['clauses', 'chunks', 'off'])
      .default('clauses')
      .meta({ description: 'clauses: a playable WAV of up to 2.5 s when it starts to sound; chunks: 100 ms of PCM with timestamps.' }),
    video: z.enum(['on', 'off']).default('on'),
    webrtc: z
      .enum(['instead', 'beside'])
      .default('instead')
      .meta({ description: 'While WebRTC carries video and sound: instead, this socket has none of them; beside, it has them too.' }),
    events: z
      .string()
      .regex(/^((words|stats|levels)(,(?=.)|$))*$/, 'must name words, stats or levels, with commas between')
      .default('')
      .meta({ description: 'Further events that this socket wants, with commas between: words, stats, levels.' }),
    resume_from: z.coerce.number().int().min(0).optional().meta({ description: 'Last `seq` seen; later control events are sent again.' }),
    token: z.string().optional().meta({ description: 'Session token, where no Authorization header can be set.' }),
  })
  .meta({ id: 'SocketOptions' })
export type SocketOptions = z.infer<typeof SocketOptions>

/** Sound of a client. All messages of one client until its commit, or until it stops listening, are one stream. */
export const AudioData = z.object({
  audio: z.string().min(1).meta({
    description:
      'base64 of a part of a file (WAV, MP3, Ogg, WebM, FLAC, AAC, MP4, AIFF), cut anywhere, or of raw samples as `format` says. Line ends, missing padding, the URL-safe alphabet and a `data:` prefix are taken.',
  }),
  format: z
    .string()
    .max(100)
    .refine((name) => parseAudioFormat(name) !== undefined, { error: `is no known format; known are ${AUDIO_FORMATS.join(', ')}` })
    .default('auto')
    .meta({
      description: `${AUDIO_FORMATS.join(', ')}, or what vendors call them (g711_ulaw, ulaw_8000, pcm_16000, audio/x-mulaw, audio/webm;codecs=opus). auto: what the bytes say, else 16-bit little-endian PCM. A file in the bytes is read as such whatever this says.`,
    }),
  sample_rate: z.int().min(4_000).max(192_000).optional().meta({
    description: 'Hz of raw samples. Default: what `format` says, else 24000, of mulaw and alaw 8000.',
  }),
  channels: z.int().min(1).max(2).optional().meta({ description: 'Of raw samples, interleaved. Default 1.' }),
})
export type AudioData = z.infer<typeof AudioData>

export const AudioBufferAppend = z
  .object({ type: z.literal('audio_buffer_append'), data: AudioData })
  .meta({ id: 'AudioBufferAppend', description: 'Adds sound that the avatar will speak.' })
export const AudioBufferCommit = z
  .object({ type: z.literal('audio_buffer_commit') })
  .meta({ id: 'AudioBufferCommit', description: 'Speaks what was appended.' })
export const AudioBufferClear = z
  .object({ type: z.literal('audio_buffer_clear') })
  .meta({ id: 'AudioBufferClear', description: 'Forgets what was appended and not committed.' })
export const StartListening = z
  .object({ type: z.literal('start_listening'), data: z.object({ mode: ListenMode.optional() }).optional() })
  .meta({ id: 'StartListening', description: "Opens the user's ear; `mode` instead of the session's for this time." })
export const StopListening = z
  .object({ type: z.literal('stop_listening') })
  .meta({ id: 'StopListening', description: "Closes the user's ear." })
export const Interrupt = z
  .object({ type: z.literal('interrupt') })
  .meta({ id: 'Interrupt', description: 'Stops the speech at once. Valid in every state, also twice.' })
export const UserAudioAppend = z
  .object({ type: z.literal('user_audio_append'), data: AudioData })
  .meta({ id: 'UserAudioAppend', description: "The user's own voice, while listening." })
export const FrameAck = z
  .object({ type: z.literal('frame_ack'), frame_id: z.int().min(0) })
  .meta({ id: 'FrameAck', description: 'Says that a frame was shown. From the first one on, at most 5 frames are outstanding.' })
export const Ping = z.object({ type: z.literal('ping') }).meta({ id: 'Ping' })
export const KeepAlive = z.object({ type: z.literal('keep_alive') }).meta({ id: 'KeepAlive', description: 'Starts the idle time anew.' })

/** What a client may send. */
export const ClientEvent = z.discriminatedUnion('type', [
  AudioBufferAppend,
  AudioBufferCommit,
  AudioBufferClear,
  StartListening,
  StopListening,
  Interrupt,
  UserAudioAppend,
  FrameAck,
  Ping,
  KeepAlive,
])
export type ClientEvent = z.infer<typeof ClientEvent>

/** Carried by every server event. */
const common = {
  seq: z.int().min(0).meta({ description: 'Rises by one with every event of the session.' }),
  session_id: SessionId,
  task_id: TaskId.optional(),
  generation: z.int().optional().meta({ description: 'Rises with every interrupt; older media is to be dropped.' }),
}

export const FrameEvent = z
  .object({
    type: z.literal('frame'),
    ...common,
    data: z.string().meta({ description: 'base64 JPEG' }),
    frame_id: z.int(),
    timestamp: z.number().meta({ description: 'Unix seconds at which this frame is due; the clock that sound has too.' }),
  })
  .meta({ id: 'FrameEvent', description: 'One frame.' })

export const AudioEvent = z
  .object({
    type: z.literal('audio'),
    ...common,
    data: z.string().meta({ description: 'base64: a playable WAV, or with audio=chunks raw PCM 16 bit.' }),
    format: z.enum(['wav', 'pcm_s16le']),
    duration: z.number().meta({ description: 'seconds' }),
    sample_rate: z.int(),
    timestamp: z.number().meta({ description: 'Unix seconds at which its first sample is due.' }),
    pts_ms: z.number().meta({ description: 'ms from the first sample of its task.' }),
  })
  .meta({ id: 'AudioEvent', description: 'Sound, sent when it starts to sound.' })

export const ChatEvent = z
  .object({ type: z.literal('chat'), ...common, role: z.enum(['user', 'agent']), content: z.string(), partial: z.boolean().optional() })
  .meta({ id: 'ChatEvent', description: "What was said, by whom. The agent's sentence comes when it starts to sound." })

export const StatusEvent = z
  .object({ type: z.literal('status'), ...common, status: z.enum(['idle', 'listening', 'thinking', 'speaking']), message: z.string() })
  .meta({ id: 'StatusEvent', description: 'What the avatar does now.' })

export const ErrorEvent = z
  .object({
    type: z.literal('error'),
    ...common,
    code: z.enum(ERROR_CODES),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'ErrorEvent', description: 'What went wrong; the session goes on unless session_ended follows.' })

export const SessionEndReason = z.enum([
  'client_stop',
  'idle_timeout',
  'max_duration',
  'join_timeout',
  'origin_lost',
  'capacity',
  'admin',
  'error',
])
export type SessionEndReason = z.infer<typeof SessionEndReason>

export const SessionStateEvent = z
  .object({
    type: z.literal('session_state'),
    ...common,
    state: z.enum(['live', 'reconnecting']),
    resumed: z.boolean(),
    missed: z.int().meta({ description: 'Control events that the replay ring no longer had.' }),
  })
  .meta({ id: 'SessionStateEvent', description: 'First event on every socket, and whenever the origin is lost or found again.' })
export const SessionExpiring = z
  .object({ type: z.literal('session_expiring'), ...common, in_s: z.number(), reason: z.enum(['idle_timeout', 'max_duration']) })
  .meta({ id: 'SessionExpiring' })
export const SessionEnded = z
  .object({ type: z.literal('session_ended'), ...common, reason: SessionEndReason, duration: z.number() })
  .meta({ id: 'SessionEnded' })

export const AudioBufferAppended = z
  .object({ type: z.literal('audio_buffer_appended'), ...common, buffered_ms: z.number(), appended_ms: z.number() })
  .meta({ id: 'AudioBufferAppended' })
export const AudioBufferCommitted = z
  .object({ type: z.literal('audio_buffer_committed'), ...common, duration_ms: z.number() })
  .meta({ id: 'AudioBufferCommitted' })
export const AudioBufferCleared = z
  .object({ type: z.literal('audio_buffer_cleared'), ...common, cleared_ms: z.number() })
  .meta({ id: 'AudioBufferCleared' })

export const SpeechStarted = z
  .object({
    type: z.literal('speech_started'),
    ...common,
    latency_ms: z.number().meta({ description: 'From the request to its first sound.' }),
  })
  .meta({ id: 'SpeechStarted', description: 'The first sound of a task leaves.' })
export const SpeechFinished = z
  .object({ type: z.literal('speech_finished'), ...common, reason: z.enum(['completed', 'interrupted', 'failed']), played_ms: z.number() })
  .meta({ id: 'SpeechFinished', description: 'Exactly once per task.' })
export const Interrupted = z
  .object({
    type: z.literal('interrupted'),
    ...common,
    task_id: TaskId.nullable(),
    played_ms: z.number(),
    spoken_text: z.string(),
    dropped_ms: z.number(),
  })
  .meta({ id: 'Interrupted', description: 'Exactly one per interrupt. Stop what you play.' })
export const FramesDropped = z
  .object({ type: z.literal('frames_dropped'), ...common, dropped: z.int(), total: z.int() })
  .meta({ id: 'FramesDropped', description: 'Frames left out because this client was slow; at most one a second.' })
export const TransportEvent = z
  .object({
    type: z.literal('transport'),
    ...common,
    active: z.enum(['webrtc', 'socket']).meta({ description: 'What carries video and sound from now on.' }),
    reason: z.enum(['connected', 'not_connected', 'lost', 'failed']).meta({
      description: 'not_connected: not within 3 s, which is tried further; lost: the client is silent; failed: given up, start again.',
    }),
    video_codec: z.enum(['vp8', 'h264']).optional(),
  })
  .meta({ id: 'TransportEvent', description: 'WebRTC took over, or the socket did. The session goes on either way.' })

export const UserSpeechStarted = z
  .object({ type: z.literal('user_speech_started'), ...common })
  .meta({ id: 'UserSpeechStarted', description: 'The detector hears the user.' })
export const UserSpeechStopped = z.object({ type: z.literal('user_speech_stopped'), ...common, duration_ms: z.number() }).meta({
  id: 'UserSpeechStopped',
  description: 'The user paused long enough: the turn is being transcribed. `chat`, `user_speech_dropped` or `error` follows.',
})
export const UserSpeechDropped = z
  .object({
    type: z.literal('user_speech_dropped'),
    ...common,
    reason: z.enum(['backchannel', 'phantom', 'no_words']).meta({
      description:
        'backchannel: "mm-hm" and the like while the avatar spoke; phantom: the recogniser wrote words for a cough or noise; no_words: it wrote none.',
    }),
    content: z.string().meta({ description: 'What the recogniser wrote.' }),
  })
  .meta({
    id: 'UserSpeechDropped',
    description: 'What the user said is no turn: it is not answered, not remembered, and the avatar goes on if it was paused.',
  })
export const SpeechPaused = z.object({ type: z.literal('speech_paused'), ...common, played_ms: z.number() }).meta({
  id: 'SpeechPaused',
  description: 'The user seems to speak: stop what you play. Either `interrupted` or `speech_resumed` follows.',
})
export const SpeechResumed = z
  .object({ type: z.literal('speech_resumed'), ...common, played_ms: z.number() })
  .meta({ id: 'SpeechResumed', description: 'It was no interruption: the speech goes on where it paused.' })
export const ToolCallEvent = z
  .object({ type: z.literal('tool_call'), ...common, tool_call: ToolCall })
  .meta({ id: 'ToolCallEvent', description: 'The model wants a function called; answer with a chat whose messages hold the result.' })
export const TurnMetricsEvent = z
  .object({ type: z.literal('turn_metrics'), ...common, kind: z.enum(['speak', 'chat', 'audio', 'voice']), metrics: TurnLedger })
  .meta({ id: 'TurnMetricsEvent', description: 'What a turn took, once, when its first frame has left or it has ended without one.' })
export const WordEvent = z
  .object({
    type: z.literal('word'),
    ...common,
    word: z.string().meta({ description: 'As it stands in the text, with its punctuation.' }),
    start_ms: z.number().meta({ description: 'ms from the first sample of its task' }),
    end_ms: z.number(),
    timestamp: z.number().meta({ description: 'Unix seconds at which it sounds; the clock of video and sound.' }),
  })
  .meta({ id: 'WordEvent', description: 'A word, when it sounds; for subtitles. With events=words.' })
export const StatsEvent = z
  .object({ type: z.literal('stats'), ...common, stats: TransportStats })
  .meta({ id: 'StatsEvent', description: 'How the media travels; every 5 s with events=stats.' })
export const LevelEvent = z
  .object({
    type: z.literal('level'),
    ...common,
    level_db: z.number().meta({ description: 'RMS of the user’s sound, dB of full scale; -100 for silence' }),
    speech: z.number().min(0).max(1).nullable().meta({ description: 'Probability of speech; null without a detector' }),
  })
  .meta({ id: 'LevelEvent', description: 'The user’s microphone, ten times a second while listening, with events=levels.' })
export const Pong = z.object({ type: z.literal('pong') }).meta({ id: 'Pong' })

/** What a client may receive. */
export const ServerEvent = z.discriminatedUnion('type', [
  FrameEvent,
  AudioEvent,
  ChatEvent,
  StatusEvent,
  ErrorEvent,
  SessionStateEvent,
  SessionExpiring,
  SessionEnded,
  AudioBufferAppended,
  AudioBufferCommitted,
  AudioBufferCleared,
  SpeechStarted,
  SpeechFinished,
  Interrupted,
  FramesDropped,
  TransportEvent,
  UserSpeechStarted,
  UserSpeechStopped,
  UserSpeechDropped,
  SpeechPaused,
  SpeechResumed,
  ToolCallEvent,
  TurnMetricsEvent,
  WordEvent,
  StatsEvent,
  LevelEvent,
  Pong,
])
export type ServerEvent = z.infer<typeof ServerEvent>

/** A server event as the origin makes it: the edge adds `seq`. */
export type OriginEvent = ServerEvent extends infer Event ? (Event extends { seq: number } ? Omit<Event, 'seq'> : never) : never
