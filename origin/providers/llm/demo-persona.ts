/** The LLM provider without configuration: a scripted persona that needs no key and says how to connect a real model. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ChatMessage, textOf } from '../../../shared/chat.ts'
import type { ChatProvider } from './types.ts'

/** ms between words: the pace of a quick language model, so that clients see a true stream. */
const WORD_DELAY_MS = 12

interface Rule {
  pattern: RegExp
  replies: readonly string[]
}

const RULES: readonly Rule[] = [
  {
    pattern: /\b(connect|set ?up|configure|use|real|better|which)\b.*\b(model|llm|ai|openai|gpt|brain)\b|\bopenai\b|\bapi key\b/i,
    replies: [
      'Set OPENAI API KEY for the origin and start me again, and a real language model answers in my place. OPENAI BASE URL points me to any compatible server, a local one too.',
    ],
  },
  {
    pattern: /\bhow are you\b|\bhow do you do\b|\bhow.?s it going\b/i,
    replies: ['I am doing well, thank you for asking! How are you today?', 'Very well, thanks. It is nice to have company. How about you?'],
  },
  {
    pattern: /\b(who|what) are you\b|\byour name\b|\bintroduce yourself\b|\babout yourself\b/i,
    replies: [
      'I am Anna, a face made by code. You type, I speak, and my lips follow every sound. Right now I follow a small script. Connect a language model, and we can talk about anything.',
    ],
  },
  {
    pattern: /\bwhat can you do\b|\bhelp\b|\bhow does (this|it) work\b/i,
    replies: [
      'I can say anything you type, answer small talk, and stop the moment you interrupt me. With a language model connected, I can hold a real conversation.',
    ],
  },
  {
    pattern: /\bjoke\b|\bfunny\b/i,
    replies: ['Why do programmers mix up Halloween and Christmas? Because Oct thirty-one equals Dec twenty-five.'],
  },
  { pattern: /\bthank(s| you)\b/i, replies: ['You are very welcome!', 'My pleasure.'] },
  { pattern: /\b(bye|goodbye|see you|good night)\b/i, replies: ['Goodbye! Come back whenever you like.'] },
  {
    pattern: /\b(hello|hi|hey|good (morning|afternoon|evening))\b/i,
    replies: ['Hello! It is good to see you. What would you like to talk about?', 'Hi there! Ask me something, or tell me about your day.'],
  },
]

const FALLBACKS = [
  'You said: "{text}". I only know a small script, so that is as far as I get. Ask me how to connect a real language model.',
  'I heard you say: "{text}". My script has no answer to that yet, but with a language model I would.',
]

function answer(messages: readonly ChatMessage[]): string {
  // messages that were never answered come before the newest, in one
  const said = textOf(messages.findLast((message) => message.role === 'user')?.content)
    .trim()
    .replace(/^.*\n\n/s, '')
  const turn = messages.filter((message) => message.role === 'user').length
  const replies = RULES.find(({ pattern }) => pattern.test(said))?.replies ?? FALLBACKS
  const reply = replies[turn % replies.length] ?? ''
  return reply.replace('{text}', said.length > 120 ? `${said.slice(0, 117)}…` : said)
}

export function createDemoPersona(): ChatProvider {
  return {
    name: 'demo',
    defaultModel: 'demo',
    async *reply({ messages }, signal) {
      for (const word of answer(messages).match(/\S+\s*/g) ?? []) {
        await delay(WORD_DELAY_MS, undefined, { signal })
        yield { type: 'text', text: word }
      }
    },
  }
}
