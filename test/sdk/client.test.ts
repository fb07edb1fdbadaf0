import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  AvatarClient,
  AvatarError,
  NotFoundError,
  RateLimitError,
  ServerError,
  TimeoutError,
  UnavailableError,
} from '../../sdk/typescript/src/index.ts'
import { FakeAvatarApi, failure, SESSION_ID, TOKEN } from '../support/fakes/fake-avatar-api.ts'

let api: FakeAvatarApi
let client: AvatarClient

beforeEach(async () => {
  api = await FakeAvatarApi.start()
  client = new AvatarClient({ apiUrl: `${api.apiUrl}/`, apiKey: 'key-1' })
})
afterEach(() => api.stop())

async function failureOf(promise: Promise<unknown>): Promise<AvatarError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof AvatarError) return error
  throw new Error(`expected an AvatarError, got ${String(error)}`)
}

describe('sessions', () => {
  it('are created with the API key and driven with their own token', async () => {
    const session = await client.createSession({ quality: 'high', voice_id: 'EXAVITQu4vr4xnSDxMaL' })
    await session.speak('Welcome to our demo!')
    expect(session).toMatchObject({ session_id: SESSION_ID, access_token: TOKEN, limits: { idle_timeout_s: 120 } })
    expect(api.calls).toEqual([
      { path: '/streaming.new', body: { quality: 'high', voice_id: 'EXAVITQu4vr4xnSDxMaL' }, authorization: 'Bearer key-1' },
      { path: '/avatar.speak', body: { session_id: SESSION_ID, text: 'Welcome to our demo!' }, authorization: `Bearer ${TOKEN}` },
    ])
  })

  it('are joined by their token alone, and then not ended by leaving', async () => {
    const session = new AvatarClient({ apiUrl: api.apiUrl, wsUrl: api.wsUrl }).attachSession(TOKEN)
    await session.connect()
    await session.disconnect()
    expect(session.session_id).toBe(SESSION_ID)
    expect(api.calls).toEqual([])
  })

  it('are opened with a person, tools and a way to take turns', async () => {
    const options = {
      system_prompt: 'Be brief.',
      language: 'en',
      turn_detection: { mode: 'vad', silence_ms: 600 },
      tools: [{ type: 'function', function: { name: 'weather' } }],
    } as const
    await client.createSession({ ...options, tools: [...options.tools] })
    expect(api.calls[0]?.body).toEqual(options)
  })

  it('are joined by the answer of streaming.new, with its ICE servers', async () => {
    const ice_servers = [{ urls: 'stun:stun.example.com' }]
    const session = client.attachSession({ access_token: TOKEN, ice_servers, ws_url: `${api.wsUrl}/${SESSION_ID}` })
    await session.connect()
    expect(session.ice_servers).toEqual(ice_servers)
    await session.disconnect()
  })

  it('that were created here end by leaving', async () => {
    const session = await client.createSession()
    await session.connect()
    await session.disconnect()
    expect(api.calls.at(-1)).toMatchObject({ path: '/streaming.stop', body: { session_id: SESSION_ID } })
  })

  it('below a path of the host are called there, and so is what stands beside /v1', async () => {
    const asked: string[] = []
    const answer = { session_id: SESSION_ID, access_token: TOKEN, ice_servers: [], limits: {} }
    class Recorded extends WebSocket {
      constructor(url: string, protocols?: string[]) {
        asked.push(url)
        super(`${api.wsUrl}/${SESSION_ID}`, protocols)
      }
    }
    const below = new AvatarClient({
      apiUrl: 'https://example.com/avatar/v1/',
      WebSocket: Recorded,
      fetch: (input) => {
        asked.push(new URL(String(input)).href)
        return Promise.resolve(Response.json(answer))
      },
    })
    await below.health()
    const session = await below.createSession()
    await session.connect()
    await session.disconnect()
    const base = 'example.com/avatar'
    expect(asked).toEqual([
      `https://${base}/health`,
      `https://${base}/v1/streaming.new`,
      expect.stringMatching(new RegExp(`^wss://${base}/ws/${SESSION_ID}`)),
      `https://${base}/v1/streaming.stop`,
    ])
  })

  it('are not joined with something that is no token', () => {
    expect(() => client.attachSession('nonsense')).toThrow(expect.objectContaining({ code: 'UNAUTHORIZED' }))
  })
})

describe('errors', () => {
  it('carry code, status, request id and whether to try again', async () => {
    api.scripted.set('/avatar.speak', [{ status: 404, body: failure('SESSION_NOT_FOUND', 'gone', { session_id: SESSION_ID }) }])
    const error = await failureOf((await client.createSession()).speak('x'))
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ code: 'SESSION_NOT_FOUND', status: 404, requestId: 'req_fake', retryable: false, message: 'gone' })
    expect(error.details).toEqual({ session_id: SESSION_ID })
  })

  it('tells a refusal of a proxy apart from one of the server', async () => {
    api.scripted.set('/streaming.new', [
      { status: 403, raw: '<html>' },
      { status: 403, body: failure('ORIGIN_NOT_ALLOWED', 'not from there') },
    ])
    expect(await failureOf(client.createSession())).toMatchObject({ name: 'AuthenticationError', code: 'UNAUTHORIZED', status: 403 })
    expect(await failureOf(client.createSession())).toMatchObject({ name: 'AuthenticationError', code: 'ORIGIN_NOT_ALLOWED' })
  })

  it('of an unreadable answer speak by their status', async () => {
    api.scripted.set('/streaming.new', [{ status: 502, raw: '<html>' }])
    const error = await failureOf(client.createSession({}, { maxRetries: 0 }))
    expect(error).toBeInstanceOf(UnavailableError)
    expect(error.retryable).toBe(true)
  })

  it('say when the answer is no JSON at all', async () => {
    api.scripted.set('/streaming.new', [{ status: 200, raw: '<html>' }])
    expect(await failureOf(client.createSession())).toBeInstanceOf(ServerError)
  })

  it('say when nobody answers in time', async () => {
    const slow = new AvatarClient({ apiUrl: api.apiUrl, timeoutMs: 30, maxRetries: 0, fetch: (_, init) => untilAborted(init?.signal) })
    const error = await failureOf(slow.createSession())
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.code).toBe('TIMEOUT')
  })

  it('say when nobody is there', async () => {
    await api.stop()
    const error = await failureOf(client.createSession({}, { maxRetries: 0 }))
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true, status: undefined })
  })
})

describe('retries', () => {
  it('repeat a call that was refused for now', async () => {
    const busy = { status: 503, body: failure('ORIGIN_UNAVAILABLE', 'none'), headers: { 'retry-after': '0' } }
    api.scripted.set('/streaming.new', [busy, busy])
    await client.createSession()
    expect(api.calls).toHaveLength(3)
  })

  it('end with the last refusal', async () => {
    const busy = { status: 503, body: failure('ORIGIN_UNAVAILABLE', 'none'), headers: { 'retry-after': '0' } }
    api.scripted.set('/streaming.new', [busy, busy, busy])
    expect(await failureOf(client.createSession())).toMatchObject({ code: 'ORIGIN_UNAVAILABLE', retryAfterS: 0 })
  })

  it('leave a long wait to the caller', async () => {
    api.scripted.set('/streaming.new', [{ status: 429, body: failure('RATE_LIMITED', 'slow'), headers: { 'retry-after': '42' } }])
    const error = await failureOf(client.createSession())
    expect(error).toBeInstanceOf(RateLimitError)
    expect(error.retryAfterS).toBe(42)
    expect(api.calls).toHaveLength(1)
  })

  it('never say a text twice when the outcome is unknown', async () => {
    let calls = 0
    const lossy = new AvatarClient({
      apiUrl: api.apiUrl,
      fetch: (input, init) => {
        if (!String(input).endsWith('/avatar.speak')) return fetch(input, init)
        calls++
        return Promise.reject(new TypeError('network lost'))
      },
    })
    const session = await lossy.createSession()
    expect(await failureOf(session.speak('once'))).toMatchObject({ code: 'CONNECTION_FAILED' })
    expect(calls).toBe(1)
  })
})

describe('a signal', () => {
  it('stops a call with its own reason', async () => {
    const control = new AbortController()
    const pending = new AvatarClient({ apiUrl: api.apiUrl, fetch: (_, init) => untilAborted(init?.signal) }).createSession(
      {},
      { signal: control.signal },
    )
    const reason = new Error('enough')
    control.abort(reason)
    await expect(pending).rejects.toBe(reason)
  })
})

function untilAborted(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
