/** Calls of the HTTP API: time limit, retries, errors. */
import { type AvatarError, avatarError, errorOfResponse } from './errors.ts'
import type { Logger } from './options.ts'
import { backoffMs, delay } from './wait.ts'

const RETRY_BASE_MS = 250
const RETRY_MAX_MS = 4_000
/** A longer wait than this is the caller's decision, s. */
const MAX_RETRY_AFTER_S = 5

export interface HttpOptions {
  /** Without a slash at the end. */
  baseUrl: string
  /** API key or session token. */
  bearer?: string | undefined
  timeoutMs: number
  maxRetries: number
  fetch: typeof fetch
  logger: Logger
}

/** ms until a streamed answer begins: a model may have to be loaded first. */
const STREAM_START_MS = 130_000

export interface CallOptions {
  body?: unknown
  signal?: AbortSignal | undefined
  /** Whether a call whose outcome is unknown may be made again. */
  repeatable?: boolean
  /** @default the client's */
  maxRetries?: number | undefined
  /** Longest wait, ms. @default the client's */
  timeoutMs?: number
}

export class Http {
  readonly #options: HttpOptions

  constructor(options: HttpOptions) {
    this.#options = options
  }

  /** The same server with another key. */
  withBearer(bearer: string): Http {
    return new Http({ ...this.#options, bearer })
  }

  /** @throws AvatarError, or the signal's reason */
  async json<T>(path: string, options: CallOptions = {}): Promise<T> {
    return await this.#withRetries(options, async (signal) => {
      const response = await this.#send(path, options.body, signal)
      const body: unknown = await response.json()
      return body as T
    })
  }

  /** The body of a streamed answer; the time limit is for its beginning. */
  async stream(path: string, options: CallOptions): Promise<ReadableStream<Uint8Array>> {
    const timeoutMs = Math.max(STREAM_START_MS, this.#options.timeoutMs)
    return await this.#withRetries({ ...options, timeoutMs }, async (_limited, begin) => {
      const response = await begin(this.#send(path, options.body, options.signal))
      if (response.body) return response.body
      throw avatarError({ code: 'INVALID_RESPONSE', message: 'The server sent no stream.', status: response.status })
    })
  }

  async #withRetries<T>(
    { signal, repeatable = false, maxRetries = this.#options.maxRetries, timeoutMs = this.#options.timeoutMs }: CallOptions,
    attempt: (signal: AbortSignal, begin: <R>(promise: Promise<R>) => Promise<R>) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted()
      const timeout = AbortSignal.timeout(timeoutMs)
      const begin = <R>(promise: Promise<R>): Promise<R> =>
        Promise.race([
          promise,
          new Promise<never>((_, reject) => timeout.addEventListener('abort', () => reject(timeout.reason), { once: true })),
        ])
      try {
        return await attempt(signal ? AbortSignal.any([signal, timeout]) : timeout, begin)
      } catch (thrown) {
        if (signal?.aborted) throw signal.reason
        const error = this.#translate(thrown, timeout, timeoutMs)
        const waitMs = this.#pauseBeforeRetry(error, tries, repeatable)
        if (tries > maxRetries || waitMs === undefined) throw error
        this.#options.logger.debug('calling again', { code: error.code, attempt: tries, wait_ms: Math.round(waitMs) })
        await delay(waitMs, signal)
      }
    }
  }

  /** ms; undefined where a further attempt makes no sense. */
  #pauseBeforeRetry(error: AvatarError, tries: number, repeatable: boolean): number | undefined {
    // an answer that refuses says that nothing was done; no answer says nothing
    const refused = error.status === 429 || error.status === 503
    if (!error.retryable || !(refused || repeatable)) return undefined
    const { retryAfterS } = error
    if (retryAfterS === undefined) return backoffMs(tries, RETRY_BASE_MS, RETRY_MAX_MS)
    return retryAfterS > MAX_RETRY_AFTER_S ? undefined : retryAfterS * 1000 + Math.random() * RETRY_BASE_MS
  }

  #translate(thrown: unknown, timeout: AbortSignal, timeoutMs: number): AvatarError {
    if (isAvatarError(thrown)) return thrown
    if (timeout.aborted) {
      const message = `No answer within ${timeoutMs} ms.`
      return avatarError({ code: 'TIMEOUT', message, cause: thrown })
    }
    if (thrown instanceof SyntaxError) {
      return avatarError({ code: 'INVALID_RESPONSE', message: 'The answer is not JSON; is apiUrl right?', cause: thrown })
    }
    const message = `The server at ${this.#options.baseUrl} cannot be reached.`
    return avatarError({ code: 'CONNECTION_FAILED', message, cause: thrown })
  }

  async #send(path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
    const { baseUrl, bearer, fetch } = this.#options
    const headers: Record<string, string> = { accept: 'application/json, text/event-stream' }
    if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const init: RequestInit = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
    // called as a plain function: browsers refuse a fetch with another `this`
    const response = await fetch(`${baseUrl}${path}`, signal ? { ...init, signal } : init)
    if (response.ok) return response
    throw errorOfResponse(response.status, await bodyOf(response), response.headers)
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch {
    // a proxy's page instead of the documented body: the status alone speaks
    return undefined
  }
}

function isAvatarError(thrown: unknown): thrown is AvatarError {
  return thrown instanceof Error && 'retryable' in thrown && 'requestId' in thrown
}
