/** The one table of failures. Plain TypeScript: the SDK takes it without zod. */

/**
 * Every failure that a caller can see. One row: HTTP status, WebSocket close code (4000-4999, RFC 6455 section 7.4.2)
 * and whether the same call may succeed later.
 */
export const ERRORS = {
  INVALID_JSON: { status: 400, close: 4400, retryable: false },
  INVALID_REQUEST: { status: 400, close: 4400, retryable: false },
  UNKNOWN_EVENT: { status: 400, close: 4400, retryable: false },
  AUDIO_PROCESSING_ERROR: { status: 400, close: 4400, retryable: false },
  AUDIO_BUFFER_FULL: { status: 400, close: 4400, retryable: false },
  AUDIO_BUFFER_EMPTY: { status: 400, close: 4400, retryable: false },
  UNAUTHORIZED: { status: 401, close: 4401, retryable: false },
  HOST_NOT_ALLOWED: { status: 403, close: 4403, retryable: false },
  ORIGIN_NOT_ALLOWED: { status: 403, close: 4403, retryable: false },
  NOT_FOUND: { status: 404, close: 4404, retryable: false },
  SESSION_NOT_FOUND: { status: 404, close: 4404, retryable: false },
  AVATAR_NOT_FOUND: { status: 404, close: 4404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, close: 4405, retryable: false },
  SLOW_CLIENT: { status: 408, close: 4408, retryable: true },
  PAYLOAD_TOO_LARGE: { status: 413, close: 4413, retryable: false },
  UPGRADE_REQUIRED: { status: 426, close: 4426, retryable: false },
  RATE_LIMITED: { status: 429, close: 4429, retryable: true },
  CONCURRENCY_LIMIT: { status: 429, close: 4429, retryable: true },
  INTERNAL_ERROR: { status: 500, close: 4500, retryable: true },
  WEBRTC_NOT_READY: { status: 501, close: 4501, retryable: false },
  STT_UNAVAILABLE: { status: 503, close: 4503, retryable: false },
  PROVIDER_FAILED: { status: 503, close: 4503, retryable: true },
  ORIGIN_UNAVAILABLE: { status: 503, close: 4503, retryable: true },
  CAPACITY_EXCEEDED: { status: 503, close: 4503, retryable: true },
} as const

export type ErrorCode = keyof typeof ERRORS
export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

/** A failure that the caller may read: its code, what to do about it, and the facts. */
export class AvatarError extends Error {
  override readonly name = 'AvatarError'
  readonly code: ErrorCode
  readonly details: Record<string, unknown>

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  /** The body of the API reference: `{error: {code, message, details}}`. */
  toBody(): { error: { code: ErrorCode; message: string; details: Record<string, unknown> } } {
    return { error: { code: this.code, message: this.message, details: this.details } }
  }
}

/** Turns anything thrown into an AvatarError; a bug becomes `INTERNAL_ERROR` and keeps its detail in `cause` only. */
export function toAvatarError(thrown: unknown): AvatarError {
  if (thrown instanceof AvatarError) return thrown
  return new AvatarError(
    'INTERNAL_ERROR',
    'Something went wrong on our side; try again, and report the request id if it stays.',
    {},
    { cause: thrown },
  )
}
