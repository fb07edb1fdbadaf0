import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alternate, fitPrompt, promptChars } from '../../../origin/chat/prompt.ts'
import { type ChatMessage, textOf } from '../../../shared/chat.ts'

const system = (content: string): ChatMessage => ({ role: 'system', content })
const user = (content: string): ChatMessage => ({ role: 'user', content })
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content })
const calling = (...ids: string[]): ChatMessage => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'weather', arguments: '{}' } })),
})
const result = (id: string, content: string): ChatMessage => ({ role: 'tool', tool_call_id: id, content })

describe('a prompt for strict templates', () => {
  it.each<[string, ChatMessage[], ChatMessage[]]>([
    [
      'is left as it is where it alternates',
      [system('s'), user('a'), assistant('b'), user('c')],
      [system('s'), user('a'), assistant('b'), user('c')],
    ],
    ['joins what the user said twice', [user('a'), user('b'), assistant('c'), user('d')], [user('a\n\nb'), assistant('c'), user('d')]],
    ['joins two answers', [user('a'), assistant('b'), assistant('c'), user('d')], [user('a'), assistant('b\n\nc'), user('d')]],
    [
      'has one system message, the first',
      [system('s'), user('a'), { role: 'developer', content: 'be brief' }, assistant('b'), system('t'), user('c')],
      [system('s\n\nbe brief\n\nt'), user('a'), assistant('b'), user('c')],
    ],
    [
      'begins with the user where the avatar spoke first',
      [system('s'), assistant('Welcome.'), user('Hi')],
      [system('s\n\nYou began the conversation with these words: "Welcome."'), user('Hi')],
    ],
    [
      'keeps tool results behind their calls, words before a call with it',
      [user('a'), assistant('One moment.'), calling('x', 'y'), result('x', '1'), result('y', '2'), assistant('b'), user('c')],
      [
        user('a'),
        { ...calling('x', 'y'), content: 'One moment.' } as ChatMessage,
        result('x', '1'),
        result('y', '2'),
        assistant('b'),
        user('c'),
      ],
    ],
    [
      'joins text and parts',
      [user('a'), { role: 'user', content: [{ type: 'text', text: 'b' }] }],
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    ],
    ['has no empty system message', [system(' '), user('a')], [user('a')]],
    ['may be what the avatar said alone', [system('s'), assistant('b')], [system('s'), assistant('b')]],
  ])('%s', (_what, sent, wanted) => {
    expect(alternate(sent)).toEqual(wanted)
  })

  it('alternates whatever was sent, and loses no word', () => {
    const message = fc
      .tuple(fc.constantFrom('system', 'developer', 'user', 'assistant'), fc.nat(99))
      .map(([role, n]) => ({ role, content: `w${n}.` }) as ChatMessage)
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), (sent) => {
        const prompt = alternate(sent)
        const roles = prompt.map(({ role }) => role)
        expect(roles.lastIndexOf('system')).toBeLessThanOrEqual(0)
        const spoken = roles.filter((role) => role !== 'system')
        if (spoken.length > 1) expect(spoken[0]).toBe('user')
        for (const [i, role] of spoken.entries()) expect(role).not.toBe(spoken[i - 1])
        const words = (messages: ChatMessage[]) => messages.flatMap(({ content }) => textOf(content).match(/w\d+\./g) ?? []).sort()
        expect(words(prompt)).toEqual(words(sent))
      }),
    )
  })
})

describe('a prompt that is too long', () => {
  const long = (letter: string) => letter.repeat(1_000)

  it('loses its oldest exchanges, whole, and keeps the system message and the newest', () => {
    const prompt = [
      system('s'),
      user(long('a')),
      calling('x'),
      result('x', long('b')),
      assistant(long('c')),
      user(long('d')),
      assistant('e'),
      user('f'),
    ]
    expect(fitPrompt(prompt, 3_000)).toEqual([system('s'), user(long('d')), assistant('e'), user('f')])
    expect(fitPrompt(prompt, 500)).toEqual([system('s'), user('f')])
    expect(fitPrompt(prompt, 0)).toEqual([system('s'), user('f')])
    expect(fitPrompt(prompt, promptChars(prompt))).toEqual(prompt)
  })

  it('has the results of tools cut, with a mark, where they alone are too long', () => {
    const prompt = [system('s'), user('old'), assistant('x'), user('How is it?'), calling('x'), result('x', 'r'.repeat(15_000))]
    const [, asked, call, cut] = fitPrompt(prompt, 6_000)
    expect([asked, call]).toEqual([user('How is it?'), calling('x')])
    expect(cut).toEqual(result('x', `${'r'.repeat(2_000)}\n[13000 more characters were left out]`))
  })
})
