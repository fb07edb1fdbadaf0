import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseConfig } from '../../worker/env.ts'
import { type CallOptions, callEdge, errorOf, fetchEdge, openPeer } from './support/edge.ts'
import { FakeOrigin } from './support/fake-origin.ts'
import { sha256 } from './support/keys.ts'
import { jump, listedIds, newSession } from './support/sessions.ts'

const vars = { AUTH_MODE: 'keys', DEPLOYMENT: 'cloudflare', API_KEYS: '' }
const bearer = (key: string, more: Partial<CallOptions> = {}): CallOptions => ({
  vars,
  headers: { authorization: `Bearer ${key}` },
  ...more,
})

beforeEach(async () => {
  vars.API_KEYS = `acme:${await sha256('key-a')},globex:${await sha256('key-g')}`
  await FakeOrigin.start()
})
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

describe('API keys', () => {
  it.each([
    ['/v1/streaming.new', {}],
    ['/v1/streaming.sessions', undefined],
    ['/v1/avatars', undefined],
    ['/metrics', undefined],
  ])('asks for a key at %s', async (path, body) => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic abc' }]) {
      const answer = await callEdge(path, { vars, headers: headers as Record<string, string>, body })
      expect(answer.status).toBe(401)
      expect(errorOf(answer.body).code).toBe('UNAUTHORIZED')
    }
  })

  it('needs no key for health', async () => {
    expect((await callEdge('/health', { vars })).status).toBe(200)
  })

  it("hides other tenants' sessions", async () => {
    const { sessionId } = await newSession({}, bearer('key-a'))
    expect(await listedIds(bearer('key-a'))).toEqual([sessionId])
    expect(await listedIds(bearer('key-g'))).toEqual([])
    for (const path of ['/v1/streaming.stop', '/v1/streaming.keep_alive', '/v1/streaming.interrupt']) {
      const answer = await callEdge(path, bearer('key-g', { body: { session_id: sessionId } }))
      expect(errorOf(answer.body).code).toBe('SESSION_NOT_FOUND')
    }
    const speak = await callEdge('/v1/avatar.speak', bearer('key-g', { body: { session_id: sessionId, text: 'Hi' } }))
    expect(speak.status).toBe(404)
    const socket = await fetchEdge(`/ws/${sessionId}`, {
      vars,
      headers: { upgrade: 'websocket', authorization: 'Bearer key-g' },
    })
    expect(socket.status).toBe(404)
  })
})

describe('session tokens', () => {
  it('drive their session and nothing else', async () => {
    const one = await newSession({}, bearer('key-a'))
    const two = await newSession({}, bearer('key-a'))
    const speak = (id: string) => callEdge('/v1/avatar.speak', bearer(one.token, { body: { session_id: id, text: 'Hi' } }))
    expect((await speak(one.sessionId)).status).toBe(200)
    expect((await speak(two.sessionId)).status).toBe(404)
    expect((await callEdge('/v1/streaming.new', bearer(one.token, { body: {} }))).status).toBe(401)
    expect((await callEdge('/v1/streaming.sessions', bearer(one.token))).status).toBe(401)
    expect((await callEdge('/v1/streaming.stop', bearer(one.token, { body: { session_id: one.sessionId } }))).status).toBe(200)
  })

  it('open the socket by query, header or subprotocol', async () => {
    const { sessionId, token } = await newSession({}, bearer('key-a'))
    for (const [query, headers] of [
      [`?token=${token}`, {}],
      ['', { authorization: `Bearer ${token}` }],
      ['', { 'sec-websocket-protocol': `avatar, avatar.token.${token}` }],
    ] as const) {
      const peer = await openPeer(`/ws/${sessionId}${query}`, { vars, headers })
      await peer.next('session_state')
    }
    const agreed = await fetchEdge(`/ws/${sessionId}`, {
      vars,
      headers: { upgrade: 'websocket', 'sec-websocket-protocol': `avatar, avatar.token.${token}` },
    })
    expect(agreed.headers.get('sec-websocket-protocol')).toBe('avatar')
    expect(agreed.headers.get('sec-websocket-extensions')).toBe('none')
    agreed.webSocket?.accept()
    const none = await fetchEdge(`/ws/${sessionId}`, { vars, headers: { upgrade: 'websocket' } })
    expect(none.status).toBe(401)
  })

  it('may name their session in upper case', async () => {
    const { sessionId } = await newSession({}, bearer('key-a'))
    const token = await new SignJWT({ tenant: 'acme' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(sessionId.toUpperCase())
      .setAudience('avatar-session')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(env.TOKEN_SECRET))
    for (const id of [sessionId, sessionId.toUpperCase()]) {
      expect((await callEdge('/v1/avatar.speak', bearer(token, { body: { session_id: id, text: 'Hi' } }))).status).toBe(200)
    }
  })

  it('are refused when expired, forged or for something else', async () => {
    const { sessionId, token } = await newSession({}, bearer('key-a'))
    const open = async (candidate: string) =>
      (await fetchEdge(`/ws/${sessionId}?token=${candidate}`, { vars, headers: { upgrade: 'websocket' } })).status
    const sign = (secret: string, audience: string) =>
      new SignJWT({ tenant: 'acme' })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(sessionId)
        .setAudience(audience)
        .setExpirationTime('1h')
        .sign(new TextEncoder().encode(secret))
    expect(await open(await sign('another-secret-that-is-long-enough-too', 'avatar-session'))).toBe(401)
    expect(await open(await sign(env.TOKEN_SECRET, 'something-else'))).toBe(401)
    expect(await open(`${token.slice(0, -2)}AA`)).toBe(401)
    expect(await open('nonsense')).toBe(401)
    jump(3_600 + 61)
    expect(await open(token)).toBe(401)
  })

  it('that are present must be valid in open mode too', async () => {
    const { sessionId } = await newSession()
    const response = await fetchEdge(`/ws/${sessionId}?token=a.b.c`, { headers: { upgrade: 'websocket' } })
    expect(response.status).toBe(401)
  })
})

describe('configuration', () => {
  it.each([
    ['open mode on a deployment', { DEPLOYMENT: 'cloudflare' }, {}, 'AUTH_MODE'],
    ['open mode behind the edge network', {}, { 'cf-ray': '8f0-LHR' }, 'AUTH_MODE'],
    ['keys mode without keys', { AUTH_MODE: 'keys' }, {}, 'API_KEYS'],
    ['a short token secret', { TOKEN_SECRET: 'short-secret' }, {}, 'TOKEN_SECRET'],
    ['broken ICE servers', { ICE_SERVERS: '[{"url":7}]' }, {}, 'ICE_SERVERS'],
  ])('refuses everything with %s, naming the variable and no value', async (_what, wrong, headers, name) => {
    const { status, body } = await callEdge('/health', {
      vars: wrong as Record<string, string>,
      headers: headers as Record<string, string>,
    })
    expect(status).toBe(500)
    expect(errorOf(body).details.variables).toEqual([name])
    expect(JSON.stringify(body)).not.toMatch(/short-secret|"url"|7\}/)
  })

  it('reads API keys as a list with commas or as JSON', async () => {
    const base = { TOKEN_SECRET: 'x'.repeat(32), ORIGIN_KEY: 'y'.repeat(16) }
    const digest = await sha256('k')
    expect(parseConfig({ ...base, API_KEYS: `a:${digest}, b:${digest}` }).API_KEYS.map(({ tenant }) => tenant)).toEqual(['a', 'b'])
    expect(parseConfig({ ...base, API_KEYS: `["a:${digest}"]` }).API_KEYS).toHaveLength(1)
    expect(() => parseConfig({ ...base, API_KEYS: 'a:plain-key' })).toThrow(/API_KEYS/)
    expect(() => parseConfig({ ...base, API_KEYS: `[a:${digest}` })).toThrow(/API_KEYS/)
  })
})
