/** The origin's configuration: read once, checked, frozen. Nothing else reads `process.env` but log.ts, which is there before it: LOG_*. */
import { isIPv4 } from 'node:net'
import { availableParallelism, hostname } from 'node:os'
import * as z from 'zod'

const optional = z.string().trim().min(1).optional()

/** Every variable, in the order of the documents: README and `.env.example` are made of it by `npm run gen`. */
export const Variables = z.object({
  OPENAI_API_KEY: optional.meta({
    description: 'the language model of OpenAI or any compatible server; without a key the scripted persona (`model: "demo"`) answers',
    secret: true,
  }),
  OPENAI_BASE_URL: z.url().optional().meta({ description: 'where that server is', shown: 'OpenAI', example: 'https://api.openai.com/v1' }),
  OPENAI_MODEL: z.string().default('gpt-5.4-mini').meta({ description: 'its model, where a chat names none' }),
  LLM_FIRST_TOKEN_TIMEOUT_S: z.coerce
    .number()
    .min(1)
    .max(120)
    .default(60)
    .meta({ description: 's that a model may take to its first token; a local server may have to load it first' }),
  PERSONA: z
    .string()
    .max(8_000)
    .default('You are Anna, a friendly person on a video call. Answer in one to three short spoken sentences, without lists or markup.')
    .meta({
      description: 'system message where the caller sends none',
      shown: 'a friendly person',
      example: 'You are Anna, a friendly person on a video call.',
    }),
  TTS_PROVIDER: z.enum(['flite', 'kokoro', 'elevenlabs', 'openai']).optional().meta({
    description:
      'the voice: `flite` (embedded, needs nothing), `kokoro` (embedded, natural, wants a core of its own), `elevenlabs` or `openai`',
    shown: '`elevenlabs` where its key is set, else `flite`',
  }),
  ELEVENLABS_API_KEY: optional.meta({ description: 'the ElevenLabs voice; lips follow its character times', secret: true }),
  ELEVENLABS_MODEL: z.string().trim().min(1).default('eleven_flash_v2_5').meta({ description: 'its model' }),
  ELEVENLABS_BASE_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'another address of its API', shown: 'ElevenLabs', example: 'https://api.elevenlabs.io' }),
  OPENAI_TTS_MODEL: z
    .string()
    .trim()
    .min(1)
    .default('gpt-4o-mini-tts')
    .meta({ description: 'the voice of any OpenAI-compatible speech endpoint' }),
  OPENAI_TTS_VOICE: z.string().trim().min(1).max(128).default('marin').meta({ description: 'its voice, where the caller names none' }),
  OPENAI_TTS_BASE_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'where that endpoint is', shown: '`OPENAI_BASE_URL`', example: 'https://api.openai.com/v1' }),
  STT_PROVIDER: z.enum(['openai', 'openai-live', 'sherpa']).optional().meta({
    description: 'the recogniser: `openai` (whole utterances), `openai-live` (while they speak), `sherpa` (on this machine)',
    shown: '`sherpa` where its model is set, else `openai`',
  }),
  STT_API_KEY: optional.meta({
    description: 'any server that speaks OpenAI’s transcription, by file or realtime',
    shown: '`OPENAI_API_KEY`',
    secret: true,
  }),
  STT_BASE_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'where that server is', shown: '`OPENAI_BASE_URL`', example: 'https://api.openai.com/v1' }),
  STT_MODEL: optional.meta({ description: 'its model', shown: '`gpt-transcribe` or `gpt-live-transcribe`' }),
  SHERPA_MODEL_DIR: optional.meta({
    description: 'folder of an unpacked sherpa-onnx model; needs `npm install --no-save sherpa-onnx-node`',
  }),
  EDGE_URL: z
    .url({ protocol: /^wss?$/ })
    .default('ws://127.0.0.1:8000')
    .meta({ description: 'where the edge is; `npm start` sets it', example: 'wss://api.yourdomain.com' }),
  ORIGIN_KEY: z
    .string()
    .min(16, 'must have at least 16 characters; the edge has the same one')
    .meta({ description: 'the edge’s; `npm start` makes one', secret: true }),
  ORIGIN_ID: z
    .string()
    .min(1)
    .max(128)
    .default(hostname())
    .meta({ description: 'stable name of this host', shown: 'host name', example: 'gpu-host-1' }),
  AVATARS_DIR: z.string().default('avatars').meta({ description: 'folder of avatar packs' }),
  LIPSYNC_MODEL: z.string().default('models/lipsync/lipsync.onnx').meta({ description: 'the network that moves lips to a sound' }),
  VAD_MODEL: z.string().default('models/vad/vad.safetensors').meta({ description: 'the network that detects speech' }),
  DEVICE: z.enum(['auto', 'cpu', 'cuda', 'tensorrt']).default('auto').meta({
    description: '`auto`, `cpu`, `cuda` or `tensorrt`; `auto` says when it falls back to the CPU',
  }),
  CAPACITY: z.coerce.number().int().min(1).max(10_000).optional().meta({
    description: 'speaking sessions that this host carries',
    shown: 'measured at start',
    example: '8',
  }),
  RENDER_THREADS: z.coerce.number().int().min(1).max(64).default(Math.min(8, availableParallelism())).meta({
    description: 'threads that draw faces; they give way to sound and sockets',
    shown: 'cores, at most 8',
    example: '4',
  }),
  ENCODE_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(Math.max(1, Math.floor(availableParallelism() / 2)))
    .meta({
      description: 'threads that encode video for WebRTC; 720 x 720 takes a tenth of a core for each session',
      shown: 'cores / 2',
      example: '2',
    }),
  RTC_PUBLIC_ADDRESS: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((address) => address.trim() || []))
    .refine((addresses) => addresses.every((address) => isIPv4(address)), 'must be IPv4 addresses, comma-separated')
    .meta({
      description: 'for WebRTC behind a NAT that keeps ports: IPv4 addresses at which clients reach this host, comma-separated',
      shown: 'this host’s own',
      example: '203.0.113.7',
    }),
  RTC_PORT_RANGE: z
    .string()
    .transform((text) => /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(text)?.slice(1).map(Number))
    .transform((ports) => ports as [number, number] | undefined)
    .refine((ports) => ports && ports[0] >= 1024 && ports[0] < ports[1] && ports[1] <= 65_535, 'must be like 40000-40999')
    .optional()
    .meta({ description: 'UDP ports of WebRTC, both ends included; each connection takes one', shown: 'any', example: '40000-40999' }),
  RTC_RELAY_ONLY: z
    .enum(['0', '1', 'false', 'true'])
    .default('0')
    .transform((text) => text === '1' || text === 'true')
    .meta({ description: '1: WebRTC goes through the TURN server of the session only', shown: '0' }),
  LOG_LEVEL: z.string().default('info').meta({
    description: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`; what it does not know reads as `info`',
  }),
  LOG_FORMAT: z
    .string()
    .optional()
    .meta({ description: '`json` for machines, `pretty` for people', shown: '`pretty` in a terminal, else `json`' }),
  LOG_PII: z.string().default('0').meta({ description: '1: what people said, prompts and names stand in the log; never in production' }),
})
export type Env = Readonly<z.infer<typeof Variables>>

/** @throws Error that names every bad variable, and no value */
export function readEnv(source: NodeJS.ProcessEnv): Env {
  const set = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''))
  const parsed = Variables.safeParse(set)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The origin's configuration is not right. ${problems.join('; ')}`)
  }
  return Object.freeze(parsed.data)
}
