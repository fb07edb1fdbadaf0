/** Runs replies: streams each from the LLM to its caller and, as a turn, to synthesis; tool calls become events. */
import { type ChatChunk, type ChatRequest, type ChatResponse, settingsOf } from '../../shared/chat.ts'
import { toAvatarError } from '../../shared/errors.ts'
import type { SessionConfig } from '../../shared/link.ts'
import type { SessionEvents } from '../events/session-events.ts'
import type { UserSpeechTimes } from '../listening/types.ts'
import { Channel } from '../pipeline/channel.ts'
import type { ChatProvider } from '../providers/llm/types.ts'
import type { Turn } from '../turn/turn.ts'
import { answerParts } from './answer-parts.ts'
import { answeringModel, ChatCompletion, MAX_REPLY_CHARS } from './chat-completion.ts'
import { Conversation, type Exchange, userText } from './conversation.ts'
import { replyThatFits } from './fitting-reply.ts'
import { promptBytes } from './prompt.ts'

/** A chat with the session's avatar. */
export type ChatTask = Omit<ChatRequest, 'session_id' | 'stream' | 'mode'> & Partial<Pick<ChatRequest, 'stream' | 'mode'>>

export interface AnswerOptions {
  /** Called for every piece of the reply where `stream` is asked for. */
  onChunk?: ((chunk: ChatChunk) => void) | undefined
  /** Aborted when the caller has gone: the turn ends. */
  cancelled?: AbortSignal
  /** Of the speech that is answered. */
  userSpeech?: UserSpeechTimes | undefined
}

/** What replies use of the process. */
export interface ReplyServices {
  llm: ChatProvider
  /** System prompt of sessions that bring none. */
  persona: string
}

export interface ReplyRunnerOptions {
  config: Pick<SessionConfig, 'system_prompt' | 'tools'>
  services: ReplyServices
  events: SessionEvents
  /** Queues text to be spoken as it comes. @throws AvatarError when no more tasks can be taken */
  begin: (text: AsyncIterable<string>, userSpeech?: UserSpeechTimes) => Turn
  /** Ends a turn whose caller has gone. */
  stop: (turn: Turn) => void
}

export class ReplyRunner {
  readonly #options: ReplyRunnerOptions
  readonly #conversation: Conversation
  readonly #exchanges = new WeakMap<Turn, Exchange>()

  constructor(options: ReplyRunnerOptions) {
    this.#options = options
    this.#conversation = new Conversation(options.config.system_prompt ?? options.services.persona)
  }

  /** A text was given to speak: it becomes a part of the conversation. */
  recordSpoken(turn: Turn, text: string): void {
    const exchange = this.#conversation.open([])
    exchange.said = text
    this.#exchanges.set(turn, exchange)
  }

  /** A turn has ended: the conversation keeps the part of it that was spoken. */
  ended(turn: Turn): void {
    const exchange = this.#exchanges.get(turn)
    if (!exchange) return
    exchange.said = turn.spokenText
    if (turn.failure && exchange.said === '' && exchange.toolCalls.length === 0) this.#conversation.forget(exchange)
  }

  /**
   * Starts a reply.
   *
   * @returns the whole reply; rejects with AvatarError where the LLM or the TTS provider fails
   * @throws AvatarError at once where the messages are invalid or no more tasks can be taken
   */
  begin(task: ChatTask, options: AnswerOptions): Promise<ChatResponse> {
    const { events, begin } = this.#options
    const { prompt, fresh } = this.#conversation.prepare(task.messages)
    const tokens = new Channel<string>({ capacity: MAX_REPLY_CHARS, weigh: (token) => token.length })
    const turn = begin(tokens, options.userSpeech)
    turn.waitsForModel = true
    const exchange = this.#conversation.open(fresh)
    this.#exchanges.set(turn, exchange)
    const said = userText(fresh)
    if (said) events.publish({ type: 'chat', task_id: turn.taskId, role: 'user', content: said })
    return this.#answer({ ...task, messages: prompt }, options, { turn, tokens, exchange })
  }

  async #answer(
    { messages, model, stream, stream_options, ...task }: ChatTask,
    { onChunk, cancelled }: AnswerOptions,
    { turn, tokens, exchange }: { turn: Turn; tokens: Channel<string>; exchange: Exchange },
  ): Promise<ChatResponse> {
    const { config, services, events, stop } = this.#options
    const { llm } = services
    const { signal, taskId } = turn
    const streamsUsage = stream === true && stream_options?.include_usage === true
    const reply = new ChatCompletion({
      model: answeringModel(llm, model),
      taskId,
      onChunk: stream ? onChunk : undefined,
      streamsUsage,
      promptBytes: promptBytes(messages),
      onToolCall: (tool_call) => events.publish({ type: 'tool_call', task_id: taskId, tool_call }),
    })
    const leave = (): void => stop(turn)
    if (cancelled?.aborted) leave()
    cancelled?.addEventListener('abort', leave, { once: true })
    const { tools = config.tools, tool_choice } = task
    const wantsUsage = streamsUsage || stream === false
    const request = { settings: settingsOf(task), messages, model: reply.model, tools, tool_choice, wantsUsage }
    try {
      signal.throwIfAborted()
      const parts = replyThatFits(llm, request, this.#conversation.limit, signal)
      for await (const part of answerParts(parts, reply.model)) {
        signal.throwIfAborted()
        const more = reply.take(part)
        exchange.toolCalls = reply.toolCalls
        if (part.type === 'recall') {
          exchange.said = ''
          tokens.clear()
        }
        if (part.type === 'text') {
          turn.waitsForModel = false
          turn.metrics.mark('llm_first_token')
          exchange.said = reply.text
          await tokens.push(part.text, signal)
        }
        if (!more) break
      }
      signal.throwIfAborted()
      turn.expectText(reply.text)
      if (reply.isFiltered) this.#conversation.forget(exchange)
      const response = reply.finish()
      exchange.toolCalls = reply.toolCalls
      return response
    } catch (thrown) {
      // a stopped turn has already ended: only the caller is told why
      if (signal.aborted) {
        if (turn.failure) throw turn.failure
        return reply.finish('interrupted')
      }
      const error = toAvatarError(thrown)
      if (exchange.said === '' && exchange.toolCalls.length === 0) this.#conversation.forget(exchange)
      tokens.fail(error)
      throw error
    } finally {
      turn.waitsForModel = false
      tokens.close()
      cancelled?.removeEventListener('abort', leave)
    }
  }
}
