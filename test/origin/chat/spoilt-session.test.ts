import { describe, expect, it } from 'vitest'
import type { ChatProvider, ReplyPart, ReplyRequest } from '../../../origin/providers/llm/types.ts'
import type { ChatMessage } from '../../../shared/chat.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { createRig, type Rig } from '../../support/fakes/session-fakes.ts'

const never = new AbortController().signal
const user = (content: string): ChatMessage => ({ role: 'user', content })
const ask = ({ session }: Rig, ...messages: ChatMessage[]) => session.speech.chat({ messages }, () => undefined, never)

/** A model with rules of its own: answers by `reply`, which may throw, and keeps what it was asked. */
function strictLlm(reply: (request: ReplyRequest, asked: number) => ReplyPart[]): ChatProvider & { prompts: string[][] } {
  const prompts: string[][] = []
  return {
    name: 'fake',
    defaultModel: 'fake-model',
    prompts,
    async *reply(request) {
      prompts.push(request.messages.map(({ role, content }) => `${role}: ${content}`))
      yield* reply(request, prompts.length)
    },
  }
}
const text = (words: string): ReplyPart[] => [{ type: 'text', text: words }]
const failed = (details: Record<string, unknown>) => new AvatarError('PROVIDER_FAILED', 'refused', details)
const charsOf = ({ messages }: ReplyRequest) => messages.reduce((sum, { content }) => sum + String(content).length, 0)

describe('a session', () => {
  it('whose avatar spoke first is understood by a model that wants the user to begin', async () => {
    const llm = strictLlm(({ messages }) => {
      const roles = messages.map(({ role }) => role).filter((role) => role !== 'system')
      if (roles.some((role, i) => role !== (i % 2 ? 'assistant' : 'user'))) throw failed({ status: 400 })
      return text('Yes.')
    })
    const one = createRig({ llm })
    one.session.speech.speak({ text: 'Welcome.' })
    await one.run(100)
    for (const words of ['a', 'b']) {
      await ask(one, user(words))
      one.session.speech.speak({ text: 'And more.' })
      await one.run(200)
    }
    expect(llm.prompts).toHaveLength(2)
    expect(llm.prompts[1]).toEqual([
      'system: persona\n\nYou began the conversation with these words: "Welcome."',
      'user: a',
      'assistant: Yes.\n\nAnd more.',
      'user: b',
    ])
  })

  it.each([
    ['that names its size', { max_tokens: 1_500, prompt_tokens: 2_500 }],
    ['that does not', {}],
  ])('outgrows the context of a model %s: the oldest goes, and later chats are asked once', async (_what, numbers) => {
    const llm = strictLlm((request) => {
      if (charsOf(request) > 6_000) throw failed({ reason: 'context_length', ...numbers })
      return text('Yes.')
    })
    const one = createRig({ llm })
    for (let i = 0; i < 12; i++) {
      await expect(ask(one, user(`${i} ${'x'.repeat(1_000)}`))).resolves.toMatchObject({ choices: [{ message: { content: 'Yes.' } }] })
      await one.run(15)
    }
    // each time that it grew too long again it was asked once more, and not for every chat
    expect(llm.prompts.length).toBeLessThanOrEqual(14)
    expect(llm.prompts.at(-1)?.at(-1)).toMatch(/^user: 11 /)
  })

  it('gives a long result of a tool as much room as there is', async () => {
    const llm = strictLlm((request, asked) => {
      if (asked === 1) return [{ type: 'tool_call', index: 0, id: 'call_a', name: 'weather', arguments: '{}' }]
      if (charsOf(request) > 6_000) throw failed({ reason: 'context_length' })
      return text('It rains.')
    })
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    const answer = await ask(one, { role: 'tool', tool_call_id: 'call_a', content: 'rain '.repeat(3_000) })
    expect(answer.choices[0]?.message.content).toBe('It rains.')
  })

  it('tells the model’s own words where the newest question alone is too long, and goes on', async () => {
    const llm = strictLlm((request) => {
      if (charsOf(request) > 6_000) throw failed({ reason: 'context_length', vendor_message: 'This is too long.' })
      return text('Yes.')
    })
    const one = createRig({ llm })
    await expect(ask(one, user('x'.repeat(9_000)))).rejects.toMatchObject({ details: { vendor_message: 'This is too long.' } })
    await one.run(5)
    await expect(ask(one, user('Short.'))).resolves.toMatchObject({ choices: [{ finish_reason: 'stop' }] })
    expect(llm.prompts.at(-1)).toEqual(['system: persona', 'user: Short.'])
  })

  it.each<[string, () => ReplyPart[]]>([
    [
      'refused by the filter',
      () => {
        throw failed({ reason: 'content_filter', status: 400 })
      },
    ],
    ['cut by the filter', () => [{ type: 'finish', reason: 'content_filter' }]],
    [
      'not answered',
      () => {
        throw failed({ status: 500 })
      },
    ],
  ])('forgets a question that was %s', async (_what, first) => {
    const llm = strictLlm((_request, asked) => (asked === 1 ? first() : text('Yes.')))
    const one = createRig({ llm })
    await ask(one, user('Something bad')).catch(() => undefined)
    await one.run(5)
    await ask(one, user('Something good'))
    expect(llm.prompts[1]).toEqual(['system: persona', 'user: Something good'])
  })

  it('lets a tool’s result be sent again after the model failed on it', async () => {
    const llm = strictLlm((_request, asked) => {
      if (asked === 1) return [{ type: 'tool_call', index: 0, id: 'call_a', name: 'weather', arguments: '{}' }]
      if (asked === 2) throw failed({ status: 500 })
      return text('It rains.')
    })
    const one = createRig({ llm })
    await ask(one, user('How is the weather?'))
    const result: ChatMessage = { role: 'tool', tool_call_id: 'call_a', content: 'rain' }
    await expect(ask(one, result)).rejects.toThrow('refused')
    await ask(one, result)
    expect(llm.prompts[2]?.slice(1)).toEqual(['user: How is the weather?', 'assistant: null', 'tool: rain'])
  })
})
