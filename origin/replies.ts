/** Messages to answer: the reply streams to its caller as text and to the voice as a turn. */
import type { ChatRequest } from '../shared/chat.ts'
import { toAvatarError } from '../shared/errors.ts'
import type { OriginEvent } from '../shared/events.ts'
import { Conversation, MAX_REPLY_CHARS } from './conversation.ts'
import { Channel } from './pipeline/channel.ts'
import type { SessionParts } from './session-parts.ts'
import type { Turn } from './turn.ts'

export interface ChatOutcome {
  taskId: string
  model: string
  text: string
  finishReason: 'stop' | 'length' | 'interrupted'
}
export type OnToken = (token: string, about: { taskId: string; model: string }) => void

export interface RepliesOptions {
  sessionId: string
  parts: SessionParts
  emit: (event: OriginEvent) => void
  /** Queues text to be spoken as it comes. @throws AvatarError when no more tasks can be taken */
  begin: (kind: 'chat' | 'voice', text: AsyncIterable<string>) => Turn
  /** Ends a turn whose caller has gone. */
  stop: (turn: Turn) => void
}

export class Replies {
  readonly #options: RepliesOptions
  readonly #conversation: Conversation

  constructor(options: RepliesOptions) {
    this.#options = options
    this.#conversation = new Conversation(options.parts.persona)
  }

  /** A task is over: what was heard of it belongs to the history. */
  ended(turn: Turn): void {
    if (turn.kind !== 'audio') this.#conversation.saidByAvatar(turn.spokenText)
  }

  /** @param onToken called for every piece of text as it comes @param cancelled the caller has gone */
  async chat(
    { messages, model }: Pick<ChatRequest, 'messages' | 'model'>,
    onToken: OnToken,
    cancelled: AbortSignal,
    kind: 'chat' | 'voice' = 'chat',
  ): Promise<ChatOutcome> {
    const { sessionId, parts, emit, begin, stop } = this.#options
    const { chat } = parts
    const prompt = this.#conversation.prompt(messages)
    const tokens = new Channel<string>({ capacity: MAX_REPLY_CHARS, weigh: (token) => token.length })
    const turn = begin(kind, tokens)
    const leave = (): void => stop(turn)
    cancelled.addEventListener('abort', leave, { once: true })
    const said = this.#conversation.heardFromUser(messages)
    if (said !== undefined) emit({ type: 'chat', session_id: sessionId, task_id: turn.taskId, role: 'user', content: said })
    // the scripted persona is never passed off as a model that somebody asked for
    const answering = chat.name === 'demo' ? chat.defaultModel : (model ?? chat.defaultModel)
    const outcome: ChatOutcome = { taskId: turn.taskId, model: answering, text: '', finishReason: 'stop' }
    try {
      for await (const token of chat.reply({ messages: prompt, model: answering }, turn.signal)) {
        outcome.text += token
        onToken(token, outcome)
        await tokens.push(token, turn.signal)
        if (outcome.text.length >= MAX_REPLY_CHARS) {
          outcome.finishReason = 'length'
          break
        }
      }
      tokens.close()
      return outcome
    } catch (thrown) {
      if (turn.signal.aborted) return { ...outcome, finishReason: 'interrupted' }
      const error = toAvatarError(thrown)
      tokens.fail(error)
      throw error
    } finally {
      cancelled.removeEventListener('abort', leave)
    }
  }
}
