/** The origin's configuration: read once, checked, frozen. Nothing else reads `process.env`. */
import { isIPv4 } from 'node:net'
import { availableParallelism, hostname } from 'node:os'
import * as z from 'zod'

const optional = z.string().trim().min(1).optional()

const Env = z.object({
  EDGE_URL: z.url({ protocol: /^wss?$/ }).default('ws://127.0.0.1:8000'),
  ORIGIN_KEY: z.string().min(16, 'must have at least 16 characters; the edge has the same one'),
  ORIGIN_ID: z.string().min(1).max(128).default(hostname()),
  AVATARS_DIR: z.string().default('avatars'),
  LIPSYNC_MODEL: z.string().default('models/lipsync/lipsync.onnx'),
  DEVICE: z.enum(['auto', 'cpu', 'cuda', 'tensorrt']).default('auto'),
  /** They give way to sound and sockets. */
  RENDER_THREADS: z.coerce.number().int().min(1).max(64).default(Math.min(8, availableParallelism())),
  /** Threads that encode video for WebRTC; 720 x 720 takes a tenth of a core for each session. */
  ENCODE_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(Math.max(1, Math.floor(availableParallelism() / 2))),
  /** Addresses at which clients reach this host, where its own are private: it is behind a NAT that keeps ports. */
  RTC_PUBLIC_ADDRESS: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((address) => address.trim() || []))
    .refine((addresses) => addresses.every((address) => isIPv4(address)), 'must be IPv4 addresses, comma-separated'),
  /** UDP ports of WebRTC, both ends included; each connection takes one. */
  RTC_PORT_RANGE: z
    .string()
    .transform((text) => /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(text)?.slice(1).map(Number))
    .transform((ports) => ports as [number, number] | undefined)
    .refine((ports) => ports && ports[0] >= 1024 && ports[0] < ports[1] && ports[1] <= 65_535, 'must be like 40000-40999')
    .optional(),
  /** WebRTC goes through the TURN server of the session only. */
  RTC_RELAY_ONLY: z
    .enum(['0', '1', 'false', 'true'])
    .default('0')
    .transform((text) => text === '1' || text === 'true'),
  CAPACITY: z.coerce.number().int().min(1).max(10_000).optional(),
  OPENAI_API_KEY: optional,
  OPENAI_BASE_URL: z.url().optional(),
  OPENAI_MODEL: z.string().default('gpt-5.4-mini'),
  STT_PROVIDER: z.enum(['openai', 'openai-live', 'sherpa']).optional(),
  STT_API_KEY: optional,
  STT_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  STT_MODEL: optional,
  SHERPA_MODEL_DIR: optional,
  VAD_MODEL: z.string().default('models/vad/vad.safetensors'),
  TTS_PROVIDER: z.enum(['flite', 'elevenlabs', 'openai']).optional(),
  ELEVENLABS_API_KEY: optional,
  ELEVENLABS_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  ELEVENLABS_MODEL: z.string().trim().min(1).default('eleven_flash_v2_5'),
  OPENAI_TTS_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  OPENAI_TTS_MODEL: z.string().trim().min(1).default('gpt-4o-mini-tts'),
  OPENAI_TTS_VOICE: z.string().trim().min(1).max(128).default('marin'),
  PERSONA: z
    .string()
    .max(8_000)
    .default('You are Anna, a friendly person on a video call. Answer in one to three short spoken sentences, without lists or markup.'),
})
export type Env = Readonly<z.infer<typeof Env>>

/** @throws Error that names every bad variable, and no value */
export function readEnv(source: NodeJS.ProcessEnv): Env {
  const set = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''))
  const parsed = Env.safeParse(set)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The origin's configuration is not right. ${problems.join('; ')}`)
  }
  return Object.freeze(parsed.data)
}
