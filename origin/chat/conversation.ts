/** The session's conversation, and which part of it goes to the LLM. Of interrupted replies it keeps the spoken part only. */
import { type ChatMessage, type ToolCall, textOf } from '../../shared/chat.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { ContextLimit } from './fitting-reply.ts'
import { mediaOf, promptChars } from './prompt.ts'

/** Messages of history that are kept, and characters of their text; the oldest go first. */
const MAX_HISTORY = 60
const MAX_HISTORY_CHARS = 1_000_000
/** Characters of pictures, sounds and files that are kept, as base64; of the newest exchange all are. */
const MAX_MEDIA_CHARS = 8_388_608
const NO_LONGER_KEPT = '[A picture, sound or file was here; it is no longer kept.]'

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>
type Fresh = Exclude<ChatMessage, { role: 'system' | 'developer' }>

/** The messages of one request, and the avatar's reply. */
export class Exchange {
  #asked: readonly Fresh[]
  /** Characters of pictures, sounds and files. */
  #mediaChars: number
  /**
   * While it is spoken, all of it: a request made now is answered after it. Once the turn has ended, the spoken part.
   */
  said = ''
  toolCalls: readonly ToolCall[] = []

  constructor(asked: readonly Fresh[]) {
    this.#asked = asked
    this.#mediaChars = asked.flatMap(mediaOf).reduce<number>((sum, part) => sum + JSON.stringify(part).length, 0)
  }

  get mediaChars(): number {
    return this.#mediaChars
  }

  /** Puts a note in the place of pictures, sounds and files. */
  dropMedia(): void {
    this.#mediaChars = 0
    this.#asked = this.#asked.map((message) => {
      if (message.role !== 'user' || mediaOf(message).length === 0) return message
      return { ...message, content: `${textOf(message.content)}\n${NO_LONGER_KEPT}`.trim() }
    })
  }

  get messages(): Fresh[] {
    if (this.said === '' && this.toolCalls.length === 0) return [...this.#asked]
    const answer: AssistantMessage = { role: 'assistant', content: this.said === '' ? null : this.said }
    return [...this.#asked, this.toolCalls.length > 0 ? { ...answer, tool_calls: [...this.toolCalls] } : answer]
  }
}

export interface Prepared {
  /** What the LLM gets. */
  prompt: ChatMessage[]
  /** Messages that the history does not have yet. */
  fresh: Fresh[]
}

export class Conversation {
  readonly #persona: ChatMessage
  /** Learnt from the model's refusals. */
  readonly limit: ContextLimit = {}
  #history: Exchange[] = []

  constructor(persona: string) {
    this.#persona = { role: 'system', content: persona }
  }

  /**
   * The messages for the LLM. A caller that sends assistant messages keeps the history itself: its list is used unchanged. One that
   * sends only new messages, tool results included, gets the session's history before them. The persona is the first message
   * where there is no system message.
   *
   * @throws AvatarError `INVALID_REQUEST` for the result of an unknown tool call
   */
  prepare(sent: readonly ChatMessage[]): Prepared {
    const known = this.#history.flatMap(({ messages }) => messages)
    const spoken = sent.filter((message): message is Fresh => message.role !== 'system' && message.role !== 'developer')
    const isKnown = (message: Fresh): boolean =>
      message.role === 'assistant' && message.tool_calls !== undefined && message.tool_calls.every(({ id }) => calls(known).has(id))
    const first = spoken[0]
    const continues = !first || first.role === 'tool' || isKnown(first) || !spoken.some(({ role }) => role === 'assistant')
    const added = continues ? spoken.filter((message) => !isKnown(message)) : spoken
    const systems = sent.filter((message) => message.role === 'system' || message.role === 'developer')
    const lead = systems.length > 0 ? [] : [this.#persona]
    if (!continues) return { prompt: [...lead, ...sent], fresh: afterLastReply(spoken, isKnown) }
    requireCalls(added, known)
    return { prompt: [...lead, ...systems, ...inOrder([...known, ...added])], fresh: added }
  }

  /** Adds a request's messages; the reply is written into the result while it streams. */
  open(asked: readonly Fresh[]): Exchange {
    const exchange = new Exchange(asked)
    this.#history.push(exchange)
    const count = () => this.#history.reduce((sum, { messages }) => sum + messages.length, 0)
    const chars = () => this.#history.reduce((sum, { messages }) => sum + promptChars(messages), 0)
    while (this.#history.length > 1 && (count() > MAX_HISTORY || chars() > MAX_HISTORY_CHARS)) this.#history.shift()
    let mediaChars = exchange.mediaChars
    for (const older of this.#history.toReversed().slice(1)) {
      mediaChars += older.mediaChars
      if (mediaChars > MAX_MEDIA_CHARS) older.dropMedia()
    }
    return exchange
  }

  /** A request that failed or was refused leaves no trace: later ones must not fail for it. */
  forget(exchange: Exchange): void {
    this.#history = this.#history.filter((other) => other !== exchange)
  }
}

/** The newest thing that the user said. */
export function userText(messages: readonly ChatMessage[]): string | undefined {
  const newest = messages.findLast((message) => message.role === 'user')
  return newest && textOf(newest.content)
}

function calls(messages: readonly Fresh[]): Set<string> {
  return new Set(messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : [])).map(({ id }) => id))
}

function requireCalls(added: readonly Fresh[], known: readonly Fresh[]): void {
  const open = calls([...known, ...added])
  for (const message of added) {
    if (message.role !== 'tool' || open.has(message.tool_call_id)) continue
    const words = 'answers no tool call of this session; send the assistant message that has it too, and what was said before'
    throw new AvatarError('INVALID_REQUEST', `tool_call_id "${message.tool_call_id}" ${words}.`, { tool_call_id: message.tool_call_id })
  }
}

/** Of a list kept by the caller: what follows the last reply, and that reply where its tool calls are new here. */
function afterLastReply(spoken: readonly Fresh[], isKnown: (message: Fresh) => boolean): Fresh[] {
  const last = spoken.findLastIndex(({ role }) => role === 'assistant')
  const reply = spoken[last]
  const isNew = reply?.role === 'assistant' && reply.tool_calls !== undefined && last < spoken.length - 1 && !isKnown(reply)
  return spoken.slice(isNew ? last : last + 1)
}

/** LLMs require each tool call to be followed by its result: results move to their calls, calls without a result are left out. */
function inOrder(messages: readonly Fresh[]): Fresh[] {
  const used = new Set<Fresh>()
  const resultOf = (id: string, after: number): Fresh[] => {
    const found = messages.find((message, i) => i > after && message.role === 'tool' && message.tool_call_id === id && !used.has(message))
    if (found) used.add(found)
    return found ? [found] : []
  }
  return messages.flatMap((message, i): Fresh[] => {
    if (message.role === 'tool') return []
    if (message.role !== 'assistant' || !message.tool_calls) return [message]
    const answered = message.tool_calls.map((call) => ({ call, results: resultOf(call.id, i) })).filter(({ results }) => results.length > 0)
    const { tool_calls: _, ...text } = message
    if (answered.length === 0) return textOf(message.content) === '' ? [] : [text]
    return [{ ...text, tool_calls: answered.map(({ call }) => call) }, ...answered.flatMap(({ results }) => results)]
  })
}
