/** Chat: the reply, what breaks it off, and functions that the model wants called. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AvatarClient, type AvatarSession, type ChatMessage, type ChatTool } from '../../sdk/typescript/src/index.ts'
import { FakeAvatarApi, failure, SESSION_ID, sse } from '../support/fakes/fake-avatar-api.ts'

const TOOLS: ChatTool[] = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }]
const CALL = { id: 'call_1', type: 'function' as const, function: { name: 'weather', arguments: '{"city":"Rome"}' } }

let api: FakeAvatarApi
let session: AvatarSession

beforeEach(async () => {
  api = await FakeAvatarApi.start()
  session = await new AvatarClient({ apiUrl: api.apiUrl, wsUrl: api.wsUrl }).createSession()
})
afterEach(async () => {
  await session.disconnect({ stop: false })
  await api.stop()
})

/** A stream of chunks as they are. */
function stream(deltas: readonly object[], finish_reason = 'stop'): { status: number; raw: string } {
  const chunks = [
    ...deltas.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] })),
    { choices: [{ index: 0, delta: {}, finish_reason }] },
  ]
  return {
    status: 200,
    raw: [...chunks.map((chunk) => JSON.stringify({ task_id: 'task_000001', ...chunk })), '[DONE]']
      .map((data) => `data: ${data}\n\n`)
      .join(''),
  }
}
const wanted = stream(
  [
    { tool_calls: [{ index: 0, id: CALL.id, type: 'function', function: { name: 'weather', arguments: '{"ci' } }] },
    { tool_calls: [{ index: 0, function: { arguments: 'ty":"Rome"}' } }] },
  ],
  'tool_calls',
)

describe('chat', () => {
  it('resolves with the reply', async () => {
    expect(await session.chat('Hello, how are you?')).toBe('Hello there!')
    expect(api.calls.at(-1)?.body).toEqual({
      session_id: SESSION_ID,
      messages: [{ role: 'user', content: 'Hello, how are you?' }],
      stream: true,
    })
  })

  it('yields the reply as it comes', async () => {
    const pieces: string[] = []
    for await (const piece of session.chatStream([{ role: 'user', content: 'Hi' }], { model: 'gpt-4', temperature: 0.2 }))
      pieces.push(piece)
    expect(pieces).toEqual(['Hello', ' there', '!'])
    expect(api.calls.at(-1)?.body).toMatchObject({ model: 'gpt-4', temperature: 0.2 })
  })

  it('sends further settings beside the fields of its own, which win', async () => {
    const settings = { top_p: 0.5, response_format: { type: 'json_object' }, stream: false }
    await session.chat('Hi', { model: 'm', settings })
    expect(api.calls.at(-1)?.body).toMatchObject({ model: 'm', top_p: 0.5, response_format: { type: 'json_object' }, stream: true })
    expect(api.calls.at(-1)?.body).not.toHaveProperty('settings')
  })

  it('throws what breaks it off', async () => {
    api.scripted.set('/chat.completions', [{ status: 200, raw: sse(['Hel'], failure('PROVIDER_FAILED', 'the model is away')) }])
    await expect(session.chat('Hi')).rejects.toMatchObject({ code: 'PROVIDER_FAILED', message: 'the model is away', retryable: true })
  })

  it('does not take half a reply for a whole one', async () => {
    api.scripted.set('/chat.completions', [{ status: 200, raw: sse(['Hel']).replace('data: [DONE]\n\n', '') }])
    const pieces: string[] = []
    const reading = (async () => {
      for await (const piece of session.chatStream('Hi')) pieces.push(piece)
    })()
    await expect(reading).rejects.toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_FAILED', retryable: true })
    expect(pieces).toEqual(['Hel'])
  })

  it('says when the connection is cut in the middle of it', async () => {
    const cut = new ReadableStream<Uint8Array>({
      start: (body) => body.enqueue(new TextEncoder().encode(sse(['Hel']).split('data: [DONE]')[0])),
      pull: () => Promise.reject(new TypeError('network error')),
    })
    const client = new AvatarClient({ apiUrl: api.apiUrl, wsUrl: api.wsUrl, fetch: () => Promise.resolve(new Response(cut)) })
    const chatting = client.attachSession(session.access_token).chat('Hi')
    await expect(chatting).rejects.toMatchObject({ code: 'CONNECTION_FAILED', cause: { message: 'network error' } })
  })
})

describe('functions', () => {
  it('that are wanted are in the result', async () => {
    api.scripted.set('/chat.completions', [wanted])
    const chatting = session.chatStream('How is the weather in Rome?', { tools: TOOLS, tool_choice: 'auto' })
    expect(await chatting.next()).toEqual({
      done: true,
      value: { content: '', tool_calls: [CALL], finish_reason: 'tool_calls', task_id: 'task_000001' },
    })
    expect(api.calls.at(-1)?.body).toMatchObject({ tools: TOOLS, tool_choice: 'auto' })
  })

  it('are called, and the reply goes on with what they gave', async () => {
    api.scripted.set('/chat.completions', [wanted, stream([{ content: 'It is sunny.' }])])
    const called: unknown[] = []
    const reply = await session.chat('How is the weather in Rome?', {
      tools: TOOLS,
      onToolCall: async (call) => {
        called.push(JSON.parse(call.function.arguments))
        return { sky: 'clear' }
      },
    })
    expect(reply).toBe('It is sunny.')
    expect(called).toEqual([{ city: 'Rome' }])
    // the server remembers the question and its own call
    expect(api.calls.at(-1)?.body.messages).toEqual([{ role: 'tool', tool_call_id: 'call_1', content: '{"sky":"clear"}' }])
  })

  it('are answered with the whole conversation where the caller keeps it', async () => {
    api.scripted.set('/chat.completions', [wanted, stream([{ content: 'Sunny.' }])])
    const kept: ChatMessage[] = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hi.' },
      { role: 'user', content: 'And the weather?' },
    ]
    await session.chat(kept, { tools: TOOLS, onToolCall: () => 'clear' })
    expect(api.calls.at(-1)?.body.messages).toEqual([
      ...kept,
      { role: 'assistant', content: '', tool_calls: [CALL] },
      { role: 'tool', tool_call_id: 'call_1', content: 'clear' },
    ])
  })

  it('that never end are given up', async () => {
    api.scripted.set('/chat.completions', Array(20).fill(wanted))
    await expect(session.chat('Hi', { tools: TOOLS, onToolCall: () => '' })).rejects.toMatchObject({ code: 'INVALID_RESPONSE' })
    expect(api.calls.filter(({ path }) => path === '/chat.completions').length).toBeLessThan(10)
  })
})
