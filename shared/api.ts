/** REST bodies: schema and type share a name. Unknown fields are ignored, wrong types are refused. */
import * as z from 'zod'
import { ChatTool, TaskMode } from './chat.ts'
import { ERROR_CODES } from './errors.ts'
import { SessionId, TaskId } from './ids.ts'
import { Histogram } from './stats.ts'
import { TurnDetection } from './turn-detection.ts'

/** Longest text of one `avatar.speak`, characters. */
export const MAX_TEXT_LENGTH = 5_000
/** Largest HTTP body, bytes. */
export const MAX_BODY_BYTES = 1_048_576

export const Quality = z
  .enum(['low', 'medium', 'high'])
  .meta({ id: 'Quality', description: 'low 360x360, medium 512x512, high 720x720; 25 frames a second each.' })

export const AvatarId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({ description: 'Which person; see GET /v1/avatars.', example: 'avatar_1' })
export const VoiceId = z.string().min(1).max(128).meta({
  description: 'Which voice; see GET /v1/voices. One that the active provider does not know falls back to its default, with a warning.',
  example: 'EXAVITQu4vr4xnSDxMaL',
})

export const VoiceSettings = z
  .object({
    stability: z.number().min(0).max(1).optional(),
    similarity_boost: z.number().min(0).max(1).optional(),
    style: z.number().min(0).max(1).optional(),
    use_speaker_boost: z.boolean().optional(),
    speed: z.number().min(0.5).max(2).optional(),
  })
  .meta({ id: 'VoiceSettings' })
export type VoiceSettings = z.infer<typeof VoiceSettings>

export const IceServer = z
  .object({ urls: z.union([z.string(), z.array(z.string())]), username: z.string().optional(), credential: z.string().optional() })
  .meta({ id: 'IceServer' })
export type IceServer = z.infer<typeof IceServer>

export const SessionLimits = z
  .object({
    join_timeout_s: z.number().meta({ description: 'The session ends when nobody has connected by then.' }),
    idle_timeout_s: z.number().meta({ description: 'The session ends after this long without a request, a message or speech.' }),
    max_duration_s: z.number(),
    resume_window_s: z.number().meta({ description: 'A client that comes back within this time finds its session.' }),
  })
  .meta({ id: 'SessionLimits' })
export type SessionLimits = z.infer<typeof SessionLimits>

const Warnings = z.array(z.string()).optional().meta({ description: 'What was adjusted in this call, in words.' })

export const NewSessionRequest = z
  .object({
    quality: Quality.default('medium'),
    avatar_id: AvatarId.default('avatar_1'),
    voice_id: VoiceId.optional(),
    system_prompt: z.string().trim().min(1).max(20_000).optional().meta({
      description: 'Who the avatar is: leads every prompt that brings no system message of its own.',
    }),
    tools: z.array(ChatTool).max(64).optional().meta({ description: 'What the model may call in answers to speech.' }),
    language: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)
      .optional()
      .meta({ description: 'Of the user, for the recogniser: BCP 47.', example: 'en' }),
    turn_detection: TurnDetection.optional(),
  })
  .meta({ id: 'NewSessionRequest' })
export type NewSessionRequest = z.infer<typeof NewSessionRequest>

export const NewSessionResponse = z
  .object({
    session_id: SessionId,
    ice_servers: z.array(IceServer),
    access_token: z.string().meta({ description: 'HS256 JWT that opens and drives this session only.' }),
    ws_url: z.string().meta({ description: 'Where to open the socket.' }),
    limits: SessionLimits,
    warnings: Warnings,
  })
  .meta({ id: 'NewSessionResponse' })
export type NewSessionResponse = z.infer<typeof NewSessionResponse>

export const StartSessionRequest = z
  .object({ session_id: SessionId, sdp: z.object({ type: z.literal('offer'), sdp: z.string().min(1).max(100_000) }) })
  .meta({ id: 'StartSessionRequest' })
export type StartSessionRequest = z.infer<typeof StartSessionRequest>

export const StartSessionResponse = z
  .object({ status: z.literal('started'), sdp: z.object({ type: z.literal('answer'), sdp: z.string() }) })
  .meta({ id: 'StartSessionResponse' })
export type StartSessionResponse = z.infer<typeof StartSessionResponse>

export const IceCandidate = z
  .object({
    candidate: z.string().max(1_024),
    sdpMid: z.string().max(64).nullish(),
    sdpMLineIndex: z.int().min(0).max(64).nullish(),
  })
  .meta({ description: 'What RTCPeerConnection hands out as an icecandidate.' })
export type IceCandidate = z.infer<typeof IceCandidate>

export const IceCandidateRequest = z.object({ session_id: SessionId, candidate: IceCandidate }).meta({ id: 'IceCandidateRequest' })
export type IceCandidateRequest = z.infer<typeof IceCandidateRequest>

export const IceCandidateResponse = z.object({ status: z.literal('accepted') }).meta({ id: 'IceCandidateResponse' })
export type IceCandidateResponse = z.infer<typeof IceCandidateResponse>

export const SessionRequest = z.object({ session_id: SessionId }).meta({ id: 'SessionRequest' })
export type SessionRequest = z.infer<typeof SessionRequest>

export const StopSessionResponse = z
  .object({
    status: z.literal('stopped'),
    duration: z.number().meta({ description: 'Seconds since the session was created.', example: 125.4 }),
  })
  .meta({ id: 'StopSessionResponse' })
export type StopSessionResponse = z.infer<typeof StopSessionResponse>

export const SessionStatus = z.enum(['created', 'active', 'reconnecting']).meta({ id: 'SessionStatus' })
export type SessionStatus = z.infer<typeof SessionStatus>

export const SessionSummary = z
  .object({
    session_id: SessionId,
    status: SessionStatus,
    created_at: z.iso.datetime(),
    duration: z.number(),
    avatar_id: z.string(),
    quality: Quality,
  })
  .meta({ id: 'SessionSummary' })
export type SessionSummary = z.infer<typeof SessionSummary>

export const SessionListResponse = z.object({ sessions: z.array(SessionSummary), total: z.int() }).meta({ id: 'SessionListResponse' })
export type SessionListResponse = z.infer<typeof SessionListResponse>

export const InterruptResponse = z
  .object({
    status: z.enum(['interrupted', 'nothing_to_interrupt']),
    task_id: TaskId.nullable(),
    played_ms: z.number(),
    spoken_text: z.string(),
    dropped_ms: z.number(),
  })
  .meta({ id: 'InterruptResponse' })
export type InterruptResponse = z.infer<typeof InterruptResponse>

export const KeepAliveResponse = z
  .object({
    status: z.literal('ok'),
    expires_in_s: z.number().meta({ description: 'Seconds until the session ends if nothing else happens.' }),
  })
  .meta({ id: 'KeepAliveResponse' })
export type KeepAliveResponse = z.infer<typeof KeepAliveResponse>

export const Emotion = z
  .enum(['neutral', 'happy', 'serious', 'surprised', 'thinking'])
  .meta({ id: 'Emotion', description: 'What the face shows while it speaks; the mouth goes on speaking.' })
export type Emotion = z.infer<typeof Emotion>

/** When a cue acts: at a time of the task's sound, or when a word begins to sound (its first place in the text). */
const when = { at_ms: z.number().min(0).max(3_600_000).optional(), word: z.string().trim().min(1).max(64).optional() }
const share = z.number().min(-1).max(1)
export const Cue = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('emotion'), ...when, value: Emotion }),
    z.object({
      type: z.literal('gaze'),
      ...when,
      value: z.object({ x: share.meta({ description: '+ is to the right of the frame' }), y: share.meta({ description: '+ is up' }) }),
      duration_ms: z.number().min(40).max(10_000).default(800),
    }),
    z.object({
      type: z.literal('nod'),
      ...when,
      value: z.number().min(-8).max(8).default(4).meta({ description: 'degrees; + is down' }),
      duration_ms: z.number().min(200).max(2_000).default(480),
    }),
  ])
  .refine((cue) => (cue.at_ms === undefined) !== (cue.word === undefined), 'needs either at_ms or word')
  .meta({ id: 'Cue', description: 'Something the face does at a moment of its speech.' })
export type Cue = z.infer<typeof Cue>

export const SpeakRequest = z
  .object({
    session_id: SessionId,
    text: z
      .string()
      .min(1)
      .max(MAX_TEXT_LENGTH)
      .refine((text) => text.trim().length > 0, 'must contain something to say'),
    voice_id: VoiceId.optional(),
    voice_settings: VoiceSettings.optional(),
    emotion: Emotion.optional(),
    cues: z.array(Cue).max(100).optional(),
    mode: TaskMode.default('queue'),
  })
  .meta({ id: 'SpeakRequest' })
export type SpeakRequest = z.infer<typeof SpeakRequest>

export const SpeakResponse = z
  .object({
    task_id: TaskId,
    status: z.enum(['processing', 'queued']),
    duration_estimate: z.number().meta({ description: 'Seconds of speech, within 25 %.', example: 2.5 }),
    warnings: Warnings,
  })
  .meta({ id: 'SpeakResponse' })
export type SpeakResponse = z.infer<typeof SpeakResponse>

export const AvatarInfo = z
  .object({ avatar_id: z.string(), name: z.string(), description: z.string(), licence: z.string(), qualities: z.array(Quality) })
  .meta({ id: 'AvatarInfo' })
export type AvatarInfo = z.infer<typeof AvatarInfo>
export const AvatarListResponse = z.object({ avatars: z.array(AvatarInfo), total: z.int() }).meta({ id: 'AvatarListResponse' })
export type AvatarListResponse = z.infer<typeof AvatarListResponse>

export const VoiceInfo = z
  .object({ voice_id: z.string(), name: z.string(), provider: z.string(), language: z.string(), default: z.boolean() })
  .meta({ id: 'VoiceInfo' })
export type VoiceInfo = z.infer<typeof VoiceInfo>
export const VoiceListResponse = z.object({ voices: z.array(VoiceInfo), total: z.int() }).meta({ id: 'VoiceListResponse' })
export type VoiceListResponse = z.infer<typeof VoiceListResponse>

export const ModelInfo = z
  .object({
    id: z.string().meta({ example: 'gpt-4o-mini' }),
    object: z.literal('model'),
    created: z.int().meta({ description: 'Unix s; since when its origin is there.' }),
    owned_by: z.string().meta({ description: "Who answers: 'openai' for every compatible server, 'demo' for the script without a key." }),
  })
  .meta({ id: 'ModelInfo' })
export type ModelInfo = z.infer<typeof ModelInfo>
export const ModelListResponse = z.object({ object: z.literal('list'), data: z.array(ModelInfo) }).meta({ id: 'ModelListResponse' })
export type ModelListResponse = z.infer<typeof ModelListResponse>

const Health = z.enum(['healthy', 'degraded', 'unavailable'])
export const HealthResponse = z
  .object({
    status: Health,
    version: z.string(),
    uptime: z.number().meta({ description: 'Seconds since the longest-connected origin came up; 0 without one.' }),
    services: z.object({
      api: Health,
      websocket: Health,
      redis: Health.meta({ description: 'The session store (Durable Object storage); kept under this name for clients that read it.' }),
      store: Health,
      gpu: z.enum(['available', 'unavailable']).meta({ description: 'What onnxruntime really runs on.' }),
      origin: Health,
    }),
    origins: z.int(),
  })
  .meta({ id: 'HealthResponse' })
export type HealthResponse = z.infer<typeof HealthResponse>

const Turns = z.record(z.string(), Histogram).meta({ description: 'Steps of all turns since the start, ms, by the names of TurnLedger.' })

export const MetricsResponse = z
  .object({
    active_sessions: z.int(),
    total_sessions: z.int(),
    cpu_usage: z.number().meta({ description: "Percent of the origins' cores, mean over origins." }),
    memory_usage: z.number().meta({ description: "Percent of the origins' memory in use by the host, mean over origins." }),
    gpu_usage: z.number().nullable().meta({ description: 'Percent; null where no origin has a GPU that can be measured.' }),
    websocket_connections: z.int(),
    redis_memory: z.string().meta({ description: 'Size of the session store; `store_bytes` is the exact figure.', example: '245MB' }),
    store_bytes: z.int(),
    average_latency: z
      .number()
      .nullable()
      .meta({ description: 'ms from a request to speak to its first sound, mean of the last 100; null before the first.' }),
    turns: Turns,
    origins: z.array(
      z.object({
        origin_id: z.string(),
        sessions: z.int(),
        capacity: z.int(),
        speaking: z.int(),
        device: z.string().meta({ description: "onnxruntime execution provider, e.g. 'cpu' or 'cuda'." }),
        cpu_usage: z.number(),
        memory_usage: z.number(),
        rss_bytes: z.int(),
        average_latency: z.number().nullable(),
        draining: z.boolean(),
        render: z.record(z.string(), z.number()).meta({ description: 'ms and counts of the render stages.' }),
        turns: Turns,
      }),
    ),
  })
  .meta({ id: 'MetricsResponse' })
export type MetricsResponse = z.infer<typeof MetricsResponse>

export const ErrorBody = z
  .object({ error: z.object({ code: z.enum(ERROR_CODES), message: z.string(), details: z.record(z.string(), z.unknown()) }) })
  .meta({ id: 'ErrorBody' })
export type ErrorBody = z.infer<typeof ErrorBody>
