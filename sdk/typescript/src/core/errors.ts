/** What a call or a session can fail with: one class per kind of trouble, every one an `AvatarError`. */
import { ERRORS, type ErrorCode } from '../../../../shared/errors.ts'

/** Troubles that only this side knows of. */
export type LocalErrorCode =
  | 'CONNECTION_FAILED'
  | 'TIMEOUT'
  | 'SESSION_ENDED'
  | 'NOT_CONNECTED'
  | 'INVALID_RESPONSE'
  | 'MICROPHONE_DENIED'
  | 'MICROPHONE_MISSING'
  | 'MICROPHONE_BUSY'
  | 'MICROPHONE_UNAVAILABLE'

export interface AvatarErrorInit {
  code: ErrorCode | LocalErrorCode
  message: string
  /** HTTP status; undefined where no response was involved. */
  status?: number | undefined
  /** The server's name for the request: what to quote in a report. */
  requestId?: string | undefined
  details?: Record<string, unknown> | undefined
  cause?: unknown
}

/** Base of everything the SDK throws, besides the reason of an AbortSignal that you aborted yourself. */
export class AvatarError extends Error {
  override readonly name: string = 'AvatarError'
  readonly code: ErrorCode | LocalErrorCode
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly details: Record<string, unknown>

  constructor({ code, message, status, requestId, details = {}, cause }: AvatarErrorInit) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = status
    this.requestId = requestId
    this.details = details
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    if (isErrorCode(this.code)) return ERRORS[this.code].retryable
    return this.code === 'CONNECTION_FAILED' || this.code === 'TIMEOUT'
  }

  /** Seconds that the server asks to wait; undefined where it did not say. */
  get retryAfterS(): number | undefined {
    const { retry_after_s: seconds } = this.details
    return typeof seconds === 'number' ? seconds : undefined
  }
}

/** 400, 405, 413, 426: the call itself is wrong. */
export class InvalidRequestError extends AvatarError {
  override readonly name = 'InvalidRequestError'
}
/** The sound that was sent cannot be used. */
export class AudioError extends AvatarError {
  override readonly name = 'AudioError'
}
/** 401, 403: no key or token, one that does not fit, or a place that nobody may call from. */
export class AuthenticationError extends AvatarError {
  override readonly name = 'AuthenticationError'
}
/** 404: no such session, avatar or address. */
export class NotFoundError extends AvatarError {
  override readonly name = 'NotFoundError'
}
/** 429: too many calls or sessions; see `retryAfterS`. */
export class RateLimitError extends AvatarError {
  override readonly name = 'RateLimitError'
}
/** 501, 503: what would do it is not there now. */
export class UnavailableError extends AvatarError {
  override readonly name = 'UnavailableError'
}
/** 500, or an answer that cannot be read. */
export class ServerError extends AvatarError {
  override readonly name = 'ServerError'
}
/** The server could not be reached, or the connection is gone. */
export class ConnectionError extends AvatarError {
  override readonly name = 'ConnectionError'
}
/** No answer within `timeoutMs`. */
export class TimeoutError extends AvatarError {
  override readonly name = 'TimeoutError'
}
/** The session is over; create a new one. `details.reason` says why. */
export class SessionEndedError extends AvatarError {
  override readonly name = 'SessionEndedError'
}
/** The user's microphone cannot be had; `code` says why, the message what to do. */
export class MicrophoneError extends AvatarError {
  override readonly name = 'MicrophoneError'
}

const CLASSES: Record<ErrorCode | LocalErrorCode, typeof AvatarError> = {
  INVALID_JSON: InvalidRequestError,
  INVALID_REQUEST: InvalidRequestError,
  UNKNOWN_EVENT: InvalidRequestError,
  METHOD_NOT_ALLOWED: InvalidRequestError,
  PAYLOAD_TOO_LARGE: InvalidRequestError,
  UPGRADE_REQUIRED: InvalidRequestError,
  AUDIO_PROCESSING_ERROR: AudioError,
  AUDIO_BUFFER_FULL: AudioError,
  AUDIO_BUFFER_EMPTY: AudioError,
  UNAUTHORIZED: AuthenticationError,
  HOST_NOT_ALLOWED: AuthenticationError,
  ORIGIN_NOT_ALLOWED: AuthenticationError,
  NOT_FOUND: NotFoundError,
  SESSION_NOT_FOUND: NotFoundError,
  AVATAR_NOT_FOUND: NotFoundError,
  RATE_LIMITED: RateLimitError,
  CONCURRENCY_LIMIT: RateLimitError,
  INTERNAL_ERROR: ServerError,
  INVALID_RESPONSE: ServerError,
  WEBRTC_NOT_READY: UnavailableError,
  STT_UNAVAILABLE: UnavailableError,
  PROVIDER_FAILED: UnavailableError,
  ORIGIN_UNAVAILABLE: UnavailableError,
  CAPACITY_EXCEEDED: UnavailableError,
  SLOW_CLIENT: ConnectionError,
  CONNECTION_FAILED: ConnectionError,
  NOT_CONNECTED: ConnectionError,
  TIMEOUT: TimeoutError,
  SESSION_ENDED: SessionEndedError,
  MICROPHONE_DENIED: MicrophoneError,
  MICROPHONE_MISSING: MicrophoneError,
  MICROPHONE_BUSY: MicrophoneError,
  MICROPHONE_UNAVAILABLE: MicrophoneError,
}

/** The error of the class that fits its code. */
export function avatarError(init: AvatarErrorInit): AvatarError {
  return new CLASSES[init.code](init)
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}

/**
 * The error of a response that is not 2xx: its documented body, or what its status says where a proxy answered instead.
 *
 * @param body the parsed JSON, or undefined
 */
export function errorOfResponse(status: number, body: unknown, headers: { get(name: string): string | null }): AvatarError {
  const requestId = headers.get('x-request-id') ?? undefined
  const error = recordOf(recordOf(body)?.error)
  const code = isErrorCode(error?.code) ? error.code : codeOfStatus(status)
  const message = typeof error?.message === 'string' ? error.message : `The server answered ${status}.`
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN)
  const details = { ...(Number.isFinite(retryAfter) ? { retry_after_s: retryAfter } : {}), ...recordOf(error?.details) }
  return avatarError({ code, message, status, requestId, details })
}

/** Of the codes with one status the first in the table stands for all, but for these. */
const MEANT: Partial<Record<ErrorCode, ErrorCode>> = {
  INVALID_JSON: 'INVALID_REQUEST',
  HOST_NOT_ALLOWED: 'UNAUTHORIZED',
  STT_UNAVAILABLE: 'ORIGIN_UNAVAILABLE',
}

function codeOfStatus(status: number): ErrorCode {
  const [code] = Object.entries(ERRORS).find(([, row]) => row.status === status) ?? []
  if (isErrorCode(code)) return MEANT[code] ?? code
  if (status >= 500) return status === 502 || status === 504 ? 'ORIGIN_UNAVAILABLE' : 'INTERNAL_ERROR'
  return 'INVALID_REQUEST'
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}
