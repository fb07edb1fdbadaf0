/** The operators' API, with the key of this tab. */
import type { AdminDrainResponse, AdminHistory, AdminOverview, AdminStopResponse } from '../../shared/admin.ts'

const KEY = 'avatar.admin.key'
const TIMEOUT_MS = 10_000

/** What the edge answered instead, or why it did not. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  /** HTTP status; 0 where nothing came back. */
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export class AdminApi {
  #key = sessionStorage.getItem(KEY) ?? ''

  /** Of this tab only; empty: none. */
  get key(): string {
    return this.#key
  }

  set key(key: string) {
    this.#key = key
    if (key === '') sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, key)
  }

  /** @throws AdminError */
  overview(): Promise<AdminOverview> {
    return this.#call('overview')
  }

  /** @throws AdminError */
  history(): Promise<AdminHistory> {
    return this.#call('history')
  }

  /** @throws AdminError */
  stop(session_id: string): Promise<AdminStopResponse> {
    return this.#call('sessions/stop', { session_id })
  }

  /** @param on false: it takes sessions again @throws AdminError */
  drain(origin_id: string, on: boolean): Promise<AdminDrainResponse> {
    return this.#call('origins/drain', { origin_id, on })
  }

  async #call<Answer>(path: string, body?: Record<string, unknown>): Promise<Answer> {
    const response = await this.#fetch(path, body)
    const answer: unknown = await response.json().catch(() => undefined)
    if (response.ok && answer !== undefined) return answer as Answer
    const { error } = (answer ?? {}) as { error?: { message?: string } }
    throw new AdminError(response.status, error?.message ?? `The edge answered ${response.status}.`)
  }

  async #fetch(path: string, body: Record<string, unknown> | undefined): Promise<Response> {
    const headers = {
      ...(this.#key === '' ? {} : { authorization: `Bearer ${this.#key}` }),
      ...(body ? { 'content-type': 'application/json' } : {}),
    }
    try {
      // relative: the page may stand below a path of its host
      return await fetch(`v1/admin/${path}`, {
        headers,
        ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        cache: 'no-store',
      })
    } catch (cause) {
      throw new AdminError(0, 'The edge does not answer.', { cause })
    }
  }
}
