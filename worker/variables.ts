/** The schema of the Worker's variables and secrets; env.ts parses them. */
import * as z from 'zod'
import { IceServer } from '../shared/api.ts'
import { parseJson } from '../shared/json.ts'
import { hostPattern } from './http/host-names.ts'

/** One key: who it belongs to and the SHA-256 of the key. */
export interface ApiKey {
  tenant: string
  digest: Uint8Array
}

const seconds = (byDefault: number) => z.coerce.number().positive().max(86_400).default(byDefault)
const count = (byDefault: number) => z.coerce.number().int().min(1).max(1_000_000).default(byDefault)

const port = z.coerce.number().int().min(1).max(65_535)

const API_KEY = /^([A-Za-z0-9_.-]{1,64}):([0-9a-f]{64})$/

/** Comma-separated or a JSON list of `tenant:sha256hex`. */
const ApiKeys = z.string().transform((text, context): ApiKey[] => {
  const keys: ApiKey[] = []
  for (const entry of listOf(text)) {
    const match = API_KEY.exec(entry)
    if (match?.[1] === undefined || match[2] === undefined) {
      context.addIssue({ code: 'custom', message: 'must be a list of tenant:sha256 pairs, the digest in lower-case hex' })
      return z.NEVER
    }
    keys.push({ tenant: match[1], digest: Uint8Array.from(match[2].match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)) })
  }
  return keys
})

function listOf(text: string): string[] {
  const parsed = text.trim().startsWith('[') ? parseJson(text) : text.split(',')
  if (!Array.isArray(parsed)) return ['']
  return parsed.map((entry) => String(entry).trim()).filter((entry) => entry !== '')
}

const Hosts = z
  .string()
  .default('')
  .transform((text, context) => {
    const patterns = listOf(text).map(hostPattern)
    if (patterns.every((pattern) => pattern !== undefined)) return patterns
    context.addIssue({
      code: 'custom',
      message: 'must be a list of host names or addresses without scheme and port, `.example.com`, or `*`',
    })
    return z.NEVER
  })

const IceServers = z
  .string()
  .default('[{"urls":"stun:stun.l.google.com:19302"}]')
  .transform((text, context) => {
    const parsed = z.array(IceServer).safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    context.addIssue({ code: 'custom', message: 'must be a JSON list of {urls, username?, credential?}' })
    return z.NEVER
  })

/** Variables that make sense only in pairs. */
const TOGETHER = [
  ['TURN_KEY_ID', 'TURN_KEY_TOKEN'],
  ['TURN_URLS', 'TURN_SECRET'],
] as const

/** Every variable, in the order of the documents: README and `.dev.vars.example` are made of it by `npm run gen`. */
export const Variables = z
  .object({
    AUTH_MODE: z.enum(['keys', 'open']).default('keys').meta({
      description:
        '`keys`: an API key or a session token on every call; `open`: none needed, and nobody but the developer’s own machine answered',
    }),
    DEPLOYMENT: z.enum(['cloudflare', 'local']).default('cloudflare').meta({
      description: '`local` on the developer’s own machine; `npm start` sets it, and `AUTH_MODE=open` where no keys are given',
    }),
    API_KEYS: ApiKeys.default([]).meta({
      description: 'who may call: list of `tenant:sha256hex`; `printf %s "$KEY" | sha256sum`',
      secret: true,
      example: 'acme:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    }),
    ADMIN_KEYS: ApiKeys.default([]).meta({
      description: 'the same form; opens `/admin` and `/v1/admin/*`. Without one nobody may, or everybody where `AUTH_MODE=open`',
      secret: true,
    }),
    TOKEN_SECRET: z.string().min(32).meta({
      description: '32 characters or more; signs session tokens (HS256): `openssl rand -hex 32`',
      secret: true,
    }),
    ORIGIN_KEY: z.string().min(16).meta({
      description: '16 characters or more; origins present it, so it is the same at the origin: `openssl rand -hex 32`',
      secret: true,
    }),
    ALLOWED_ORIGINS: z.string().default('*').transform(listOf).meta({
      description: 'web origins that may call from a browser, comma-separated; in open mode `*` means pages of this machine',
      shown: '`*`',
    }),
    ALLOWED_HOSTS: Hosts.meta({
      description:
        'for open mode: names and addresses by which the edge may be called besides `localhost`, `127.*` and `[::1]`; `.box.lan` for all below, `*` for any',
    }),
    PUBLIC_URL: z
      .url({ protocol: /^https?$/ })
      .refine((url) => !/[?#]/.test(url), 'must have no query and no fragment')
      .transform((url) => url.replace(/\/+$/, ''))
      .optional()
      .meta({
        description: 'where clients reach the API; `ws_url` and every other address follow',
        shown: 'the address as called',
        example: 'https://example.com/avatar',
      }),
    TRUSTED_PROXY: z.coerce.number().int().min(0).max(10).default(0).meta({
      description:
        'how many proxies in front set `X-Forwarded-Proto`, `-Host`, `-Port`, `-Prefix` or `Forwarded` (RFC 7239), 0: none is believed; [behind a proxy](docs/guides/deploy.md#behind-a-reverse-proxy)',
    }),
    WS_URL: z
      .url({ protocol: /^wss?$/ })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional()
      .meta({
        description: 'base of `ws_url`',
        shown: 'below `PUBLIC_URL` or the address as called',
        example: 'wss://ws.yourdomain.com/ws',
      }),
    PORT: port.default(8_000).meta({ description: 'port of the API on this machine, for `npm start`' }),
    SOCKET_PORT: port.optional().meta({ description: 'port beside it for sockets, for `npm start`', shown: '8001' }),
    ICE_SERVERS: IceServers.meta({
      description: 'JSON list of `{urls, username?, credential?}`, handed to clients and the origin',
      shown: 'a public STUN server',
      example: '[{"urls":"stun:stun.example.com:3478"}]',
    }),
    TURN_KEY_ID: z.string().min(1).optional().meta({
      description: 'Cloudflare’s TURN service: its key; credentials are minted for each session',
    }),
    TURN_KEY_TOKEN: z.string().min(1).optional().meta({ description: 'the token of that key', secret: true }),
    TURN_URLS: z
      .string()
      .default('')
      .transform(listOf)
      .refine((urls) => urls.every((url) => /^turns?:/.test(url)), 'must be a list of turn: or turns: addresses')
      .meta({
        description: 'or a TURN server with a shared secret (coturn’s `use-auth-secret`): its addresses, comma-separated',
        example: 'turn:turn.example.com:3478,turns:turn.example.com:5349',
      }),
    TURN_SECRET: z.string().min(8).optional().meta({ description: 'that secret', secret: true }),
    RATE_LIMIT_SESSIONS: count(10).meta({ description: 'sessions opened in 60 s, per tenant' }),
    RATE_LIMIT_SPEAK: count(30).meta({ description: 'calls of `avatar.speak` in 60 s, per tenant' }),
    RATE_LIMIT_CHAT: count(60).meta({ description: 'calls of `chat.completions` in 60 s, per tenant' }),
    RATE_LIMIT_ADMIN: count(120).meta({ description: 'calls of operators in 60 s, per admin key' }),
    RATE_LIMIT_MESSAGES: count(100).meta({ description: 'messages a second, per client socket' }),
    MAX_SESSIONS: count(100).meta({ description: 'sessions at one time, per tenant' }),
    JOIN_TIMEOUT_S: seconds(30).meta({ description: 'a session ends when nobody joins it for this long' }),
    IDLE_TIMEOUT_S: seconds(120).meta({ description: 'or when nothing is said and asked for this long' }),
    MAX_DURATION_S: seconds(3_600).meta({ description: 'longest session' }),
    RESUME_WINDOW_S: seconds(30).meta({ description: 'a client that lost its connection finds its session for this long' }),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({ description: 'what is logged' }),
  })
  .superRefine((variables, context) => {
    if (variables.AUTH_MODE === 'open' && variables.DEPLOYMENT !== 'local') {
      context.addIssue({ code: 'custom', path: ['AUTH_MODE'], message: 'open is for DEPLOYMENT=local only' })
    }
    for (const [one, other] of TOGETHER) {
      const set = (name: keyof typeof variables): boolean => [variables[name]].flat().some((value) => value !== undefined)
      if (set(one) !== set(other))
        context.addIssue({ code: 'custom', path: [set(one) ? other : one], message: `must be set together with ${set(one) ? one : other}` })
    }
    if (variables.AUTH_MODE === 'keys' && variables.API_KEYS.length === 0) {
      context.addIssue({ code: 'custom', path: ['API_KEYS'], message: 'must hold a key when AUTH_MODE is keys' })
    }
  })
