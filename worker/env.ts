/** The Worker's variables and secrets, parsed once. Nothing else reads them. */
import * as z from 'zod'
import { IceServer } from '../shared/api.ts'

/** Bindings of wrangler.toml; every other name is a variable or a secret. */
export interface Env {
  SESSION: DurableObjectNamespace
  TENANT: DurableObjectNamespace
  POOL: DurableObjectNamespace
  ASSETS?: Fetcher
}

/** One key: who it belongs to and the SHA-256 of the key. */
export interface ApiKey {
  tenant: string
  digest: Uint8Array
}

const seconds = (byDefault: number) => z.coerce.number().positive().max(86_400).default(byDefault)
const count = (byDefault: number) => z.coerce.number().int().min(1).max(1_000_000).default(byDefault)

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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // not JSON: the schema that reads the result says so
    return undefined
  }
}

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

const Variables = z
  .object({
    /** `keys`: an API key or a session token on every call. `open`: none needed; only with DEPLOYMENT=local. */
    AUTH_MODE: z.enum(['keys', 'open']).default('keys'),
    /** `local` says that this Worker runs on the developer's own machine. */
    DEPLOYMENT: z.enum(['cloudflare', 'local']).default('cloudflare'),
    /** Secret. Who may call, for AUTH_MODE=keys. */
    API_KEYS: ApiKeys.default([]),
    /** Secret. Who may call /v1/admin, as API_KEYS; without one nobody, or anybody in open mode. */
    ADMIN_KEYS: ApiKeys.default([]),
    /** Secret. Signs session tokens (HS256). */
    TOKEN_SECRET: z.string().min(32),
    /** Secret. What origins present when they dial in. */
    ORIGIN_KEY: z.string().min(16),
    /** `*`, or the web origins that may call from a browser, comma-separated. */
    ALLOWED_ORIGINS: z.string().default('*').transform(listOf),
    /** Base of `ws_url`, e.g. `wss://ws.example.com/ws`; without it the address of the request. */
    WS_URL: z
      .url({ protocol: /^wss?$/ })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional(),
    ICE_SERVERS: IceServers,
    /** Cloudflare's TURN service: the key, and (secret) its token. Credentials are minted for each session. */
    TURN_KEY_ID: z.string().min(1).optional(),
    TURN_KEY_TOKEN: z.string().min(1).optional(),
    /** A TURN server of one's own with a shared secret (coturn's use-auth-secret): its addresses, comma-separated, and (secret) the secret. */
    TURN_URLS: z
      .string()
      .default('')
      .transform(listOf)
      .refine((urls) => urls.every((url) => /^turns?:/.test(url)), 'must be a list of turn: or turns: addresses'),
    TURN_SECRET: z.string().min(8).optional(),
    /** Calls in 60 s, per tenant. */
    RATE_LIMIT_SESSIONS: count(10),
    RATE_LIMIT_SPEAK: count(30),
    RATE_LIMIT_CHAT: count(60),
    /** The same, per admin key. */
    RATE_LIMIT_ADMIN: count(120),
    /** Messages in 1 s, per client socket. */
    RATE_LIMIT_MESSAGES: count(100),
    /** Sessions at one time, per tenant. */
    MAX_SESSIONS: count(100),
    JOIN_TIMEOUT_S: seconds(30),
    IDLE_TIMEOUT_S: seconds(120),
    MAX_DURATION_S: seconds(3_600),
    RESUME_WINDOW_S: seconds(30),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
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

export type Config = Readonly<z.infer<typeof Variables>>

/** Every variable and secret, for what hands them to the Worker. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(Variables.shape)

/** Variables that do not fit. The message names each one and what it must be; it never holds a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly variables: string[]

  constructor(issues: { variable: string; message: string }[]) {
    super(issues.map(({ variable, message }) => `${variable}: ${message}`).join('; '))
    this.variables = issues.map(({ variable }) => variable)
  }
}

/** @throws ConfigError */
export function parseConfig(env: object): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Variables.safeParse(set)
  if (parsed.success) return Object.freeze(parsed.data)
  throw new ConfigError(parsed.error.issues.map((issue) => ({ variable: issue.path.join('.'), message: issue.message })))
}

const parsed = new WeakMap<object, Config>()

/**
 * The configuration of this env object, parsed at the first call.
 *
 * @throws ConfigError
 */
export function configOf(env: Env): Config {
  const known = parsed.get(env)
  if (known !== undefined) return known
  const config = parseConfig(env)
  parsed.set(env, config)
  return config
}
