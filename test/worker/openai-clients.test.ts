/** The protocol of OpenAI's chat completions, as its clients speak it. */
import { reset } from 'cloudflare:test'
import { exports } from 'cloudflare:workers'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_CHAT_BYTES } from '../../shared/chat.ts'
import { callEdge, errorOf, fetchEdge } from './support/edge.ts'
import { FakeOrigin } from './support/fake-origin.ts'
import { newSessionOn } from './support/sessions.ts'
import { PNG, STOCK_CHAT_BODIES } from './support/stock-chat-bodies.ts'

let origin: FakeOrigin
beforeEach(async () => {
  origin = await FakeOrigin.start()
})
afterEach(async () => {
  await reset()
})

const HELLO = [{ role: 'user', content: 'Hi' }]

/** What the origin gets of a body, without a session and of one. */
async function arrived(body: object): Promise<{ params: Record<string, unknown>; spoken: Record<string, unknown> }> {
  const { sessionId } = await newSessionOn(origin)
  let params = {}
  let spoken = {}
  origin.respondText = (asked, control, id) => {
    params = asked
    control.send({ type: 'response', id, result: {} })
  }
  origin.respond = (call, { peer }, id) => {
    spoken = call.params
    peer.send({ type: 'response', id, result: {} })
  }
  for (const header of [{}, { 'x-session-id': sessionId }]) {
    const response = await fetchEdge('/v1/chat/completions', { body, headers: header })
    expect(`${response.status} ${await response.text()}`).toMatch(/^200 /)
  }
  return { params, spoken }
}

/** The same without nulls, except in schemas and settings of others. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).flatMap(([name, inner]) => (inner === null ? [] : [[name, withoutNulls(inner)]])))
}

describe('the body of a stock client', () => {
  it.each(Object.keys(STOCK_CHAT_BODIES))('%s: arrives with all that it asks for', async (client) => {
    const body = STOCK_CHAT_BODIES[client] ?? {}
    const { params, spoken } = await arrived(structuredClone(body))
    // what nobody defines as input of a message stays behind
    const { messages, ...settings } = body
    const { response_format, ...others } = settings
    expect(params).toMatchObject(withoutNulls(others) as object)
    expect(params.response_format).toEqual(response_format)
    expect(params.messages).toEqual(withoutNulls((messages as object[]).map((message) => ({ ...message, annotations: null }))))
    expect(spoken).toMatchObject({ messages: params.messages })
  })
})

describe('a request that one spoken answer cannot honour', () => {
  it.each([
    [{ n: 2 }, 'n: one person gives one answer'],
    [{ modalities: ['text', 'audio'] }, 'modalities: is `["text"]` here'],
    [{ audio: { voice: 'alloy', format: 'wav' } }, 'audio: the avatar says the answer'],
    [{ functions: [{ name: 'f' }] }, 'functions: is the old form of tools'],
    [{ function_call: 'auto' }, 'function_call: is the old form of tools'],
    [{ logprobs: true }, 'logprobs: are not given back'],
    [{ prompt: 'Once', messages: undefined }, 'messages: '],
    [{ messages: [{ role: 'function', name: 'f', content: '1' }] }, 'messages.0.role: must have a role that is known here'],
    [{ messages: [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }] }, 'messages.0.content.0.type: must have a type'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }] },
      'image_url.url: must be an',
    ],
    [{ tools: [{ type: 'custom', custom: { name: 'f' } }] }, 'tools.0.type: '],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages.0.content: must be text of at most'],
    [{ messages: [{ role: 'user', content: null }] }, 'messages.0.content: must be text of at most'],
    [{ tool_choice: 'any' }, 'tool_choice: must be none, auto, required'],
    [{ top_k: 'x', deep: JSON.parse('['.repeat(70) + ']'.repeat(70)) }, 'deep: must not be nested deeper'],
  ])('is refused by name: %j', async (more, words) => {
    const { status, body } = await callEdge('/v1/chat/completions', { body: { messages: HELLO, ...more } })
    expect(status).toBe(400)
    expect(errorOf(body)).toMatchObject({ code: 'INVALID_REQUEST', message: expect.stringContaining(words) })
  })
})

describe('a picture', () => {
  it('may be as large as a phone takes it', async () => {
    const url = `data:image/jpeg;base64,${'A'.repeat(6_000_000)}`
    const { params } = await arrived({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] })
    expect(JSON.stringify(params)).toContain(url)
  })

  it('that is too large is told the bound', async () => {
    const { status, body } = await callEdge('/v1/chat.completions', { body: `"${'A'.repeat(MAX_CHAT_BYTES)}"` })
    expect([status, errorOf(body).details]).toEqual([413, { max_bytes: MAX_CHAT_BYTES }])
  })
})

it('a compressed body is refused by name', async () => {
  const { status, body } = await callEdge('/v1/chat/completions', { body: { messages: HELLO }, headers: { 'content-encoding': 'gzip' } })
  expect([status, errorOf(body).details]).toEqual([415, { content_encoding: 'gzip' }])
})

describe('the models', () => {
  const client = () =>
    new OpenAI({
      apiKey: 'any',
      baseURL: 'http://localhost/v1',
      maxRetries: 0,
      fetch: (url, init) => exports.default.fetch(new Request(url, init)),
    })

  it('are those of the connected origins, each once, and can be asked for one by one', async () => {
    await FakeOrigin.start({ originId: 'origin-2' })
    const { data } = await client().models.list()
    expect(data).toEqual([{ id: 'org/some-model', object: 'model', created: expect.any(Number), owned_by: 'openai' }])
    expect(await client().models.retrieve('org/some-model')).toEqual(data[0])
    expect((await callEdge('/v1/models/org/some-model')).body).toEqual(data[0])
    const unknown = await callEdge('/v1/models/gpt-none')
    expect([unknown.status, errorOf(unknown.body).details]).toEqual([404, { model: 'gpt-none', known: ['org/some-model'] }])
  })
})

describe('an address of OpenAI that is not spoken here', () => {
  it.each([
    ['/v1/responses', 'POST /v1/chat/completions'],
    ['/v1/responses/resp_1', 'POST /v1/chat/completions'],
    ['/chat/completions', 'POST /v1/chat/completions'],
    ['/v1/v1/chat/completions', 'POST /v1/chat/completions'],
    ['/v1/chat/completions/', 'POST /v1/chat/completions'],
    ['/v1/completions', 'POST /v1/chat/completions'],
    ['/models', 'GET /v1/models'],
    ['/v1/embeddings', 'POST /v1/chat/completions'],
    ['/v1/audio/speech', 'POST /v1/avatar.speak'],
    ['/v1/audio/transcriptions', 'POST /v1/streaming.new, then its ws_url'],
  ])('%s says where to go', async (path, use) => {
    const { status, body } = await callEdge(path, { body: {} })
    expect([status, errorOf(body)]).toMatchObject([
      404,
      { code: 'NOT_FOUND', message: expect.stringContaining(use), details: { path, use } },
    ])
  })

  it('and nothing is said of others', async () => {
    expect(errorOf((await callEdge('/v1/nothing', { body: {} })).body).details).toEqual({ path: '/v1/nothing' })
  })
})

describe('a failure of the model’s server', () => {
  it.each([
    [401, 'false'],
    [404, 'false'],
    [429, null],
    [500, null],
    [undefined, null],
  ])('%s: x-should-retry is %s, so that clients repeat what may succeed', async (status, header) => {
    origin.respondText = (_params, control, id) =>
      control.send({ type: 'failure', id, code: 'PROVIDER_FAILED', message: 'No.', details: { provider: 'openai', status } })
    const response = await fetchEdge('/v1/chat/completions', { body: { messages: HELLO } })
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([503, header])
  })
})

it('a picture with text is one message of two parts', async () => {
  const content = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: PNG } },
  ]
  const { spoken } = await arrived({ messages: [{ role: 'user', content }] })
  expect(spoken.messages).toEqual([{ role: 'user', content }])
})
