/** Chat: the request, the reply while it is written, and the functions that the model wants called. */
import type { ChatChunk, ChatMessage, ChatRequest, FinishReason, ToolCall } from '../../../../shared/chat.ts'
import { AvatarError, avatarError, isErrorCode } from './errors.ts'
import type { Http } from './http.ts'
import { eventData } from './sse.ts'

/** Rounds of calls and answers in one chat. */
const MAX_TOOL_ROUNDS = 8

export type ChatInput = string | readonly ChatMessage[]

export interface ChatOptions
  extends Partial<Pick<ChatRequest, 'model' | 'temperature' | 'max_tokens' | 'max_completion_tokens' | 'tools' | 'tool_choice' | 'mode'>> {
  /**
   * Called for each function that the model wants called. What it gives back is told to the model (text as it is, anything else
   * as JSON), which then goes on with its reply.
   */
  onToolCall?: (call: ToolCall) => unknown
  /** Further fields for the model's server, as they are: `top_p`, `stop`, `seed`, `response_format`, ... */
  settings?: Readonly<Record<string, unknown>>
  signal?: AbortSignal
}

export interface ChatResult {
  /** The whole text. */
  content: string
  /** What the model wants called; empty where `onToolCall` answered. */
  tool_calls: ToolCall[]
  finish_reason: FinishReason | null
  /** What the avatar says; undefined where there was nothing to say. */
  task_id: string | undefined
}

interface ChatCall {
  http: Http
  session_id: string
  input: ChatInput
  options: ChatOptions
}

/** The pieces of the reply's text; in the end, what it came to. @throws AvatarError */
export async function* chatStream({ http, session_id, input, options }: ChatCall): AsyncGenerator<string, ChatResult> {
  const { onToolCall, signal, settings, ...wanted } = options
  let messages: readonly ChatMessage[] = typeof input === 'string' ? [{ role: 'user', content: input }] : input
  // the server remembers what was said, unless the caller sends replies too
  const keepsHistory = messages.some(({ role }) => role === 'assistant')
  const instructions = messages.filter(({ role }) => role === 'system' || role === 'developer')
  let content = ''
  for (let round = 1; ; round++) {
    const body = { ...settings, session_id, messages, stream: true, ...wanted }
    const reply = yield* readReply(await http.stream('/chat.completions', { body, signal }), signal)
    content += reply.content
    const { tool_calls } = reply
    if (!onToolCall || tool_calls.length === 0) return { ...reply, content }
    if (round === MAX_TOOL_ROUNDS) {
      const message = `The model wants functions called after ${MAX_TOOL_ROUNDS} rounds of it; set tool_choice to 'none', or ask for less.`
      throw avatarError({ code: 'INVALID_RESPONSE', message, details: { tool_calls } })
    }
    const results = await Promise.all(tool_calls.map(async (call) => resultOf(call, await onToolCall(call))))
    signal?.throwIfAborted()
    messages = keepsHistory
      ? [...messages, { role: 'assistant', content: reply.content, tool_calls }, ...results]
      : [...instructions, ...results]
  }
}

function resultOf({ id }: ToolCall, result: unknown): ChatMessage {
  return { role: 'tool', tool_call_id: id, content: typeof result === 'string' ? result : (JSON.stringify(result) ?? '') }
}

async function* readReply(stream: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<string, ChatResult> {
  const result: ChatResult = { content: '', tool_calls: [], finish_reason: null, task_id: undefined }
  try {
    for await (const data of eventData(stream)) {
      signal?.throwIfAborted()
      if (data === '[DONE]') return result
      const chunk = parseChunk(data)
      result.task_id ??= chunk.task_id
      const { delta, finish_reason } = chunk.choices?.[0] ?? {}
      result.finish_reason = finish_reason ?? result.finish_reason
      for (const part of delta?.tool_calls ?? []) addToolCall(result.tool_calls, part)
      if (!delta?.content) continue
      result.content += delta.content
      yield delta.content
    }
  } catch (thrown) {
    if (thrown instanceof AvatarError || signal?.aborted) throw thrown
    throw avatarError({ code: 'CONNECTION_FAILED', message: 'The reply broke off: the connection was lost.', cause: thrown })
  }
  throw avatarError({ code: 'CONNECTION_FAILED', message: 'The reply broke off before its end.' })
}

type ToolCallPart = NonNullable<ChatChunk['choices'][number]['delta']['tool_calls']>[number]

/** A call comes in parts, which go by its index. */
function addToolCall(calls: ToolCall[], { index, id = '', function: part }: ToolCallPart): void {
  calls[index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } }
  const call = calls[index]
  call.id ||= id
  call.function.name += part?.name ?? ''
  call.function.arguments += part?.arguments ?? ''
}

/** @throws AvatarError INVALID_RESPONSE, or the failure that the stream carries */
function parseChunk(data: string): Partial<ChatChunk> {
  let chunk: Partial<ChatChunk> & { error?: { code?: unknown; message?: unknown; details?: Record<string, unknown> } }
  try {
    chunk = JSON.parse(data)
  } catch (cause) {
    throw avatarError({ code: 'INVALID_RESPONSE', message: 'The reply holds something that is not JSON; is apiUrl right?', cause })
  }
  if (!chunk.error) return chunk
  const { code, message, details } = chunk.error
  throw avatarError({ code: isErrorCode(code) ? code : 'INTERNAL_ERROR', message: String(message ?? 'The reply broke off.'), details })
}
