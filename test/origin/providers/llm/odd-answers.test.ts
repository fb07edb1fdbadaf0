import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createOpenAiChat } from '../../../../origin/providers/llm/openai.ts'
import { contextTokens, refusalReason } from '../../../../origin/providers/llm/refusal.ts'
import type { ChatProvider, ReplyPart } from '../../../../origin/providers/llm/types.ts'
import { startVendorServer, type VendorServer } from '../../../support/servers/vendor-server.ts'

const KEY = 'sk-secret-of-the-operator'
let vendor: VendorServer
let chat: ChatProvider
beforeAll(async () => {
  vendor = await startVendorServer()
  chat = createOpenAiChat({ apiKey: KEY, baseUrl: `${vendor.url}/v1`, model: 'some-model' })
})
afterAll(() => vendor.close())
afterEach(() => {
  vendor.exchanges.length = 0
})

const request = { messages: [{ role: 'user' as const, content: 'Hello' }], model: 'some-model' }
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const delta = (fields: unknown, finish_reason?: string | null) => data({ choices: [{ index: 0, delta: fields, finish_reason }] })
const END = 'data: [DONE]\n\n'

/** What is left of a reply: its text, its calls with their arguments joined, its end. */
async function replyOf(): Promise<{ text: string; calls: string[]; finish: string | undefined }> {
  const parts: ReplyPart[] = []
  for await (const part of chat.reply(request, new AbortController().signal)) parts.push(part)
  const calls = new Map<number, string>()
  for (const part of parts) {
    if (part.type === 'tool_call') calls.set(part.index, `${calls.get(part.index) ?? `${part.name} `}${part.arguments ?? ''}`)
  }
  return {
    text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: [...calls.values()],
    finish: parts.findLast((part) => part.type === 'finish')?.reason,
  }
}
const answerWith = (type: string, body: string, status = 200): void =>
  vendor.answer((exchange) => {
    exchange.head(status, type === '' ? {} : { 'content-type': type })
    exchange.end(body)
  })
const SSE = 'text/event-stream'
const whole = { id: 'c', choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there.' }, finish_reason: 'stop' }] }
const call = (fields: object) => delta({ tool_calls: [fields] })

describe('an answer', () => {
  it.each<[string, string, string, Partial<Awaited<ReturnType<typeof replyOf>>>]>([
    [
      'with chunks that have no choices',
      SSE,
      `${data({ id: 'x' })}${data({ choices: [] })}${delta({ content: 'Hello' })}${data({ choices: [], usage: { total_tokens: 3 } })}${END}`,
      { text: 'Hello' },
    ],
    [
      'with null chunks, numbers and texts',
      SSE,
      `data: null\n\n${data(7)}${data('x')}${data({ choices: null })}${data({ choices: [null] })}${delta({ content: 'Hello' })}${END}`,
      { text: 'Hello' },
    ],
    [
      'with messages for deltas',
      SSE,
      `${data({ choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] })}${END}`,
      { text: 'Hello', finish: 'stop' },
    ],
    [
      'that repeats its whole message at the end',
      SSE,
      `${delta({ content: 'Hel' })}${delta({ content: 'lo' })}${data({ choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] })}${END}`,
      { text: 'Hello' },
    ],
    [
      'with null deltas and contents',
      SSE,
      `${delta(null)}${delta({ content: null })}${delta({ role: 'assistant', content: '' })}${delta({ content: 'Hello' })}${delta({}, 'stop')}${END}`,
      { text: 'Hello', finish: 'stop' },
    ],
    [
      'with contents in parts',
      SSE,
      `${delta({
        content: [
          { type: 'text', text: 'Hel' },
          { type: 'text', text: 'lo' },
        ],
      })}${END}`,
      { text: 'Hello' },
    ],
    [
      'of a completions server',
      SSE,
      `${data({ choices: [{ text: 'Hello', finish_reason: 'eos' }] })}${END}`,
      { text: 'Hello', finish: 'stop' },
    ],
    ['that refuses in words', SSE, `${delta({ refusal: 'I can’t.' })}${delta({}, 'stop')}${END}`, { text: 'I can’t.' }],
    ['without its end mark', SSE, delta({ content: 'Hello' }), { text: 'Hello' }],
    [
      'with CRLF, comments and no space',
      SSE,
      `: ping\r\n\r\ndata:${JSON.stringify({ choices: [{ delta: { content: 'Hello' } }] })}\r\n\r\ndata:[DONE]\r\n\r\n`,
      { text: 'Hello' },
    ],
    ['with event names and ids', SSE, `event: message\nid: 1\nretry: 10\n${delta({ content: 'Hello' })}${END}`, { text: 'Hello' }],
    ['with a charset', 'Text/Event-Stream; charset=utf-8', `${delta({ content: 'Hello' })}${END}`, { text: 'Hello' }],
    ['without a content type', '', `${delta({ content: 'Hello' })}${END}`, { text: 'Hello' }],
    ['as plain text that is a stream', 'text/plain', `${delta({ content: 'Hello' })}${END}`, { text: 'Hello' }],
    ['whole, for a stream', 'application/json', JSON.stringify(whole), { text: 'Hello there.', finish: 'stop' }],
    ['whole, as plain text', 'text/plain', JSON.stringify(whole), { text: 'Hello there.' }],
    ['ended by a filter', SSE, `${delta({ content: 'Well' })}${delta({}, 'SAFETY')}${END}`, { text: 'Well', finish: 'content_filter' }],
    ['ended at its limit', SSE, `${delta({ content: 'Well' }, 'MAX_TOKENS')}${END}`, { text: 'Well', finish: 'length' }],
    [
      'with a call in pieces',
      SSE,
      `${call({ index: 0, id: 'a', function: { name: 'f', arguments: '{"x"' } })}${call({ index: 0, function: { arguments: ':1}' } })}${END}`,
      { calls: ['f {"x":1}'] },
    ],
    ['with a call that has no index', SSE, `${call({ id: 'a', function: { name: 'f', arguments: '{}' } })}${END}`, { calls: ['f {}'] }],
    ['with a call without id and type', SSE, `${call({ function: { name: 'f', arguments: '{}' } })}${END}`, { calls: ['f {}'] }],
    [
      'with arguments as an object',
      SSE,
      `${call({ index: 0, function: { name: 'f', arguments: { x: 1 } } })}${END}`,
      { calls: ['f {"x":1}'] },
    ],
    [
      'with null among its calls',
      SSE,
      `${delta({ tool_calls: [null, { function: { name: 'f', arguments: '{}' } }] })}${END}`,
      { calls: ['f {}'] },
    ],
    [
      'with a legacy call',
      SSE,
      `${delta({ function_call: { name: 'f', arguments: '{"x"' } })}${delta({ function_call: { arguments: ':1}' } }, 'function_call')}${END}`,
      { calls: ['f {"x":1}'], finish: 'tool_calls' },
    ],
    [
      'whole, with a call',
      'application/json',
      JSON.stringify({
        choices: [
          {
            message: { content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] },
            finish_reason: 'tool_calls',
          },
        ],
      }),
      { calls: ['f {}'], finish: 'tool_calls' },
    ],
  ])('%s', async (_what, type, body, wanted) => {
    answerWith(type, body)
    expect(await replyOf()).toMatchObject(wanted)
  })
})

describe('a failure is told in the server’s own words', () => {
  it.each<[string, string, string, number, object]>([
    [
      'an error inside the stream',
      SSE,
      `${data({ error: { message: 'The model is overloaded.' } })}`,
      200,
      { vendor_message: 'The model is overloaded.' },
    ],
    ['an error event', SSE, `event: error\n${data({ message: 'Out of memory.' })}`, 200, { vendor_message: 'Out of memory.' }],
    [
      'an error as JSON with 200',
      'application/json',
      JSON.stringify({ error: { message: 'No such model.' } }),
      200,
      { vendor_message: 'No such model.' },
    ],
    [
      'an error as a text with 200',
      'application/json',
      JSON.stringify({ error: 'model "x" not found' }),
      200,
      { vendor_message: 'model "x" not found' },
    ],
    [
      'a page of a proxy',
      'text/html',
      '<html><style>p{}</style><h1>Login</h1><p>Please sign in</p></html>',
      200,
      { vendor_message: 'it answered with text/html that is no chat completion: Login Please sign in' },
    ],
    ['nothing', SSE, '', 200, { vendor_message: 'its answer was empty' }],
    ['no words but the end mark', SSE, END, 200, { vendor_message: 'its answer was empty' }],
    ['a broken JSON in the stream', SSE, 'data: {"choices": [\n\n', 200, { provider: 'openai' }],
    [
      '400',
      'application/json',
      JSON.stringify({ error: { message: 'Roles must alternate user/assistant.' } }),
      400,
      { status: 400, vendor_message: 'Roles must alternate user/assistant.' },
    ],
    [
      '400 with a text',
      'application/json',
      JSON.stringify({ error: 'bad template' }),
      400,
      { status: 400, vendor_message: 'bad template' },
    ],
    [
      '422 of FastAPI',
      'application/json',
      JSON.stringify({ detail: 'field required' }),
      422,
      { status: 422, vendor_message: 'field required' },
    ],
    [
      'the filter',
      'application/json',
      JSON.stringify({ error: { message: 'The response was filtered by the content management policy.', code: 'content_filter' } }),
      400,
      { reason: 'content_filter' },
    ],
    [
      'the context',
      'application/json',
      JSON.stringify({
        error: { message: "This model's maximum context length is 4096 tokens. However, your messages resulted in 5,120 tokens." },
      }),
      400,
      { reason: 'context_length', max_tokens: 4096, prompt_tokens: 5120 },
    ],
  ])('%s', async (_what, type, body, status, details) => {
    answerWith(type, body, status)
    const thrown = await replyOf().catch((error: unknown) => error)
    const code = [400, 413, 422].includes(status) || 'reason' in details ? 'INVALID_REQUEST' : 'PROVIDER_FAILED'
    expect(thrown).toMatchObject({ code, details })
  })

  it('without a key of any form', async () => {
    answerWith(
      'application/json',
      JSON.stringify({ error: { message: `Bad request for ${KEY} and sk-proj-abc***xyz, Bearer abcdefgh` } }),
      400,
    )
    const thrown = await replyOf().catch((error: unknown) => error)
    expect(JSON.stringify(thrown)).toContain('Bad request for')
    expect(JSON.stringify(thrown)).not.toMatch(/secret|abc/)
  })

  it('with the time that it asks to wait', async () => {
    vendor.answer((exchange) => exchange.json(429, { error: { message: 'Slow down.' } }, { 'retry-after': '7' }))
    await expect(replyOf()).rejects.toMatchObject({ details: { status: 429, retry_after_s: 7, vendor_message: 'Slow down.' } })
  })
})

describe('the reason of a refusal', () => {
  it.each([
    [
      "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion).",
      'context_length',
    ],
    ['context_length_exceeded', 'context_length'],
    [
      "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens in the messages, Please reduce the length of the messages.",
      'context_length',
    ],
    ['the request exceeds the available context size, try increasing it', 'context_length'],
    ['request (5310 tokens) exceeds the available context size (4096 tokens), try increasing it', 'context_length'],
    [
      'Trying to keep the first 4302 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens',
      'context_length',
    ],
    ['prompt is too long: 210000 tokens > 200000 maximum', 'context_length'],
    ['The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 'context_length'],
    ['Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens', 'context_length'],
    ['Prompt contains 40000 tokens, too large for model with 32768 maximum context length', 'context_length'],
    ['Please reduce the length of the messages or completion.', 'context_length'],
    ['input length and `max_tokens` exceed context limit', 'context_length'],
    ['Input is too long for requested model.', 'context_length'],
    ["The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", 'content_filter'],
    ['Your request was rejected as a result of our safety system.', 'content_filter'],
    ['Content violates usage guidelines: flagged by moderation', 'content_filter'],
    ['Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 4000.', undefined],
    ['Conversation roles must alternate user/assistant/user/assistant/...', undefined],
    ["Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", undefined],
    ['max_tokens must be at least 1', undefined],
    ['model "llama3" not found, try pulling it first', undefined],
    ['You exceeded your current quota, please check your plan', undefined],
  ])('%s', (words, reason) => {
    expect(refusalReason(words)).toBe(reason)
  })

  it.each([
    [
      'maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion)',
      { max_tokens: 1_000, prompt_tokens: 9_000 },
    ],
    ['prompt is too long: 210000 tokens > 200000 maximum', { max_tokens: 200_000, prompt_tokens: 210_000 }],
    ['request (5,310 tokens) exceeds the available context size (4,096 tokens)', { max_tokens: 4_096, prompt_tokens: 5_310 }],
    ['too long', undefined],
    ['the context is 4096', undefined],
  ])('has the numbers of: %s', (words, numbers) => {
    expect(contextTokens(words)).toEqual(numbers)
  })
})
