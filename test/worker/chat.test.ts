import { reset } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callEdge, errorOf, fetchEdge } from './support/edge.ts'
import { FakeOrigin, type FakeSession } from './support/fake-origin.ts'
import { newSessionOn } from './support/sessions.ts'

let origin: FakeOrigin
let sessionId: string
let session: FakeSession

beforeEach(async () => {
  origin = await FakeOrigin.start()
  ;({ sessionId, session } = await newSessionOn(origin))
})
afterEach(async () => {
  await reset()
})

const ask = (more: object) =>
  fetchEdge('/v1/chat.completions', { body: { session_id: sessionId, messages: [{ role: 'user', content: 'Hi' }], ...more } })
const FAILURE = { type: 'failure', code: 'PROVIDER_FAILED', message: 'The model is away.', details: { provider: 'x' } }

describe('chat', () => {
  it('streams what the origin says and ends in [DONE]', async () => {
    origin.respond = (_call, { peer }, id) => {
      peer.send({ type: 'chunk', id, data: '{"a":1}' })
      peer.send({ type: 'chunk', id, data: '{"a":2}' })
      peer.send({ type: 'response', id, result: {} })
    }
    const response = await ask({ stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('ratelimit-remaining')).toBe('59')
    expect(await response.text()).toBe('data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n')
  })

  it('answers as one body without stream', async () => {
    origin.respond = (call, { peer }, id) => {
      expect(call).toMatchObject({ method: 'chat', params: { stream: false } })
      peer.send({ type: 'response', id, result: { id: 'x', object: 'chat.completion' } })
    }
    expect(await (await ask({})).json()).toEqual({ id: 'x', object: 'chat.completion' })
  })

  it('answers a failure before the first word with its status', async () => {
    origin.respond = (_call, { peer }, id) => peer.send({ ...FAILURE, id })
    const response = await ask({ stream: true })
    expect(response.status).toBe(503)
    expect(errorOf(await response.json())).toMatchObject({ code: 'PROVIDER_FAILED', details: { provider: 'x' } })
  })

  it('tells a failure after the first word in the stream', async () => {
    origin.respond = (_call, { peer }, id) => {
      peer.send({ type: 'chunk', id, data: '{"a":1}' })
      peer.send({ ...FAILURE, id })
    }
    const text = await (await ask({ stream: true })).text()
    expect(text).toMatch(/^data: \{"a":1\}\n\ndata: \{"error":\{"code":"PROVIDER_FAILED".*\}\}\n\ndata: \[DONE\]\n\n$/)
  })

  it('tells the loss of the origin in the stream', async () => {
    origin.respond = (_call, { peer }, id) => {
      peer.send({ type: 'chunk', id, data: '{"a":1}' })
      peer.ws.close(1011, 'dead')
    }
    expect(await (await ask({ stream: true })).text()).toMatch(/ORIGIN_UNAVAILABLE.*\n\ndata: \[DONE\]\n\n$/)
  })

  it('cancels at the origin when the reader leaves', async () => {
    const asked = Promise.withResolvers<string>()
    origin.respond = (_call, { peer }, id) => {
      asked.resolve(id)
      peer.send({ type: 'chunk', id, data: '{"a":1}' })
    }
    const reader = (await ask({ stream: true })).body?.getReader()
    await reader?.read()
    await reader?.cancel()
    expect(await session.peer.next('cancel')).toMatchObject({ id: await asked.promise })
  })

  it('cancels at the origin when the caller leaves before the first word', async () => {
    const asked = Promise.withResolvers<string>()
    origin.respond = (_call, _session, id) => asked.resolve(id)
    const leaving = new AbortController()
    const request = new Request('http://localhost/v1/chat.completions', {
      method: 'POST',
      body: JSON.stringify({ session_id: sessionId, messages: [{ role: 'user', content: 'Hi' }] }),
      signal: leaving.signal,
    })
    const answer = exports.default.fetch(request).catch(() => undefined)
    const id = await asked.promise
    leaving.abort()
    await answer
    expect(await session.peer.next('cancel')).toMatchObject({ id })
  })

  it('hides failures that are no ones business', async () => {
    origin.respond = (_call, { peer }, id) => peer.send({ ...FAILURE, id, code: 'TypeError', message: 'x.y is undefined at a.ts:3' })
    const response = await ask({})
    expect(response.status).toBe(500)
    expect(await response.text()).not.toMatch(/a\.ts/)
  })

  it('carries the request id to the origin', async () => {
    const asked = Promise.withResolvers<string>()
    origin.respond = (_call, { peer }, id) => {
      asked.resolve(id)
      peer.send({ type: 'response', id, result: {} })
    }
    await callEdge('/v1/streaming.interrupt', { body: { session_id: sessionId }, headers: { 'x-request-id': 'trace-1' } })
    expect(await asked.promise).toBe('trace-1')
  })
})
