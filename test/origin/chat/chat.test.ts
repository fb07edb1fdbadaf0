import { describe, expect, it } from 'vitest'
import { textChat } from '../../../origin/chat/text-chat.ts'
import type { ChatProvider, ReplyPart, ReplyRequest } from '../../../origin/providers/llm/types.ts'
import { ChatChunk, type ChatMessage, ChatRequest, ChatResponse } from '../../../shared/chat.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { createRig, fakeLlm, type Rig, settle } from '../../support/fakes/session-fakes.ts'

const never = new AbortController().signal
const user = (content: string): ChatMessage => ({ role: 'user', content })
const WEATHER = { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }
const call = (id: string, args: string, name = 'weather') => ({ id, type: 'function' as const, function: { name, arguments: args } })
const callParts = (id: string, ...texts: string[]): ReplyPart[] => [
  { type: 'tool_call', index: 0, id, name: 'weather', arguments: '' },
  ...texts.map((text): ReplyPart => ({ type: 'tool_call', index: 0, arguments: text })),
]
const FINISH_CALLS: ReplyPart = { type: 'finish', reason: 'tool_calls' }

/** Replays one reply after the other, and keeps what it was asked. */
function recordingLlm(...replies: (string | ReplyPart)[][]): ChatProvider & { requests: ReplyRequest[] } {
  const requests: ReplyRequest[] = []
  return {
    name: 'fake',
    defaultModel: 'fake-model',
    requests,
    reply: (request, signal) => {
      requests.push(structuredClone(request))
      return fakeLlm(replies[requests.length - 1] ?? ['Yes.']).reply(request, signal)
    },
  }
}
const ask = ({ session }: Rig, ...messages: ChatMessage[]) => session.speech.chat({ messages }, () => undefined, never)
const promptOf = (llm: { requests: ReplyRequest[] }, i: number) =>
  llm.requests[i]?.messages.map(({ role, content }) => `${role}: ${content}`)

describe('a chat request', () => {
  it('reaches the model with its settings and the session’s persona and tools', async () => {
    const llm = recordingLlm(['Yes.'])
    const one = createRig({ llm }, { system_prompt: 'You are Bob.', tools: [WEATHER] })
    const settings = { temperature: 0.3, max_tokens: 50 }
    await one.session.speech.chat({ messages: [user('Hello')], ...settings, model: 'other' }, () => undefined, never)
    expect(llm.requests).toEqual([
      {
        settings,
        model: 'other',
        wantsUsage: false,
        tools: [WEATHER],
        messages: [
          { role: 'system', content: 'You are Bob.' },
          { role: 'user', content: 'Hello' },
        ],
      },
    ])
  })

  it('takes its own tools instead of the session’s, and its own system message instead of the persona', async () => {
    const llm = recordingLlm(['Yes.'])
    const one = createRig({ llm }, { tools: [WEATHER] })
    await one.session.speech.chat(
      { messages: [{ role: 'system', content: 'Be brief.' }, user('Hello')], tools: [] },
      () => undefined,
      never,
    )
    expect(llm.requests[0]).toMatchObject({ tools: [], messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }] })
  })

  it('streams chunks as OpenAI does, each valid, and sends the same whole at the end', async () => {
    const chunks: unknown[] = []
    const one = createRig({ llm: recordingLlm(['Hello ', 'there.']) })
    const response = await one.session.speech.chat(
      { messages: [user('Hi')], stream: true },
      (chunk) => chunks.push(structuredClone(chunk)),
      never,
    )
    expect(ChatResponse.parse(response)).toEqual(response)
    const parsed = chunks.map((chunk) => ChatChunk.parse(chunk))
    expect(parsed.map(({ choices }) => choices[0]?.delta)).toEqual([{ role: 'assistant', content: 'Hello ' }, { content: 'there.' }, {}])
    expect(parsed.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, 'stop'])
    expect(new Set(parsed.map(({ id, task_id, created }) => `${id} ${task_id} ${created}`)).size).toBe(1)
    expect(response).toMatchObject({ id: parsed[0]?.id, task_id: parsed[0]?.task_id })
  })

  it('without streaming sends no chunks', async () => {
    const chunks: unknown[] = []
    const one = createRig()
    await one.session.speech.chat({ messages: [user('Hi')] }, (chunk) => chunks.push(chunk), never)
    expect(chunks).toEqual([])
  })

  it('says when the model stopped at its limit', async () => {
    const one = createRig({ llm: recordingLlm(['Once upon', { type: 'finish', reason: 'length' }]) })
    expect((await ask(one, user('A story'))).choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'Once upon' } })
  })

  it('of a caller who has gone already is not answered', async () => {
    const one = createRig({ llm: fakeLlm([], { hang: true }) })
    const response = await one.session.speech.chat({ messages: [user('Hi')] }, () => undefined, AbortSignal.abort())
    expect(response.choices[0]?.finish_reason).toBe('interrupted')
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted' }])
  })

  it('fails for its caller when the voice fails, for it is not said', async () => {
    const one = createRig({
      llm: fakeLlm(['Some words to say. ', 'More of them.'], { hang: true }),
      mouthFromPhones: () => {
        throw new AvatarError('PROVIDER_FAILED', 'The voice broke.')
      },
    })
    const reply = ask(one, user('Hi'))
    const failed = expect(reply).rejects.toMatchObject({ code: 'PROVIDER_FAILED', message: 'The voice broke.' })
    await one.run(5)
    await failed
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'failed' }])
    expect(one.sink.of('error')).toHaveLength(1)
  })
})

describe('a tool call', () => {
  it('streams to the caller, goes out as one event when it is complete, and ends the reply', async () => {
    const chunks: ChatChunk[] = []
    const one = createRig({ llm: recordingLlm(['Let me look. ', ...callParts('call_a', '{"city":', '"Oslo"}'), FINISH_CALLS]) })
    const request = { messages: [user('How is the weather?')], stream: true, tools: [WEATHER] }
    const response = await one.session.speech.chat(request, (chunk) => chunks.push(structuredClone(chunk)), never)
    const whole = call('call_a', '{"city":"Oslo"}')
    expect(response.choices[0]).toMatchObject({
      message: { content: 'Let me look. ', tool_calls: [whole] },
      finish_reason: 'tool_calls',
    })
    expect(chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])).toEqual([
      { index: 0, id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } },
      { index: 0, function: { arguments: '{"city":' } },
      { index: 0, function: { arguments: '"Oslo"}' } },
    ])
    expect(one.sink.of('tool_call')).toMatchObject([{ task_id: response.task_id, tool_call: whole }])
    await one.run(40)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
    expect(one.sink.of('chat').at(-1)).toMatchObject({ role: 'agent', content: 'Let me look.' })
  })

  it('alone says nothing, and its task ends', async () => {
    const one = createRig({ llm: recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS]) })
    const response = await ask(one, user('How is the weather?'))
    expect(response.choices[0]?.message.content).toBeNull()
    await one.run(3)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: 0 }])
    expect(one.sink.of('speech_started')).toEqual([])
  })

  it('is told from the next, also by servers that number them all alike or name none', async () => {
    const parts: ReplyPart[] = [
      { type: 'tool_call', index: 0, id: 'a', name: 'weather', arguments: '{"n":1}' },
      { type: 'tool_call', index: 0, id: 'b', name: 'weather', arguments: '{"n":2}' },
      { type: 'tool_call', index: 1, name: 'clock' },
    ]
    const one = createRig({ llm: recordingLlm(parts) })
    const { choices } = await ask(one, user('All of it'))
    expect(choices[0]?.finish_reason).toBe('tool_calls')
    expect(one.sink.of('tool_call').map(({ tool_call }) => tool_call)).toEqual([
      call('a', '{"n":1}'),
      call('b', '{"n":2}'),
      call(expect.stringMatching(/^call_./) as string, '{}', 'clock'),
    ])
  })

  it('that is cut short is no call', async () => {
    const one = createRig({ llm: recordingLlm([...callParts('call_a', '{"ci'), { type: 'finish', reason: 'length' }]) })
    const { choices } = await ask(one, user('How is the weather?'))
    expect(choices[0]).toMatchObject({ finish_reason: 'length' })
    expect(choices[0]?.message.tool_calls).toBeUndefined()
    expect(one.sink.of('tool_call')).toEqual([])
  })

  it('is answered by a later chat with nothing but the result', async () => {
    const llm = recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS], ['It rains.'])
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    await one.run(3)
    await ask(one, { role: 'tool', tool_call_id: 'call_a', content: 'rain' })
    expect(llm.requests[1]?.messages.slice(1)).toEqual([
      { role: 'user', content: 'How is the weather?' },
      { role: 'assistant', content: null, tool_calls: [call('call_a', '{}')] },
      { role: 'tool', tool_call_id: 'call_a', content: 'rain' },
    ])
    expect(one.sink.of('chat').filter(({ role }) => role === 'user')).toHaveLength(1)
  })

  it('is answered too by the call sent again with its result, without having it twice', async () => {
    const llm = recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS], ['It rains.'])
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    const again: ChatMessage = { role: 'assistant', content: null, tool_calls: [call('call_a', '{}')] }
    await ask(one, again, { role: 'tool', tool_call_id: 'call_a', content: 'rain' })
    expect(llm.requests[1]?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool'])
  })

  it('of a voice answer, with the session’s tools, is answered by a chat', async () => {
    const llm = recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS], ['It rains.'])
    const one = createRig({ llm }, { tools: [WEATHER] })
    one.session.speech.answer('How is the weather?')
    await settle()
    expect(llm.requests[0]?.tools).toEqual([WEATHER])
    expect(one.sink.of('tool_call')).toHaveLength(1)
    await ask(one, { role: 'tool', tool_call_id: 'call_a', content: 'rain' })
    expect(llm.requests[1]?.messages.at(-1)).toMatchObject({ role: 'tool' })
  })

  it('that nobody answered is not shown to the model again', async () => {
    const llm = recordingLlm(['Let me look. ', ...callParts('call_a', '{}'), FINISH_CALLS], ['Fine.'])
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    await one.run(40)
    await ask(one, user('Never mind.'))
    expect(promptOf(llm, 1)?.slice(1)).toEqual(['user: How is the weather?', 'assistant: Let me look.', 'user: Never mind.'])
    expect(JSON.stringify(llm.requests[1]?.messages)).not.toContain('call_a')
  })

  it('whose result comes after other words has it right behind it', async () => {
    const llm = recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS], ['One moment.'], ['It rains.'])
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    await ask(one, user('Are you there?'))
    await one.run(40)
    await ask(one, { role: 'tool', tool_call_id: 'call_a', content: 'rain' })
    expect(llm.requests[2]?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'user', 'assistant'])
  })

  it('that nobody made is refused with what to do, and nothing is begun', async () => {
    const one = createRig()
    const result = { role: 'tool' as const, tool_call_id: 'call_x', content: 'rain' }
    await expect(ask(one, result)).rejects.toMatchObject({ code: 'INVALID_REQUEST', details: { tool_call_id: 'call_x' } })
    expect(one.sink.events).toEqual([])
  })
})

describe('the history', () => {
  const TEXT = 'One two three four five six seven eight nine ten.'

  it('holds what was heard of a reply, to the word', async () => {
    const llm = recordingLlm([TEXT], ['Yes.'])
    const one = createRig({ llm })
    await ask(one, user('Count'))
    await one.run(12)
    const { spoken_text, played_ms } = one.session.speech.interrupt()
    await ask(one, user('Go on'))
    const words = spoken_text.split(' ')
    expect(TEXT.split(' ').slice(0, words.length)).toEqual(words)
    // 20 ms a character: what was played is what those words take
    expect(Math.abs(spoken_text.length * 20 - played_ms)).toBeLessThan(140)
    expect(promptOf(llm, 1)?.slice(1)).toEqual(['user: Count', `assistant: ${spoken_text}`, 'user: Go on'])
  })

  it('holds nothing of a reply that was not heard', async () => {
    const llm = recordingLlm([TEXT], ['Yes.'])
    const one = createRig({ llm })
    await ask(one, user('Count'))
    one.session.speech.interrupt()
    await ask(one, user('Go on'))
    expect(promptOf(llm, 1)?.slice(1)).toEqual(['user: Count\n\nGo on'])
  })

  it('keeps the order of what was asked and said, while it is being said too', async () => {
    const llm = recordingLlm(['First.'], ['Second.'], ['Third.'])
    const one = createRig({ llm })
    await ask(one, user('a'))
    one.session.speech.speak({ text: 'In between.' })
    await ask(one, user('b'))
    await one.run(100)
    await ask(one, user('c'))
    expect(promptOf(llm, 1)?.slice(1)).toEqual(['user: a', 'assistant: First.\n\nIn between.', 'user: b'])
    expect(promptOf(llm, 2)?.slice(1)).toEqual(['user: a', 'assistant: First.\n\nIn between.', 'user: b', 'assistant: Second.', 'user: c'])
  })

  it('is the caller’s where the caller keeps it', async () => {
    const llm = recordingLlm(['First.'], ['Second.'])
    const one = createRig({ llm })
    await ask(one, user('a'))
    await ask(one, user('x'), { role: 'assistant', content: 'y' }, user('z'))
    expect(promptOf(llm, 1)?.slice(1)).toEqual(['user: x', 'assistant: y', 'user: z'])
  })

  it('stays bounded, and never begins with the result of a call that has gone', async () => {
    const llm = recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS], ['It rains.'])
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    await ask(one, { role: 'tool', tool_call_id: 'call_a', content: 'rain' })
    for (let i = 0; i < 40; i++) {
      await ask(one, user(`Message ${i}`))
      await one.run(15)
    }
    const last = llm.requests.at(-1)?.messages ?? []
    expect(last.length).toBeLessThanOrEqual(63)
    expect(last[1]?.role).toBe('user')
  })
})

describe('a chat of no session', () => {
  const request = (more: object) => ChatRequest.parse({ messages: [user('Hello')], ...more })

  it('is text alone, with the persona and everything of the request', async () => {
    const llm = recordingLlm(['Hello ', 'there.'])
    const chunks: ChatChunk[] = []
    const response = await textChat(
      { llm, persona: 'Be kind.' },
      request({ stream: true, temperature: 0 }),
      (chunk) => chunks.push(chunk),
      never,
    )
    expect(ChatResponse.parse(response).choices[0]).toMatchObject({ message: { content: 'Hello there.' }, finish_reason: 'stop' })
    expect(response).not.toHaveProperty('task_id')
    expect(chunks.map(({ choices }) => choices[0]?.delta.content)).toEqual(['Hello ', 'there.', undefined])
    expect(llm.requests).toEqual([
      {
        model: 'fake-model',
        settings: { temperature: 0 },
        wantsUsage: false,
        messages: [{ role: 'system', content: 'Be kind.' }, user('Hello')],
      },
    ])
  })

  it('passes tool calls through', async () => {
    const llm = recordingLlm([...callParts('call_a', '{}'), FINISH_CALLS])
    const { choices } = await textChat({ llm, persona: '' }, request({ tools: [WEATHER] }), () => undefined, never)
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [call('call_a', '{}')] } })
  })

  it('is given up when its caller goes away', async () => {
    const abort = new AbortController()
    const reply = textChat({ llm: fakeLlm(['One '], { hang: true }), persona: '' }, request({}), () => undefined, abort.signal)
    const ended = expect(reply).rejects.toThrow('gone')
    await settle()
    abort.abort(new Error('gone'))
    await ended
  })
})
