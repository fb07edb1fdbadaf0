/**
 * The origin's one log. A line is a static message plus fields (`session_id`, `code`, `elapsed_ms`).
 * What people said, prompts and names go under a `pii` field only, which stays hidden unless LOG_PII=1.
 */
import process from 'node:process'
import { type Logger, type LoggerOptions, levels, pino } from 'pino'
import pretty from 'pino-pretty'

export type { Logger } from 'pino'

const SECRETS = [
  'authorization',
  'api_key',
  'apiKey',
  'access_token',
  'token',
  'secret',
  'password',
  'origin_key',
  'originKey',
  'xi-api-key',
  'cookie',
]

/** Level and redaction as the environment asks; an unknown LOG_LEVEL reads as `info`. @internal */
export function logOptions(env: Record<string, string | undefined>): LoggerOptions {
  const level = env.LOG_LEVEL?.toLowerCase() ?? 'info'
  const hidden = env.LOG_PII === '1' ? SECRETS : [...SECRETS, 'pii']
  return {
    level: level === 'silent' || level in levels.values ? level : 'info',
    base: null,
    redact: { paths: hidden.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]), censor: '[hidden]' },
  }
}

// In-process stream, not a transport: no further thread, and nothing is lost when the process ends.
const readable = process.env.LOG_FORMAT === 'pretty' || (process.stdout.isTTY && process.env.LOG_FORMAT !== 'json')
export const log: Logger = readable
  ? pino(logOptions(process.env), pretty({ sync: true, translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true }))
  : pino(logOptions(process.env))
