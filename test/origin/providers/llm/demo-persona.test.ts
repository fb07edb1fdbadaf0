import { expect, it } from 'vitest'
import { createDemoPersona } from '../../../../origin/providers/llm/demo-persona.ts'
import type { ChatMessage } from '../../../../shared/chat.ts'
import { createRig } from '../../../support/fakes/session-fakes.ts'

const never = new AbortController().signal

async function replyTo(...messages: ChatMessage[]): Promise<string> {
  let text = ''
  for await (const part of createDemoPersona().reply({ messages, model: 'demo' }, never)) if (part.type === 'text') text += part.text
  return text
}

it.each([
  ['Who are you?', 'I am Anna'],
  ['How do I connect a real model?', 'OPENAI API KEY'],
  ['Tell me a joke', 'Halloween'],
  ['The sky is green.', 'The sky is green.'],
])('the persona answers %j', async (asked, words) => {
  expect(await replyTo({ role: 'user', content: asked })).toContain(words)
})

it('answers the newest of several messages that became one', async () => {
  expect(await replyTo({ role: 'user', content: 'Who are you?\n\nTell me a joke' })).toContain('Halloween')
})

it('answers what is said after a reply that was stopped before its first sound', async () => {
  const { session } = createRig({ llm: createDemoPersona() })
  const ask = (content: string) => session.speech.chat({ messages: [{ role: 'user', content }] }, () => undefined, never)
  const first = ask('hello')
  session.speech.interrupt()
  await first
  expect((await ask('The sky is green.')).choices[0]?.message.content).toContain('The sky is green.')
})
