/** Shapes a conversation into a prompt that every model takes: strict templates want alternating roles, and contexts are finite. */
import { type ChatContent, type ChatMessage, textOf } from '../../shared/chat.ts'

type Spoken = Exclude<ChatMessage, { role: 'system' | 'developer' }>
type UserMessage = Extract<ChatMessage, { role: 'user' }>
type UserContent = UserMessage['content']
type AssistantContent = Exclude<Extract<ChatMessage, { role: 'assistant' }>['content'], null | undefined>

/** Characters that a message costs beside its text: its role and the template's marks. */
const OVERHEAD_CHARS = 16
/** Of a picture, a sound or a file; models count a picture as some hundred tokens, whatever its size in bytes. */
const MEDIA_CHARS = 4_000
/** What is left of a tool's result where the context is too small for all of it, characters. */
const SHORT_RESULT_CHARS = 2_000

/**
 * One system message first; then user and assistant in turns, beginning with the user. Messages of one role that follow each other
 * become one. What the avatar said before the user's first word is told in the system message. Tool results stay behind their calls.
 */
export function alternate(messages: readonly ChatMessage[]): ChatMessage[] {
  const systems = messages.filter(({ role }) => role === 'system' || role === 'developer').map(({ content }) => textOf(content))
  const spoken = mergeNeighbours(messages.filter((message): message is Spoken => message.role !== 'system' && message.role !== 'developer'))
  const first = spoken[0]
  if (first?.role === 'assistant' && !first.tool_calls && spoken.length > 1) {
    spoken.shift()
    systems.push(`You began the conversation with these words: "${textOf(first.content)}"`)
  }
  const lead = systems.filter((text) => text.trim() !== '').join('\n\n')
  return lead === '' ? spoken : [{ role: 'system', content: lead }, ...spoken]
}

function mergeNeighbours(messages: readonly Spoken[]): Spoken[] {
  const merged: Spoken[] = []
  for (const message of messages) {
    const before = merged.at(-1)
    if (before?.role === 'user' && message.role === 'user') {
      merged[merged.length - 1] = mergedUsers(before, message)
    } else if (before?.role === 'assistant' && message.role === 'assistant' && !before.tool_calls) {
      const content = joined(before.content ?? '', message.content ?? '')
      merged[merged.length - 1] = { ...message, content: content === '' ? null : content }
    } else merged.push(message)
  }
  return merged
}

/** Who speaks stays visible where one message has the words of two. */
function mergedUsers(before: UserMessage, message: UserMessage): UserMessage {
  if (before.name === message.name) return { ...message, content: joined(before.content, message.content) }
  const led = ({ name, content }: UserMessage) => (name === undefined ? content : joined(`${name}:`, content))
  return { role: 'user', content: joined(led(before), led(message)) }
}

function joined<Content extends UserContent | AssistantContent>(one: Content, other: Content): Content
function joined(one: ChatContent, other: ChatContent): ChatContent {
  if (typeof one === 'string' && typeof other === 'string') return [one, other].filter((text) => text !== '').join('\n\n')
  const parts = (content: ChatContent) =>
    typeof content !== 'string' ? content : content === '' ? [] : [{ type: 'text' as const, text: content }]
  return [...parts(one), ...parts(other)] as ChatContent
}

/** Characters of a prompt, as far as they count for a model's context. */
export function promptChars(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + charsOf(message), 0)
}

function charsOf(message: ChatMessage): number {
  const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : []
  const args = calls.reduce((sum, { function: { name, arguments: text } }) => sum + name.length + text.length, 0)
  return OVERHEAD_CHARS + textOf(message.content).length + args + mediaOf(message).length * MEDIA_CHARS
}

/** Pictures, sounds and files of a message. */
export function mediaOf({ content }: ChatMessage): unknown[] {
  return typeof content === 'string' ? [] : (content ?? []).filter(({ type }) => type !== 'text' && type !== 'refusal')
}

/** The same in UTF-8. */
export function promptBytes(messages: readonly ChatMessage[]): number {
  return messages.reduce(
    (sum, message) => sum + charsOf(message) + Buffer.byteLength(textOf(message.content)) - textOf(message.content).length,
    0,
  )
}

/**
 * The newest part of a prompt that fits. The oldest exchanges go first, whole; the system message and the newest exchange stay.
 * Where that is still too much, tool results are cut, with a mark; what is left then may exceed `maxChars`.
 */
export function fitPrompt(messages: readonly ChatMessage[], maxChars: number): ChatMessage[] {
  const head = messages.filter(({ role }) => role === 'system')
  const exchanges = byExchange(messages.filter(({ role }) => role !== 'system'))
  let chars = promptChars(messages)
  while (chars > maxChars && exchanges.length > 1) chars -= promptChars(exchanges.shift() ?? [])
  const kept = exchanges.flat()
  if (chars <= maxChars) return [...head, ...kept]
  return [
    ...head,
    ...kept.map((message) => (message.role === 'tool' ? { ...message, content: shortened(textOf(message.content)) } : message)),
  ]
}

/** Each exchange begins with what the user said. */
function byExchange(messages: readonly ChatMessage[]): ChatMessage[][] {
  const exchanges: ChatMessage[][] = []
  for (const message of messages) {
    const current = exchanges.at(-1)
    if (message.role === 'user' || current === undefined) exchanges.push([message])
    else current.push(message)
  }
  return exchanges
}

function shortened(text: string): string {
  if (text.length <= SHORT_RESULT_CHARS) return text
  const kept = text.slice(0, SHORT_RESULT_CHARS).replace(/[\ud800-\udbff]$/, '')
  return `${kept}\n[${text.length - kept.length} more characters were left out]`
}
