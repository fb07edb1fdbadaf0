import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp } from '../../worker/app.ts'
import { answerSchema, exampleRequest, failureCodes, type OpenApiDocument, type Operation, operationsOf } from '../support/openapi.ts'
import { type CallOptions, errorOf, fetchEdge, openApi } from './support/edge.ts'
import { FakeOrigin, LOAD, sessionReport } from './support/fake-origin.ts'
import { sha256 } from './support/keys.ts'
import { newSession } from './support/sessions.ts'

const NOBODY = '550e8400-e29b-41d4-a716-446655440000'
/** Anybody may call these. */
const OPEN = ['GET /openapi.json', 'GET /health']
/** Routes that the document leaves out. */
const INTERNAL = ['GET /', 'GET /docs', 'GET /link/control', 'GET /link/session/:session_id']

let document: OpenApiDocument
let operations: Operation[]
let vars: Record<string, string>

beforeEach(async () => {
  document = await openApi()
  operations = operationsOf(document)
  vars = {
    AUTH_MODE: 'keys',
    API_KEYS: `acme:${await sha256('key-a')},globex:${await sha256('key-g')}`,
    ADMIN_KEYS: `ops:${await sha256('key-o')}`,
  }
})
afterEach(async () => {
  await reset()
})

interface Given {
  sessionId?: string
  /** Instead of the example. */
  body?: string
  headers?: Record<string, string>
  vars?: Record<string, string>
}

/** The operation's example request with these credentials: its status and the code of the failure. */
async function call(
  operation: Operation,
  bearer: string | undefined,
  given: Given = {},
): Promise<{ status: number; code: string | undefined; headers: Headers }> {
  const example = exampleRequest(document, operation, given.sessionId ?? NOBODY)
  const options: CallOptions = {
    method: example.method,
    headers: { ...example.headers, ...given.headers, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) },
    vars: { ...vars, ...given.vars },
    ...(example.body === undefined ? {} : { body: given.body ?? example.body }),
  }
  const response = await fetchEdge(example.path, options)
  response.webSocket?.accept()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  const body = isJson ? ((await response.json()) as Record<string, unknown>) : {}
  return { status: response.status, code: 'error' in body ? errorOf(body).code : undefined, headers: response.headers }
}

const takes = ({ security }: Operation, scheme: string): boolean => security.some((alternative) => scheme in alternative)
/** A key that the operation takes. */
const keyOf = (operation: Operation): string => (takes(operation, 'admin') ? 'key-o' : 'key-a')

describe('the document', () => {
  it('holds every route of the router but the internal ones', () => {
    const { routes } = createApp()
    const routed = new Set(routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`))
    const documented = operations.map(
      ({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1').replace(':model', ':model{.+}')}`,
    )
    expect(routed).toEqual(new Set([...documented, ...INTERNAL]))
  })

  it('describes every parameter of every path', () => {
    for (const { name, path, parameters = [] } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
      expect(
        parameters.filter((parameter) => parameter.in === 'path' && parameter.required).map((parameter) => parameter.name),
        name,
      ).toEqual(named)
    }
  })

  it('asks for no key in open mode, but for the admin key where there is one', async () => {
    const security = async (more: Record<string, string>): Promise<Map<string, unknown[]>> => {
      const response = await fetchEdge('/openapi.json', { vars: more })
      return new Map(operationsOf((await response.json()) as OpenApiDocument).map((operation) => [operation.name, operation.security]))
    }
    const open = await security({})
    expect(new Set([...open.values()].map((list) => list.length))).toEqual(new Set([0]))
    const withAdmin = await security({ ADMIN_KEYS: vars.ADMIN_KEYS ?? '' })
    const asking = [...withAdmin].filter(([, list]) => list.length > 0).map(([name]) => name)
    expect(asking).toEqual(operations.filter((operation) => takes(operation, 'admin')).map(({ name }) => name))
  })
})

describe('every operation', () => {
  it('that takes a key answers 401 without a right one, before it looks at the body', async () => {
    expect(
      operations
        .filter(({ security }) => security.length === 0)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...OPEN].sort())
    await FakeOrigin.start()
    const { token } = await newSession({}, { vars, headers: { authorization: 'Bearer key-a' } })
    for (const operation of operations) {
      if (operation.security.length === 0) continue
      const wrong = [
        undefined,
        'wrong',
        'a.b.c',
        takes(operation, 'admin') ? 'key-a' : 'key-o',
        ...(takes(operation, 'token') ? [] : [token]),
      ]
      for (const bearer of wrong) {
        for (const body of [undefined, '{', 'x'.repeat(2_000_000)]) {
          const { status, code } = await call(operation, bearer, body === undefined ? {} : { body })
          expect([status, code], `${operation.name} with ${bearer} and ${body?.length} characters`).toEqual([401, 'UNAUTHORIZED'])
        }
      }
      expect(operation.responses['401'], operation.name).toBeDefined()
    }
  })

  it('that anybody may call answers without a key', async () => {
    for (const operation of operations.filter(({ name }) => OPEN.includes(name))) {
      expect((await call(operation, undefined)).status, operation.name).toBe(200)
    }
  })

  it("that names a session answers 404 for one that is unknown, another tenant's or another token's", async () => {
    await FakeOrigin.start()
    const one = await newSession({}, { vars, headers: { authorization: 'Bearer key-a' } })
    const other = await newSession({}, { vars, headers: { authorization: 'Bearer key-a' } })
    const names = operations.filter((operation) =>
      JSON.stringify(exampleRequest(document, operation, one.sessionId)).includes(one.sessionId),
    )
    expect(names.length).toBeGreaterThan(10)
    for (const operation of names) {
      const about = operation.name
      expect(failureCodes(operation), about).toContain('SESSION_NOT_FOUND')
      expect(await call(operation, keyOf(operation)), about).toMatchObject({ status: 404, code: 'SESSION_NOT_FOUND' })
      if (!takes(operation, 'key')) continue
      expect(await call(operation, 'key-g', { sessionId: one.sessionId }), about).toMatchObject({ status: 404, code: 'SESSION_NOT_FOUND' })
      expect(takes(operation, 'token'), about).toBe(true)
      expect(await call(operation, other.token, { sessionId: one.sessionId }), about).toMatchObject({
        status: 404,
        code: 'SESSION_NOT_FOUND',
      })
    }
  })

  // Broke: a token was of another session than its own in upper case.
  it('that names a session takes its id in upper case too, also with its token', async () => {
    await FakeOrigin.start({ load: { capacity: 100 } })
    for (const operation of operations.filter((candidate) => failureCodes(candidate).includes('SESSION_NOT_FOUND'))) {
      const { sessionId, token } = await newSession({}, { vars, headers: { authorization: 'Bearer key-a' } })
      const bearer = takes(operation, 'token') ? token : keyOf(operation)
      const { code } = await call(operation, bearer, { sessionId: sessionId.toUpperCase() })
      expect(code, operation.name).not.toBe('SESSION_NOT_FOUND')
      expect(code, operation.name).not.toBe('UNAUTHORIZED')
    }
  })

  it('that documents a limit counts to it, and no other does', async () => {
    const one = { RATE_LIMIT_SESSIONS: '1', RATE_LIMIT_SPEAK: '1', RATE_LIMIT_CHAT: '1', RATE_LIMIT_ADMIN: '1' }
    const limited: string[] = []
    for (const operation of operations) {
      const first = await call(operation, keyOf(operation), { vars: one })
      expect(first.status, operation.name).not.toBe(429)
      const second = await call(operation, keyOf(operation), { vars: one })
      expect(second.code === 'RATE_LIMITED', operation.name).toBe(failureCodes(operation).includes('RATE_LIMITED'))
      if (second.code === 'RATE_LIMITED') {
        limited.push(operation.name)
        expect(second.status, operation.name).toBe(429)
        expect(second.headers.get('ratelimit-limit'), operation.name).toBe('1')
        expect(Number(second.headers.get('retry-after')), operation.name).toBeGreaterThan(0)
      }
      await reset()
    }
    expect(limited.filter((name) => !name.includes('/v1/admin/'))).toEqual([
      'POST /v1/streaming.new',
      'POST /v1/avatar.speak',
      'POST /v1/chat.completions',
      'POST /v1/chat/completions',
    ])
  })

  it('that takes a body refuses one that is damaged, too large or compressed', async () => {
    for (const operation of operations) {
      if (operation.requestBody === undefined) continue
      const refused = (body: string, headers: Record<string, string> = {}) => call(operation, keyOf(operation), { body, headers })
      expect((await refused('{')).status, operation.name).toBe(400)
      expect(await refused('x'.repeat(8_388_609)), operation.name).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' })
      expect(await refused('{}', { 'content-encoding': 'gzip' }), operation.name).toMatchObject({ status: 415, code: 'INVALID_REQUEST' })
    }
  })
})

describe('answers fit their schemas', () => {
  const operation = (name: string): Operation => {
    const found = operations.find((candidate) => candidate.name === name)
    if (found === undefined) throw new Error(`there is no ${name}`)
    return found
  }

  it('an interrupt of silence, whose task is null', async () => {
    const origin = await FakeOrigin.start()
    const silence = { status: 'nothing_to_interrupt', task_id: null, played_ms: 0, spoken_text: '', dropped_ms: 0 }
    origin.respond = (_call, { peer }, id) => peer.send({ type: 'response', id, result: silence })
    const { sessionId } = await newSession()
    const schema = answerSchema(document, operation('POST /v1/streaming.interrupt'), 200)
    const answer = await (await fetchEdge('/v1/streaming.interrupt', { body: { session_id: sessionId } })).json()
    expect(schema.parse(answer)).toEqual(silence)
    expect(schema.safeParse({ ...silence, task_id: 7 }).success).toBe(false)
    expect(schema.safeParse({ ...silence, task_id: 'task_1' }).success).toBe(false)
  })

  it('an overview of sessions with and without a report of their origin', async () => {
    const origin = await FakeOrigin.start()
    const reported = await newSession()
    await newSession()
    const schema = answerSchema(document, operation('GET /v1/admin/overview'), 200)
    const overview = async () =>
      schema.parse(await (await fetchEdge('/v1/admin/overview')).json()) as { sessions: { last_turn: unknown; stats: unknown }[] }
    expect((await overview()).sessions).toMatchObject([
      { stats: null, last_turn: null },
      { stats: null, last_turn: null },
    ])
    origin.control.send({ type: 'heartbeat', load: LOAD, sessions: [sessionReport(reported.sessionId, { last_turn: null })] })
    await vi.waitFor(async () => expect((await overview()).sessions.map(({ stats }) => stats === null).sort()).toEqual([false, true]))
    const [session] = (await overview()).sessions
    expect(schema.safeParse({ ...(await overview()), sessions: [{ ...session, stats: 'none' }] }).success).toBe(false)
  })

  it.each(['/v1/streaming.new', '/v1/streaming.sessions', '/v1/avatars', '/v1/voices', '/metrics', '/health', '/v1/admin/history'])(
    '%s',
    async (path) => {
      await FakeOrigin.start()
      const method = path === '/v1/streaming.new' ? 'POST' : 'GET'
      const schema = answerSchema(document, operation(`${method} ${path}`), 200)
      const response = await fetchEdge(path, method === 'POST' ? { body: {} } : {})
      const answer = (await response.json()) as object
      expect(schema.parse(answer)).toEqual(answer)
    },
  )
})
