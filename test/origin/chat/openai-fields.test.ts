/** What the protocol of OpenAI's chat completions asks for, on its way to the model's server and back. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { textChat } from '../../../origin/chat/text-chat.ts'
import { createOpenAiChat } from '../../../origin/providers/llm/openai.ts'
import type { ChatProvider } from '../../../origin/providers/llm/types.ts'
import { ChatChunk, type ChatMessage, ChatRequest, ChatResponse } from '../../../shared/chat.ts'
import { createRig } from '../../support/fakes/session-fakes.ts'
import { startVendorServer, type VendorServer } from '../../support/servers/vendor-server.ts'

const PICTURE = 'data:image/png;base64,iVBORw0KGgo='
const never = new AbortController().signal
let vendor: VendorServer
let llm: ChatProvider
beforeAll(async () => {
  vendor = await startVendorServer()
})
afterAll(() => vendor.close())
afterEach(() => {
  vendor.exchanges.length = 0
})

const USAGE = { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14, completion_tokens_details: { reasoning_tokens: 1 } }
const data = (fields: object) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', ...fields })}\n\n`
const ANSWER = data({ choices: [{ index: 0, delta: { content: 'Hello.' }, finish_reason: null }] })
const END = data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })

/** The server answers each request with these lines. */
function answersWith(...lines: string[]): void {
  llm = createOpenAiChat({ apiKey: 'sk-x', baseUrl: `${vendor.url}/v1`, model: 'm' })
  vendor.answer((exchange) => {
    exchange.head(200, { 'content-type': 'text/event-stream' })
    exchange.end(`${lines.join('')}data: [DONE]\n\n`)
  })
}
const asked = () => vendor.exchanges.map(({ body }) => body as Record<string, unknown> & { messages: ChatMessage[] })

async function chat(more: object): Promise<{ response: ChatResponse; chunks: ChatChunk[] }> {
  const chunks: ChatChunk[] = []
  const request = ChatRequest.parse({ messages: [{ role: 'user', content: 'Hi' }], ...more })
  const response = await textChat({ llm, persona: 'Be kind.' }, request, (chunk) => chunks.push(ChatChunk.parse(chunk)), never)
  return { response: ChatResponse.parse(response), chunks }
}

const SETTINGS = {
  temperature: 0,
  max_completion_tokens: 9,
  top_p: 0.9,
  seed: 7,
  stop: ['a'],
  presence_penalty: 0.5,
  frequency_penalty: 0,
  logit_bias: { 1: 2 },
  user: 'u',
  metadata: { a: 'b' },
  store: false,
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties: { a: { default: null } } } } },
  reasoning_effort: 'low',
  verbosity: 'low',
  service_tier: 'auto',
  parallel_tool_calls: false,
  prediction: { type: 'content', content: 'x' },
  prompt_cache_key: 'k',
  safety_identifier: 's',
  web_search_options: {},
  top_k: 40,
  chat_template_kwargs: { enable_thinking: false },
}

describe('fields of a request', () => {
  it('go on to the server, those of a session too, and ours do not', async () => {
    answersWith(ANSWER, END)
    await chat({ ...SETTINGS, n: 1, logprobs: false, modalities: ['text'], mode: 'queue', functions: [] })
    const one = createRig({ llm })
    const task = ChatRequest.parse({ ...SETTINGS, messages: [{ role: 'user', content: 'Hi' }], stream: true })
    await one.session.speech.chat(task, () => undefined, never)
    const [text, spoken] = asked()
    expect(text).toEqual({ ...SETTINGS, model: 'm', stream: true, stream_options: { include_usage: true }, messages: expect.any(Array) })
    expect(spoken).toEqual({ ...SETTINGS, model: 'm', stream: true, messages: expect.any(Array) })
  })

  it('never take the place of what is written here', async () => {
    answersWith(ANSWER, END)
    await chat({ stream: true, stream_options: { include_usage: false }, model: 'other' })
    expect(asked()[0]).toMatchObject({ model: 'other', stream: true })
    expect(asked()[0]).not.toHaveProperty('stream_options')
  })

  it('take an empty name of a model as none', async () => {
    answersWith(ANSWER, END)
    expect((await chat({ model: '' })).response.model).toBe('m')
  })

  it('name speakers, and keep them apart where their words become one message', async () => {
    answersWith(ANSWER, END)
    const messages = [
      { role: 'user', name: 'ann', content: 'Hi' },
      { role: 'user', name: 'bob', content: 'Hey' },
      { role: 'assistant', name: 'eve', content: 'Yes?' },
      { role: 'user', name: 'ann', content: 'So' },
    ]
    await chat({ messages })
    expect(asked()[0]?.messages.slice(1)).toEqual([
      { role: 'user', content: 'ann:\n\nHi\n\nbob:\n\nHey' },
      { role: 'assistant', name: 'eve', content: 'Yes?' },
      { role: 'user', name: 'ann', content: 'So' },
    ])
  })
})

describe('usage', () => {
  const counted = [ANSWER, END, data({ choices: [], usage: USAGE })]

  it('is that of the server, in a whole answer', async () => {
    answersWith(...counted)
    expect((await chat({})).response.usage).toEqual(USAGE)
  })

  it('comes in a last chunk without choices, where it is asked for', async () => {
    answersWith(...counted)
    const { chunks } = await chat({ stream: true, stream_options: { include_usage: true } })
    expect(chunks.map(({ usage, choices }) => [usage, choices.length])).toEqual([
      [null, 1],
      [null, 1],
      [USAGE, 0],
    ])
    const silent = await chat({ stream: true })
    expect(silent.chunks.map(({ usage }) => usage)).toEqual([undefined, undefined])
    expect(vendor.exchanges.map(({ body }) => (body as Record<string, unknown>).stream_options)).toEqual([
      { include_usage: true },
      undefined,
    ])
  })

  it('comes of a session too', async () => {
    answersWith(...counted)
    const one = createRig({ llm })
    const task = ChatRequest.parse({ messages: [{ role: 'user', content: 'Hi' }] })
    expect(await one.session.speech.chat(task, () => undefined, never)).toMatchObject({ usage: USAGE })
  })

  it('is estimated, and says so, where the server does not count', async () => {
    answersWith(ANSWER, END)
    const { usage } = (await chat({})).response
    expect(usage).toMatchObject({ completion_tokens: 2, estimated: true })
    expect(usage.total_tokens).toBe(usage.prompt_tokens + 2)
  })

  it('is given up at a server that does not know the option, which is asked once more', async () => {
    answersWith(ANSWER, END)
    vendor.answer(
      (exchange) => exchange.json(422, { detail: [{ loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }] }),
      (exchange) => {
        exchange.head(200, { 'content-type': 'text/event-stream' })
        exchange.end(`${ANSWER}${END}data: [DONE]\n\n`)
      },
    )
    expect((await chat({})).response.choices[0]?.message.content).toBe('Hello.')
    await chat({})
    expect(asked().map((body) => 'stream_options' in body)).toEqual([true, false, false])
  })
})

describe('a picture', () => {
  const see = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: PICTURE, detail: 'low' } },
  ]

  it('reaches the model, and later questions still have it', async () => {
    answersWith(ANSWER, END)
    const one = createRig({ llm })
    const ask = (content: unknown) =>
      one.session.speech.chat(ChatRequest.parse({ messages: [{ role: 'user', content }] }), () => undefined, never)
    await ask(see)
    await ask('And its colour?')
    expect(asked().map(({ messages }) => messages.filter(({ role }) => role === 'user').map(({ content }) => content))).toEqual([
      [see],
      [see, 'And its colour?'],
    ])
    expect(one.sink.of('chat').map(({ role, content }) => `${role}: ${content}`)).toContain('user: What is this?')
  })

  it('of long ago is a note, so that a session does not hold pictures without end', async () => {
    answersWith(ANSWER, END)
    const one = createRig({ llm })
    const large = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(5_000_000)}` } }
    const ask = (content: unknown) =>
      one.session.speech.chat(ChatRequest.parse({ messages: [{ role: 'user', content }] }), () => undefined, never)
    await ask([{ type: 'text', text: 'one' }, large])
    await ask([{ type: 'text', text: 'two' }, large])
    await ask('three')
    const last = asked()[2]
      ?.messages.filter(({ role }) => role === 'user')
      .map(({ content }) => content)
    expect(last).toEqual([
      'one\n[A picture, sound or file was here; it is no longer kept.]',
      [{ type: 'text', text: 'two' }, large],
      'three',
    ])
  })
})

describe('an empty message', () => {
  it.each([
    ['alone', [{ role: 'user', content: '' }], ['']],
    ['without parts', [{ role: 'user', content: [] }], ['']],
    [
      'before another',
      [
        { role: 'user', content: '' },
        { role: 'user', content: 'Hi' },
      ],
      ['Hi'],
    ],
    [
      'after an answer',
      [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
        { role: 'user', content: '' },
      ],
      ['x', 'y', ''],
    ],
  ])('%s goes to the model as it is', async (_where, messages, contents) => {
    answersWith(ANSWER, END)
    await chat({ messages })
    expect(
      asked()[0]
        ?.messages.slice(1)
        .map(({ content }) => content),
    ).toEqual(contents)
  })
})
