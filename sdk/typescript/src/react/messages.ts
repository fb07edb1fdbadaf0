/** The conversation as a list, from `chat` events. */
import type { EventOf } from '../index.ts'

/** Messages that are kept; the oldest go first. */
const MAX_MESSAGES = 200

export interface Message {
  role: 'user' | 'agent'
  content: string
  /** More of it may come. */
  partial: boolean
  task_id: string | undefined
}

/** The list with one more event: sentences of one task are one message, and what was half understood is replaced. */
export function withChat(messages: readonly Message[], { role, content, partial = false, task_id }: EventOf<'chat'>): readonly Message[] {
  const last = messages.at(-1)
  if (role === 'user' && last?.role === 'user' && last.partial) return [...messages.slice(0, -1), { role, content, partial, task_id }]
  if (role === 'agent' && last?.role === 'agent' && task_id !== undefined && last.task_id === task_id) {
    return [...messages.slice(0, -1), { ...last, content: `${last.content} ${content}` }]
  }
  return [...messages, { role, content, partial, task_id }].slice(-MAX_MESSAGES)
}

/** The list without what was half understood and turned out to be no turn. */
export function withoutPartial(messages: readonly Message[]): readonly Message[] {
  const at = messages.findLastIndex(({ role }) => role === 'user')
  return messages[at]?.partial ? messages.toSpliced(at, 1) : messages
}
