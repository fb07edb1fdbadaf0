import { reset } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChatRequest } from '../../shared/chat.ts'
import { callEdge, errorOf, fetchEdge } from './support/edge.ts'
import { FakeOrigin } from './support/fake-origin.ts'
import { sha256 } from './support/keys.ts'
import { newSession, newSessionOn } from './support/sessions.ts'

let origin: FakeOrigin
beforeEach(async () => {
  origin = await FakeOrigin.start()
})
afterEach(async () => {
  await reset()
})

const MESSAGES = [{ role: 'user' as const, content: 'Hi' }]
const ABOUT = { id: 'chatcmpl-1', created: 1, model: 'demo' }
const chunk = (delta: object, finish_reason: string | null = null) =>
  JSON.stringify({ ...ABOUT, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })
const whole = (message: object, finish_reason = 'stop') => ({
  ...ABOUT,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason }],
})

describe('a chat without a session', () => {
  it('is answered by the least loaded origin that takes work, as text alone', async () => {
    const asked: string[] = []
    const answer = (by: FakeOrigin) => {
      by.respondText = (params, control, id) => {
        asked.push(by.originId)
        expect(params).toMatchObject({ messages: MESSAGES, stream: false })
        control.send({ type: 'response', id, result: whole({ content: 'Hello' }) })
      }
    }
    const other = await FakeOrigin.start({ originId: 'origin-2', load: { cpu_usage: 1 } })
    for (const each of [origin, other]) answer(each)
    const ask = () => callEdge('/v1/chat.completions', { body: { messages: MESSAGES } })
    expect((await ask()).body).toEqual(whole({ content: 'Hello' }))
    await callEdge('/v1/admin/origins/drain', { body: { origin_id: 'origin-2', on: true } })
    await ask()
    expect(asked).toEqual(['origin-2', 'origin-1'])
    await callEdge('/v1/admin/origins/drain', { body: { origin_id: 'origin-1', on: true } })
    const refused = await ask()
    expect(errorOf(refused.body).code).toBe('ORIGIN_UNAVAILABLE')
    expect(refused.headers.get('retry-after')).toBe('2')
  })

  it('is refused when its origin goes, and told so in the stream', async () => {
    origin.respondText = (_params, control, id) => {
      control.send({ type: 'chunk', id, data: chunk({ content: 'He' }) })
      control.ws.close(1011, 'dead')
    }
    const response = await fetchEdge('/v1/chat.completions', { body: { messages: MESSAGES, stream: true } })
    expect(await response.text()).toMatch(/"He".*\n\ndata: \{"error":\{"code":"ORIGIN_UNAVAILABLE".*\n\ndata: \[DONE\]\n\n$/)
  })

  it('is cancelled at the origin when the reader leaves, and no other chat is', async () => {
    const ids: string[] = []
    origin.respondText = (_params, control, id) => {
      ids.push(id)
      control.send({ type: 'chunk', id, data: chunk({ content: 'He' }) })
    }
    const ask = () =>
      fetchEdge('/v1/chat.completions', { body: { messages: MESSAGES, stream: true }, headers: { 'x-request-id': 'the-same' } })
    const [one, other] = [await ask(), await ask()]
    await one.body?.cancel()
    expect(await origin.control.next('cancel')).toMatchObject({ id: ids[0] })
    expect(ids[0]).toMatch(/^the-same\./)
    expect(ids[1]).not.toBe(ids[0])
    origin.control.send({ type: 'response', id: ids[1], result: {} })
    expect(await other.text()).toContain('[DONE]')
    expect(origin.control.waiting('cancel')).toEqual([])
  })

  it('is cancelled at the origin when the caller leaves before the first word', async () => {
    const asked = Promise.withResolvers<string>()
    origin.respondText = (_params, _control, id) => asked.resolve(id)
    const leaving = new AbortController()
    const request = new Request('http://localhost/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ messages: MESSAGES }),
      signal: leaving.signal,
    })
    const answer = exports.default.fetch(request).catch(() => undefined)
    const id = await asked.promise
    leaving.abort()
    await answer
    expect(await origin.control.next('cancel')).toMatchObject({ id })
  })

  it("counts to the limit of its key's owner, by a session token too while the session stands", async () => {
    const vars = { AUTH_MODE: 'keys', API_KEYS: `acme:${await sha256('key-a')}`, RATE_LIMIT_CHAT: '2' }
    const ask = (key: string) =>
      callEdge('/v1/chat.completions', { vars, headers: { authorization: `Bearer ${key}` }, body: { messages: MESSAGES } })
    const { token, sessionId } = await newSession({}, { vars, headers: { authorization: 'Bearer key-a' } })
    expect((await ask('wrong')).status).toBe(401)
    expect((await ask(token)).status).toBe(200)
    expect((await ask('key-a')).status).toBe(200)
    expect((await ask('key-a')).status).toBe(429)
    const plenty = { ...vars, RATE_LIMIT_CHAT: '100' }
    await callEdge('/v1/streaming.stop', { vars, headers: { authorization: `Bearer ${token}` }, body: { session_id: sessionId } })
    const late = await callEdge('/v1/chat.completions', {
      vars: plenty,
      headers: { authorization: `Bearer ${token}` },
      body: { messages: MESSAGES },
    })
    expect(errorOf(late.body).code).toBe('SESSION_NOT_FOUND')
  })
})

describe('the session of a chat', () => {
  it('may stand in a header, and the one in the body wins', async () => {
    const one = await newSessionOn(origin)
    const other = await newSessionOn(origin)
    const asked: string[] = []
    origin.respond = (call, session, id) => {
      asked.push(session.sessionId)
      expect(call.params).toMatchObject({ session_id: session.sessionId })
      session.peer.send({ type: 'response', id, result: {} })
    }
    const headers = { 'x-session-id': one.sessionId.toUpperCase() }
    await callEdge('/v1/chat/completions', { body: { messages: MESSAGES }, headers })
    await callEdge('/v1/chat/completions', { body: { messages: MESSAGES, session_id: other.sessionId }, headers })
    expect(asked).toEqual([one.sessionId, other.sessionId])
    const wrong = await callEdge('/v1/chat/completions', { body: { messages: MESSAGES }, headers: { 'x-session-id': 'mine' } })
    expect(errorOf(wrong.body)).toMatchObject({ code: 'INVALID_REQUEST', details: { issues: [{ path: 'x-session-id' }] } })
  })
})

describe("OpenAI's own client", () => {
  const client = new OpenAI({
    baseURL: 'http://localhost:8000/v1',
    apiKey: 'not-needed',
    maxRetries: 0,
    fetch: (input, init) => exports.default.fetch(new Request(input as string, init)),
  })
  const TOOL = { type: 'function' as const, function: { name: 'get_time', parameters: { type: 'object', properties: {} } } }
  const answer = (by: (params: ChatRequest, send: (message: object) => void) => void) => {
    origin.respondText = (params, control, id) => by(params, (message) => control.send({ id, ...message }))
  }

  it('gets a whole reply', async () => {
    answer((_params, send) => send({ type: 'response', result: whole({ content: 'Hello' }) }))
    const reply = await client.chat.completions.create({
      model: 'demo',
      messages: [{ role: 'developer', content: 'Be kind' }, ...MESSAGES],
    })
    expect(reply.choices[0]?.message.content).toBe('Hello')
  })

  it('gets a streamed reply, piece by piece', async () => {
    answer((_params, send) => {
      for (const content of ['Hel', 'lo']) send({ type: 'chunk', data: chunk({ content }) })
      send({ type: 'chunk', data: chunk({}, 'stop') })
      send({ type: 'response', result: {} })
    })
    const pieces: string[] = []
    for await (const { choices } of await client.chat.completions.create({ model: 'demo', messages: MESSAGES, stream: true })) {
      pieces.push(choices[0]?.delta.content ?? '')
    }
    expect(pieces).toEqual(['Hel', 'lo', ''])
  })

  it('gets calls of its tools, whole and streamed, and gives their results back', async () => {
    const call = { id: 'call_1', type: 'function' as const, function: { name: 'get_time', arguments: '{}' } }
    const seen: ChatRequest[] = []
    answer((params, send) => {
      seen.push(params)
      if (params.stream) {
        send({
          type: 'chunk',
          data: chunk({ role: 'assistant', tool_calls: [{ index: 0, ...call, function: { name: 'get_time', arguments: '' } }] }),
        })
        send({ type: 'chunk', data: chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }) })
        send({ type: 'chunk', data: chunk({}, 'tool_calls') })
      }
      send({ type: 'response', result: whole({ tool_calls: [call] }, 'tool_calls') })
    })
    const first = await client.chat.completions.create({ model: 'demo', messages: MESSAGES, tools: [TOOL], tool_choice: 'auto' })
    expect(first.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [call] } })
    const reply = await client.chat.completions.stream({ model: 'demo', messages: MESSAGES, tools: [TOOL] }).finalChatCompletion()
    expect(reply.choices[0]?.message.tool_calls).toMatchObject([call])
    await client.chat.completions.create({
      model: 'demo',
      messages: [
        ...MESSAGES,
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: 'noon' },
      ],
    })
    expect(seen.map(({ tools }) => tools?.length)).toEqual([1, 1, undefined])
    expect(seen[2]?.messages[2]).toMatchObject({ role: 'tool', tool_call_id: 'call_1', content: 'noon' })
  })

  it('speaks with a session that is named as an extra field', async () => {
    const { sessionId } = await newSessionOn(origin)
    origin.respond = (_call, { peer }, id) => peer.send({ type: 'response', id, result: whole({ content: 'Spoken' }) })
    const body = { model: 'demo', messages: MESSAGES, session_id: sessionId }
    expect((await client.chat.completions.create(body)).choices[0]?.message.content).toBe('Spoken')
  })

  it('throws what went wrong, with its status, code and message', async () => {
    answer((_params, send) => send({ type: 'failure', code: 'PROVIDER_FAILED', message: 'The model is away.', details: {} }))
    const ask = (more: object = {}) => client.chat.completions.create({ model: 'demo', messages: MESSAGES, ...more })
    await expect(ask()).rejects.toMatchObject({
      status: 503,
      code: 'PROVIDER_FAILED',
      message: expect.stringContaining('The model is away.'),
    })
    await expect(ask({ temperature: 9 })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    await expect(ask({ session_id: crypto.randomUUID() })).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    answer((_params, send) => {
      send({ type: 'chunk', data: chunk({ content: 'Hel' }) })
      send({ type: 'failure', code: 'PROVIDER_FAILED', message: 'The model fell silent.', details: {} })
    })
    const read = async () => {
      const pieces: string[] = []
      for await (const piece of await client.chat.completions.create({ model: 'demo', messages: MESSAGES, stream: true })) {
        pieces.push(piece.choices[0]?.delta.content ?? '')
      }
      return pieces
    }
    await expect(read()).rejects.toMatchObject({ code: 'PROVIDER_FAILED', message: expect.stringContaining('fell silent') })
  })

  it('stops the reply when its caller aborts', async () => {
    const ids: string[] = []
    origin.respondText = (_params, control, id) => {
      ids.push(id)
      control.send({ type: 'chunk', id, data: chunk({ content: 'Hel' }) })
    }
    const stream = await client.chat.completions.create({ model: 'demo', messages: MESSAGES, stream: true })
    for await (const _piece of stream) break
    await expect.poll(() => ids).toHaveLength(1)
    expect(await origin.control.next('cancel')).toMatchObject({ id: ids[0] })
  })
})
