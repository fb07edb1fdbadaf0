import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createOpenAiChat } from '../../../../origin/providers/llm/openai.ts'
import type { ChatProvider, ReplyPart } from '../../../../origin/providers/llm/types.ts'
import { AvatarError } from '../../../../shared/errors.ts'
import { Gate, startVendorServer, type VendorServer } from '../../../support/servers/vendor-server.ts'

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

const SSE = { 'content-type': 'text/event-stream' }
const never = new AbortController().signal
const request = { messages: [{ role: 'user' as const, content: 'Hello' }], model: 'some-model' }
const chunk = (choices: unknown[]) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'some-model', choices })}\n\n`
const token = (content: string | null) => chunk([{ index: 0, delta: { content }, finish_reason: null }])
const DONE = `${chunk([{ index: 0, delta: {}, finish_reason: 'stop' }])}data: [DONE]\n\n`
async function textOf(parts: AsyncIterable<ReplyPart>): Promise<string> {
  let text = ''
  for await (const part of parts) if (part.type === 'text') text += part.text
  return text
}
const failureOf = async (): Promise<AvatarError> => {
  const thrown = await textOf(chat.reply(request, never)).catch((error: unknown) => error)
  if (!(thrown instanceof AvatarError)) throw new Error(`no AvatarError: ${String(thrown)}`)
  return thrown
}

describe('a reply of an OpenAI-compatible server', () => {
  it.each([1, 7, 10_000])('has every token, however the bytes are cut: %i', async (chunkBytes) => {
    vendor.answer(async (exchange) => {
      exchange.head(200, SSE)
      await exchange.send(`: comment\n\n${token('')}${token('Hé')}${token(null)}${chunk([])}${token('llo 👋')}${DONE}`, chunkBytes)
      exchange.end()
    })
    expect(await textOf(chat.reply(request, never))).toBe('Héllo 👋')
    const [asked] = vendor.exchanges
    expect(asked?.path).toBe('/v1/chat/completions')
    expect(asked?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(asked?.body).toMatchObject({ model: 'some-model', messages: request.messages, stream: true })
    expect(asked?.body).not.toHaveProperty('tools')
  })

  it.each(['reasoning_content', 'reasoning'])('has its thoughts apart: %s', async (field) => {
    vendor.answer(async (exchange) => {
      exchange.head(200, SSE)
      await exchange.send(`${chunk([{ index: 0, delta: { [field]: 'Brief.', content: null }, finish_reason: null }])}${token('Hi')}${DONE}`)
      exchange.end()
    })
    expect((await Array.fromAsync(chat.reply(request, never))).slice(0, 2)).toEqual([
      { type: 'thought', text: 'Brief.' },
      { type: 'text', text: 'Hi' },
    ])
  })

  it('streams: the first token is there before the last was sent', async () => {
    const rest = new Gate()
    vendor.answer(async (exchange) => {
      exchange.head(200, SSE)
      await exchange.send(token('First'))
      await rest.opened
      await exchange.send(token(' last') + DONE)
      exchange.end()
    })
    const tokens = chat.reply(request, never)[Symbol.asyncIterator]()
    expect(await tokens.next()).toEqual({ done: false, value: { type: 'text', text: 'First' } })
    rest.open()
    expect(await tokens.next()).toEqual({ done: false, value: { type: 'text', text: ' last' } })
    expect(await tokens.next()).toEqual({ done: false, value: { type: 'finish', reason: 'stop' } })
    expect((await tokens.next()).done).toBe(true)
  })

  it.each(['before the headers', 'in the middle'])('is cancelled at the server by an abort %s', async (when) => {
    const reached = new Gate()
    vendor.answer(async (exchange) => {
      if (when === 'in the middle') {
        exchange.head(200, SSE)
        await exchange.send(token('One '))
      }
      reached.open()
    })
    const turn = new AbortController()
    const ended = expect(textOf(chat.reply(request, turn.signal))).rejects.toThrow('interrupted')
    await reached.opened
    turn.abort(new Error('interrupted'))
    await ended
    await vendor.exchanges[0]?.cancelled
  })
})

describe('tools', () => {
  it('reach the server, and its calls come in parts', async () => {
    const delta = (tool_calls: unknown[]) => chunk([{ index: 0, delta: { tool_calls }, finish_reason: null }])
    vendor.answer(async (exchange) => {
      exchange.head(200, SSE)
      await exchange.send(delta([{ index: 0, id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } }]))
      await exchange.send(delta([{ index: 0, function: { arguments: '{"city":"Oslo"}' } }]))
      await exchange.send(`${chunk([{ index: 0, delta: {}, finish_reason: 'tool_calls' }])}data: [DONE]\n\n`)
      exchange.end()
    })
    const weather = { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }
    const calls = [{ id: 'call_0', type: 'function' as const, function: { name: 'weather', arguments: '{}' } }]
    const messages = [
      ...request.messages,
      { role: 'assistant' as const, content: null, tool_calls: calls },
      { role: 'tool' as const, tool_call_id: 'call_0', content: 'rain' },
    ]
    const settings = { temperature: 0, max_completion_tokens: 9 }
    const tools = { tools: [weather], tool_choice: 'auto' as const }
    const parts = await Array.fromAsync(chat.reply({ ...request, settings, ...tools, messages }, never))
    expect(parts).toEqual([
      { type: 'tool_call', index: 0, id: 'call_a', name: 'weather', arguments: '' },
      { type: 'tool_call', index: 0, arguments: '{"city":"Oslo"}' },
      { type: 'finish', reason: 'tool_calls' },
    ])
    expect(vendor.exchanges[0]?.body).toEqual({ model: 'some-model', messages, stream: true, ...settings, ...tools })
  })
})

describe('failures of an OpenAI-compatible server', () => {
  it.each(['never begins', 'stops in the middle'])('that %s are told in time, and the request is given up', async (when) => {
    const impatient = createOpenAiChat({
      apiKey: KEY,
      baseUrl: `${vendor.url}/v1`,
      model: 'some-model',
      firstTokenTimeoutMs: when === 'never begins' ? 60 : 60_000,
      stallTimeoutMs: 60,
    })
    vendor.answer(async (exchange) => {
      if (when === 'never begins') return
      exchange.head(200, SSE)
      await exchange.send(token('One '))
    })
    const failed = textOf(impatient.reply(request, never))
    await expect(failed).rejects.toMatchObject({ code: 'PROVIDER_FAILED', details: { reason: 'timeout' } })
    await vendor.exchanges[0]?.cancelled
  })

  it.each([
    [401, 'PROVIDER_FAILED', 'OPENAI_API_KEY was refused'],
    [404, 'PROVIDER_FAILED', 'OPENAI_MODEL'],
    [400, 'INVALID_REQUEST', 'OPENAI_MODEL'],
  ])('%i says which variable to look at, and no key', async (status, code, words) => {
    vendor.answer((exchange) => exchange.json(status, { error: { message: `Incorrect API key provided: ${KEY}` } }))
    const error = await failureOf()
    expect(error).toMatchObject({ code, details: { provider: 'openai', status } })
    expect(error.message).toContain(words)
    expect(JSON.stringify([error.message, error.details, String(error.cause), { ...(error.cause as Error) }])).not.toContain(KEY)
    expect(vendor.exchanges).toHaveLength(1)
  })

  it('is tried once more when the server fails for a moment', async () => {
    vendor.answer(
      (exchange) => exchange.json(500, {}),
      (exchange) => {
        exchange.head(200, SSE)
        exchange.end(token('Fine.') + DONE)
      },
    )
    expect(await textOf(chat.reply(request, never))).toBe('Fine.')
  })

  it.each([
    ['breaks off', true],
    ['reports an error', false],
  ])('fails when the stream %s', async (_what, breaks) => {
    vendor.answer(async (exchange) => {
      exchange.head(200, SSE)
      await exchange.send(token('One ') + (breaks ? '' : 'data: {"error":{"message":"overloaded"}}\n\n'))
      if (breaks) exchange.breakOff()
      else exchange.end()
    })
    expect((await failureOf()).code).toBe('PROVIDER_FAILED')
  })
})
