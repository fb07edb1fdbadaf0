/** Calls of the HTTP API, for tests and benches that drive the whole system. */
import { type RunningSystem, startSystem } from '../servers/running-system.ts'
import { SocketClient } from './socket-client.ts'

export interface Answer<T> {
  status: number
  headers: Headers
  body: T
}

export interface ErrorAnswer {
  error: { code: string; message: string; details: Record<string, unknown> }
}

export interface Task {
  task_id: string
  status: string
  duration_estimate: number
}

export class ApiClient {
  readonly #system: Pick<RunningSystem, 'apiUrl' | 'wsUrl'>
  readonly #headers: Record<string, string>

  constructor(system: Pick<RunningSystem, 'apiUrl' | 'wsUrl'>, bearer?: string) {
    this.#system = system
    this.#headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  }

  /** A GET without a body, else a POST. */
  async call<T = Record<string, unknown>>(path: string, body?: unknown): Promise<Answer<T>> {
    const post = { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }
    const headers = { 'content-type': 'application/json', ...this.#headers }
    const response = await fetch(`${this.#system.apiUrl}${path}`, { headers, ...(body === undefined ? {} : post) })
    return { status: response.status, headers: response.headers, body: (await response.json()) as T }
  }

  /** @throws Error when the call does not succeed */
  async expectOk<T>(path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(path, body)
    if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** A new session of low quality, which costs least. */
  async newSession(): Promise<{ sessionId: string; token: string }> {
    const { session_id, access_token } = await this.expectOk<{ session_id: string; access_token: string }>('/v1/streaming.new', {
      quality: 'low',
    })
    return { sessionId: session_id, token: access_token }
  }

  async open(sessionId: string, query = ''): Promise<SocketClient> {
    return await SocketClient.open(`${this.#system.wsUrl}/${sessionId}${query}`)
  }

  async join(query = ''): Promise<{ sessionId: string; token: string; socket: SocketClient }> {
    const session = await this.newSession()
    return { ...session, socket: await this.open(session.sessionId, query) }
  }

  async speak(sessionId: string, text: string): Promise<Task> {
    return await this.expectOk<Task>('/v1/avatar.speak', { session_id: sessionId, text })
  }

  async stop(sessionId: string): Promise<void> {
    await this.call('/v1/streaming.stop', { session_id: sessionId })
  }

  async sessionIds(): Promise<string[]> {
    const { sessions } = await this.expectOk<{ sessions: { session_id: string }[] }>('/v1/streaming.sessions')
    return sessions.map(({ session_id }) => session_id)
  }
}

/** Limits of calls that no test meets by accident. */
export const WIDE_LIMITS = { RATE_LIMIT_SESSIONS: '10000', RATE_LIMIT_SPEAK: '10000', RATE_LIMIT_CHAT: '10000', CAPACITY: '100' }

export async function startApi(env: Record<string, string> = {}): Promise<{ system: RunningSystem; api: ApiClient }> {
  const system = await startSystem({ ...WIDE_LIMITS, ...env })
  return { system, api: new ApiClient(system) }
}
