/** The whole system with keys: who may do what, and how often. */
import { createHash, createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient, type ErrorAnswer } from '../support/clients/api-client.ts'
import { exampleRequest, failureCodes, type OpenApiDocument, type Operation, operationsOf } from '../support/openapi.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'

const KEYS = { alice: 'key-of-alice-0123456789', bob: 'key-of-bob-0123456789', carol: 'key-of-carol-0123456789' }
const NOBODY = '550e8400-e29b-41d4-a716-446655440000'

let system: RunningSystem
let alice: ApiClient
let bob: ApiClient
let carol: ApiClient
let description: OpenApiDocument
/** Every operation but sockets, which `fetch` does not open. */
let overHttp: Operation[]
/** Those of them that a tenant calls for a session. */
let ofSessions: Operation[]

beforeAll(async () => {
  const digests = Object.entries(KEYS).map(([tenant, key]) => `${tenant}:${createHash('sha256').update(key).digest('hex')}`)
  // the documented limits are the defaults
  system = await startSystem({ AUTH_MODE: 'keys', API_KEYS: digests.join(','), CAPACITY: '100' })
  alice = new ApiClient(system, KEYS.alice)
  bob = new ApiClient(system, KEYS.bob)
  carol = new ApiClient(system, KEYS.carol)
  description = (await alice.call<OpenApiDocument>('/openapi.json')).body
  overHttp = operationsOf(description).filter(({ responses }) => !('101' in responses))
  ofSessions = overHttp.filter(
    (operation) => failureCodes(operation).includes('SESSION_NOT_FOUND') && operation.security.some((given) => 'token' in given),
  )
})
afterAll(async () => system?.stop())

/** What each operation of the description answers to these credentials: the status and code of each, by name. */
async function answersOf(operations: readonly Operation[], bearer: string | undefined, sessionId: string): Promise<Map<string, string>> {
  const answers = operations.map(async (operation): Promise<[string, string]> => {
    const { method, path, headers, body = null } = exampleRequest(description, operation, sessionId)
    const authorization: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
    const response = await fetch(`${system.apiUrl}${path}`, { method, headers: { ...headers, ...authorization }, body })
    const { error } = (await response.json()) as Partial<ErrorAnswer>
    return [operation.name, `${response.status} ${error?.code ?? ''}`.trim()]
  })
  return new Map(await Promise.all(answers))
}

/** The status and code of each call. */
async function codesOf(client: ApiClient, calls: [path: string, body?: unknown][]): Promise<string[]> {
  const answers = await Promise.all(calls.map(([path, body]) => client.call<Partial<ErrorAnswer>>(path, body)))
  return answers.map(({ status, body }) => `${status} ${body.error?.code ?? ''}`.trim())
}

function callsFor(sessionId: string): [path: string, body: unknown][] {
  return [
    ['/v1/avatar.speak', { session_id: sessionId, text: 'Hello.' }],
    ['/v1/chat.completions', { session_id: sessionId, messages: [{ role: 'user', content: 'Hello.' }] }],
  ]
}

describe('without a right key', () => {
  it.each([
    ['none', undefined],
    ['a wrong one', 'key-of-alice-0123456780'],
    ['a digest of one', createHash('sha256').update(KEYS.alice).digest('hex')],
    [
      'a token that nobody signed',
      `${jwtPart({ alg: 'none', typ: 'JWT' })}.${jwtPart({ aud: 'avatar-session', sub: NOBODY, tenant: 'alice' })}.x`,
    ],
    ['a token signed with another secret', forgedToken('alice', NOBODY)],
  ])('(%s) everything but health and the description is 401', async (_what, bearer) => {
    const stranger = new ApiClient(system, bearer)
    const answers = await answersOf(overHttp, bearer, NOBODY)
    expect([...answers].filter(([, code]) => code !== '401 UNAUTHORIZED')).toEqual([
      ['GET /health', '200'],
      ['GET /openapi.json', '200'],
    ])
    await expect(stranger.open(NOBODY, bearer === undefined ? '' : `?token=${bearer}`)).rejects.toThrow('no socket')
  })
})

describe('a session', () => {
  it('is opened and driven by its own token, which does nothing else', async () => {
    const { sessionId, token } = await alice.newSession()
    const other = await alice.newSession()
    await expect(alice.open(sessionId)).rejects.toThrow('no socket')
    await expect(alice.open(other.sessionId, `?token=${token}`)).rejects.toThrow('no socket')
    const socket = await alice.open(sessionId, `?token=${token}`)
    const holder = new ApiClient(system, token)
    const task = await holder.speak(sessionId, 'My own.')
    await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    expect(new Set((await answersOf(ofSessions, token, other.sessionId)).values())).toEqual(new Set(['404 SESSION_NOT_FOUND']))
    expect(await codesOf(holder, [['/v1/streaming.new', {}], ['/v1/streaming.sessions'], ['/metrics']])).toEqual(
      Array<string>(3).fill('401 UNAUTHORIZED'),
    )
    const tampered = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`
    expect(await codesOf(new ApiClient(system, tampered), callsFor(sessionId).slice(0, 1))).toEqual(['401 UNAUTHORIZED'])
    await holder.stop(sessionId)
    expect(await codesOf(holder, callsFor(sessionId).slice(0, 1))).toEqual(['404 SESSION_NOT_FOUND'])
    await alice.stop(other.sessionId)
  })

  it('of one tenant does not exist for another', async () => {
    const { sessionId } = await alice.newSession()
    expect(await alice.sessionIds()).toContain(sessionId)
    expect(await bob.sessionIds()).toEqual([])
    expect(new Set((await answersOf(ofSessions, KEYS.bob, sessionId)).values())).toEqual(new Set(['404 SESSION_NOT_FOUND']))
    expect(await alice.sessionIds()).toContain(sessionId)
    await alice.stop(sessionId)
  })
})

describe('the documented limits', () => {
  it('are 10 sessions, 30 speaks and 60 chats a minute for each key, to the call', async () => {
    const started = Array.from({ length: 11 }, () => ['/v1/streaming.new', { quality: 'low' }] as [string, unknown])
    const opened = await codesOf(carol, started)
    expect(opened.filter((code) => code === '200')).toHaveLength(10)
    expect(opened.filter((code) => code === '429 RATE_LIMITED')).toHaveLength(1)

    const [speak, chat] = callsFor(NOBODY)
    for (const [call, limit] of [
      [speak, 30],
      [chat, 60],
    ] as const) {
      if (!call) throw new Error('no such call')
      const codes = await codesOf(carol, Array<[string, unknown]>(limit).fill(call))
      expect(new Set(codes)).toEqual(new Set(['404 SESSION_NOT_FOUND']))
      const { status, headers, body } = await carol.call<ErrorAnswer>(...call)
      expect(status).toBe(429)
      expect(body.error).toMatchObject({ code: 'RATE_LIMITED', details: { limit, window_s: 60 } })
      expect(headers.get('ratelimit-limit')).toBe(String(limit))
      expect(headers.get('ratelimit-remaining')).toBe('0')
      expect(Number(headers.get('ratelimit-reset'))).toBeGreaterThan(0)
      expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60)
    }
    // one key's calls are not another's
    expect((await bob.call('/v1/avatar.speak', speak?.[1])).status).toBe(404)
    for (const sessionId of await carol.sessionIds()) await carol.stop(sessionId)
  })
})

it('keeps keys and tokens out of the log', () => {
  for (const key of Object.values(KEYS)) expect(system.log()).not.toContain(key)
  expect(system.log()).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)
})

function jwtPart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function forgedToken(tenant: string, sessionId: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { tenant, aud: 'avatar-session', sub: sessionId, iat: now, exp: now + 600 }
  const signed = `${jwtPart({ alg: 'HS256', typ: 'JWT' })}.${jwtPart(claims)}`
  return `${signed}.${createHmac('sha256', 'a-secret-that-somebody-guessed-0123456789').update(signed).digest('base64url')}`
}
