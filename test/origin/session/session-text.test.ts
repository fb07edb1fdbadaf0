import { describe, expect, it } from 'vitest'
import type { ReplyPart } from '../../../origin/providers/llm/types.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { createRig, fakeLlm, fakeTts, type Rig } from '../../support/fakes/session-fakes.ts'

const never = new AbortController().signal

function rigWith(parts: readonly (string | ReplyPart)[] = []): Rig & { asked: string[] } {
  const asked: string[] = []
  const tts: SpeechProvider = {
    ...fakeTts,
    speak: (request, signal) => {
      asked.push(request.text)
      return fakeTts.speak(request, signal)
    },
  }
  return Object.assign(createRig({ tts, llm: fakeLlm(parts) }), { asked })
}

const finished = (rig: Rig): Promise<void> =>
  rig.runUntil('the turn is over', () => rig.sink.of('speech_finished').length + rig.sink.of('error').length > 0)
const ask = (rig: Rig) => rig.session.speech.chat({ messages: [{ role: 'user', content: 'Hi' }] }, () => undefined, never)
const cut = (text: string, length = 3): string[] => text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? []

describe('what a session says of a text', () => {
  it.each([
    ['**Hello** [there](https://example.com).', ['Hello there.']],
    ['<speak>Hello. <break time="1s"/> More &amp; more.</speak>', ['Hello.', 'More & more.']],
    ['<think>hm</think>Hello.', ['Hello.']],
    ['👍', []],
    ['--- *** ...', []],
    ['# Title\n\n- one\n- two 🎉', ['Title', 'one', 'two']],
  ])('%j', async (text, right) => {
    const rig = rigWith()
    rig.session.speech.speak({ text })
    await finished(rig)
    expect(rig.asked).toEqual(right)
    expect(rig.sink.of('error')).toEqual([])
    expect(rig.sink.of('speech_finished').map(({ reason }) => reason)).toEqual(['completed'])
  })

  it('keeps the pause that a text asks for', async () => {
    const without = rigWith()
    without.session.speech.speak({ text: 'Hello. More.' })
    await finished(without)
    const rig = rigWith()
    const { duration_estimate } = rig.session.speech.speak({ text: 'Hello. <break time="2s"/> More.' })
    await finished(rig)
    expect(rig.sink.of('chat').map(({ content }) => content)).toEqual(['Hello.', 'More.'])
    const playedMs = (one: Rig): number => one.sink.of('speech_finished')[0]?.played_ms ?? 0
    expect(playedMs(rig) - playedMs(without)).toBe(2_000)
    expect(duration_estimate).toBeGreaterThan(2)
  })
})

describe('a reply with control text', () => {
  it('says and gives the answer, and the thoughts apart', async () => {
    const rig = rigWith(cut('<think>\nOkay, brief.\n</think>\n\nHello **there**!<|im_end|>'))
    const { choices } = await ask(rig)
    await finished(rig)
    expect(choices[0]?.message).toEqual({
      role: 'assistant',
      content: 'Hello **there**!',
      reasoning_content: 'Okay, brief.',
      refusal: null,
    })
    expect(rig.asked).toEqual(['Hello there!'])
  })

  it('gives the thoughts that the model’s server sets apart', async () => {
    const rig = rigWith([{ type: 'thought', text: 'Brief.' }, 'Hello!'])
    const { choices } = await ask(rig)
    await finished(rig)
    expect(choices[0]?.message).toEqual({ role: 'assistant', content: 'Hello!', reasoning_content: 'Brief.', refusal: null })
    expect(rig.asked).toEqual(['Hello!'])
  })

  it('takes all before a lone closing mark as thoughts, in the answer and in what follows', async () => {
    const rig = rigWith(cut('Plainly brief.\n</think>\n\nHello there!'))
    expect((await ask(rig)).choices[0]?.message).toMatchObject({ content: 'Hello there!', reasoning_content: 'Plainly brief.' })
    await finished(rig)
    expect(rig.asked.join(' ')).toContain('Hello there!')
  })

  it('of nothing but thoughts ends without a sound', async () => {
    const rig = rigWith(cut('<think>never closed'))
    expect((await ask(rig)).choices[0]?.message).toMatchObject({ content: '', reasoning_content: 'never closed' })
    await finished(rig)
    expect(rig.asked).toEqual([])
    expect(rig.sink.of('speech_finished').map(({ reason }) => reason)).toEqual(['completed'])
  })
})
