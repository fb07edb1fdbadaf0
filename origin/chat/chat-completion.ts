/** Builds a reply in the format of OpenAI's chat completions: chunks while it streams, the whole at the end. */
import { randomUUID } from 'node:crypto'
import type { ChatChunk, ChatResponse, ChatUsage, FinishReason, ToolCall } from '../../shared/chat.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { ChatProvider, ReplyPart } from '../providers/llm/types.ts'
import type { AnswerPart } from './answer-parts.ts'

/** Longest reply, characters: about twenty minutes of speech. */
export const MAX_REPLY_CHARS = 20_000
/** Longest thoughts of one reply, characters. */
const MAX_THOUGHT_CHARS = 200_000
/** Tool calls of one reply, and characters of one call's arguments: what the contract lets a message carry. */
const MAX_TOOL_CALLS = 64
const MAX_ARGUMENTS_CHARS = 20_000

/** Of text, in most models. */
const BYTES_PER_TOKEN = 4

/** The scripted persona never answers under the name of a model that was asked for. */
export function answeringModel({ name, defaultModel }: ChatProvider, wanted: string | undefined): string {
  return name === 'demo' ? defaultModel : wanted || defaultModel
}

export interface ChatCompletionOptions {
  model: string
  taskId?: string
  onChunk?: ((chunk: ChatChunk) => void) | undefined
  /** The last chunk, which has no choices, tells the tokens that were used. */
  streamsUsage?: boolean | undefined
  /** What the model reads, bytes: its tokens are estimated by it where the server does not count. */
  promptBytes: number
  /** Called once for each tool call, when it is complete. */
  onToolCall?: (call: ToolCall) => void
}

type Delta = ChatChunk['choices'][number]['delta']

export class ChatCompletion {
  readonly model: string
  readonly #options: ChatCompletionOptions
  readonly #common: { id: string; created: number; model: string; task_id?: string }
  /** In order; all before the last are complete. */
  readonly #calls: ToolCall[] = []
  readonly #positionByIndex = new Map<number, number>()
  #completeCalls = 0
  #text = ''
  #thoughts = ''
  #started = false
  #usage: ChatUsage | undefined
  #finishReason: Extract<ReplyPart, { type: 'finish' }>['reason'] = 'stop'

  constructor(options: ChatCompletionOptions) {
    this.#options = options
    this.model = options.model
    const { model, taskId } = options
    this.#common = {
      id: `chatcmpl-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model,
      ...(taskId === undefined ? {} : { task_id: taskId }),
    }
  }

  get text(): string {
    return this.#text
  }

  /** The model's server would not answer this. */
  get isFiltered(): boolean {
    return this.#finishReason === 'content_filter'
  }

  get #wasCut(): boolean {
    return this.#finishReason === 'length' || this.#finishReason === 'content_filter'
  }

  /** Calls that are complete. */
  get toolCalls(): readonly ToolCall[] {
    return this.#calls.slice(0, this.#completeCalls)
  }

  /** Adds the next part. @returns false when the reply is as long as one may be @throws AvatarError `PROVIDER_FAILED` */
  take(part: AnswerPart): boolean {
    switch (part.type) {
      case 'text':
        this.#text += part.text
        this.#send({ content: part.text }, null)
        if (this.#text.length < MAX_REPLY_CHARS) return true
        this.#finishReason = 'length'
        return false
      case 'thought':
        this.#thoughts += part.text
        this.#send({ reasoning_content: part.text }, null)
        if (this.#thoughts.length < MAX_THOUGHT_CHARS) return true
        this.#finishReason = 'length'
        return false
      case 'recall':
        this.#thoughts += this.#text
        this.#text = ''
        return true
      case 'tool_call':
        this.#takeCall(part)
        return true
      case 'usage':
        this.#usage = part.usage
        return true
      case 'finish':
        this.#finishReason = part.reason
        return true
    }
  }

  /** Ends the reply. @param reason @default the LLM's */
  finish(reason?: 'interrupted'): ChatResponse {
    // a call whose arguments were cut off is incomplete
    if (reason === undefined && !this.#wasCut) this.#completeUpTo(this.#calls.length)
    const calls = this.toolCalls
    const finish_reason: FinishReason = reason ?? (this.#wasCut ? this.#finishReason : calls.length > 0 ? 'tool_calls' : 'stop')
    this.#send({}, finish_reason)
    const usage = this.#usage ?? this.#estimatedUsage()
    if (this.#options.streamsUsage) this.#options.onChunk?.({ ...this.#common, object: 'chat.completion.chunk', choices: [], usage })
    const message = { role: 'assistant' as const, content: this.#text === '' && calls.length > 0 ? null : this.#text }
    return {
      ...this.#common,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: {
            ...message,
            ...(this.#thoughts === '' ? {} : { reasoning_content: this.#thoughts.trim() }),
            ...(calls.length > 0 ? { tool_calls: [...calls] } : {}),
            refusal: null,
          },
          logprobs: null,
          finish_reason,
        },
      ],
      usage,
    }
  }

  #estimatedUsage(): ChatUsage {
    const args = this.#calls.map(({ function: { name, arguments: text } }) => name + text).join('')
    const prompt_tokens = estimatedTokens(this.#options.promptBytes)
    const completion_tokens = estimatedTokens(Buffer.byteLength(this.#thoughts + this.#text + args))
    return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, estimated: true }
  }

  #takeCall({ index, id, name, arguments: text = '' }: Extract<ReplyPart, { type: 'tool_call' }>): void {
    let position = this.#positionByIndex.get(index)
    const before = position === undefined ? undefined : this.#calls[position]
    // some servers give every call the same index
    if (before === undefined || (id !== undefined && id !== '' && id !== before.id)) {
      if (!name) throw refused('a call without a function’s name')
      if (this.#calls.length >= MAX_TOOL_CALLS) throw refused('too many calls')
      this.#completeUpTo(this.#calls.length)
      position = this.#calls.length
      this.#positionByIndex.set(index, position)
      const call: ToolCall = { id: id || `call_${randomUUID()}`, type: 'function', function: { name, arguments: '' } }
      this.#calls.push(call)
      this.#send({ tool_calls: [{ index: position, id: call.id, type: 'function', function: { name, arguments: '' } }] }, null)
    }
    const call = position === undefined ? undefined : this.#calls[position]
    if (!call || position === undefined || text === '') return
    if (call.function.arguments.length + text.length > MAX_ARGUMENTS_CHARS) throw refused('arguments that are too long')
    call.function.arguments += text
    this.#send({ tool_calls: [{ index: position, function: { arguments: text } }] }, null)
  }

  #completeUpTo(count: number): void {
    for (const call of this.#calls.slice(this.#completeCalls, count)) {
      if (call.function.arguments.trim() === '') call.function.arguments = '{}'
      this.#options.onToolCall?.(call)
    }
    this.#completeCalls = Math.max(this.#completeCalls, count)
  }

  #send(delta: Delta, finish_reason: FinishReason | null): void {
    const begun = this.#started
    this.#started = true
    const whole = begun ? delta : { role: 'assistant' as const, ...delta }
    const choices = [{ index: 0, delta: whole, finish_reason }]
    const usage = this.#options.streamsUsage ? { usage: null } : {}
    this.#options.onChunk?.({ ...this.#common, object: 'chat.completion.chunk', choices, ...usage })
  }
}

function estimatedTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}

function refused(what: string): AvatarError {
  return new AvatarError('PROVIDER_FAILED', `The model answered with ${what}; try again, or with other tools.`)
}
