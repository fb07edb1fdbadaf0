/** Results of calls between Durable Objects: a thrown error would lose its class and its details on the way. */
import { AvatarError, ERROR_CODES, type ErrorCode, toAvatarError } from '../../shared/errors.ts'

export interface Failure {
  code: ErrorCode
  message: string
  details: Record<string, unknown>
}

export type Result<T> = { ok: true; value: T } | { ok: false; error: Failure }

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value }
}

export function fail(code: ErrorCode, message: string, details: Record<string, unknown> = {}): { ok: false; error: Failure } {
  return { ok: false, error: { code, message, details } }
}

function failWith(thrown: unknown): { ok: false; error: Failure } {
  const { code, message, details } = toAvatarError(thrown)
  return fail(code, message, details)
}

/** @throws AvatarError when the outcome is a failure */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new AvatarError(result.error.code, result.error.message, result.error.details)
}

/** A failure that an origin reports; a code that this edge does not know becomes `INTERNAL_ERROR`. */
export function fromOrigin(failure: { code: string; message: string; details: Record<string, unknown> }): { ok: false; error: Failure } {
  const code = ERROR_CODES.find((known) => known === failure.code)
  if (code === undefined || code === 'INTERNAL_ERROR') return failWith(new Error('the origin failed'))
  return fail(code, failure.message, failure.details)
}

/** retry_after_s while an origin reconnects. */
const ORIGIN_RETRY_S = 2
/** The error message meanwhile. */
export const NO_ORIGIN = 'The session has lost its origin and waits for it; try again.'
/** retry_after_s when every origin is full. */
export const CAPACITY_RETRY_S = 10

export function noSession(sessionId: string): { ok: false; error: Failure } {
  return fail('SESSION_NOT_FOUND', 'The specified session does not exist', { session_id: sessionId })
}

export function noOrigin(message: string): { ok: false; error: Failure } {
  return fail('ORIGIN_UNAVAILABLE', message, { retry_after_s: ORIGIN_RETRY_S })
}
