/** Replies from any OpenAI-compatible server (Chat Completions, streamed). */
import type OpenAI from 'openai'
import { type ChatMessage, type ChatTool, textOf } from '../../../shared/chat.ts'
import { createOpenAiClient, FIRST_BYTE_TIMEOUT_MS, openAiFailure } from '../openai-client.ts'
import { streamFromVendor } from '../vendor-stream.ts'
import type { ChatProvider, ReplyPart, ReplyRequest } from './types.ts'

/** ms between two parts of the server's answer. */
const STALL_TIMEOUT_MS = 20_000

export interface OpenAiOptions {
  apiKey: string
  baseUrl?: string | undefined
  model: string
  firstByteTimeoutMs?: number | undefined
  stallTimeoutMs?: number | undefined
}

export function createOpenAiChat({
  apiKey,
  baseUrl,
  model,
  firstByteTimeoutMs = FIRST_BYTE_TIMEOUT_MS,
  stallTimeoutMs = STALL_TIMEOUT_MS,
}: OpenAiOptions): ChatProvider {
  const client = createOpenAiClient({ apiKey, baseUrl })
  return {
    name: 'openai',
    defaultModel: model,
    async *reply(request, signal) {
      const chunks = streamFromVendor({
        provider: 'openai',
        open: (both) => client.chat.completions.create(toVendor(request), { signal: both, maxRetries: 0 }),
        failure: (thrown) => openAiFailure(thrown, { apiKey, notFound: 'OPENAI_MODEL and OPENAI_BASE_URL' }),
        signal,
        firstByteTimeoutMs,
        stallTimeoutMs,
      })
      for await (const chunk of chunks) yield* partsOf(chunk)
    },
  }
}

function* partsOf({ choices }: OpenAI.ChatCompletionChunk): Generator<ReplyPart> {
  const [choice] = choices
  if (!choice) return
  // servers differ in what they leave out
  const { content, tool_calls } = choice.delta ?? {}
  const thought = thoughtOf(choice.delta)
  if (thought !== '') yield { type: 'thought', text: thought }
  if (content) yield { type: 'text', text: content }
  for (const [i, call] of (tool_calls ?? []).entries()) {
    yield {
      type: 'tool_call',
      index: call.index ?? i,
      id: call.id ?? undefined,
      name: call.function?.name ?? undefined,
      arguments: call.function?.arguments ?? undefined,
    }
  }
  const reason = choice.finish_reason
  if (reason) yield { type: 'finish', reason: reason === 'length' || reason === 'tool_calls' ? reason : 'stop' }
}

/** Thoughts come under names that the official client does not know. */
function thoughtOf(delta: object | undefined): string {
  const { reasoning_content, reasoning } = (delta ?? {}) as { reasoning_content?: unknown; reasoning?: unknown }
  const thought = reasoning_content ?? reasoning
  return typeof thought === 'string' ? thought : ''
}

function toVendor(request: ReplyRequest): OpenAI.ChatCompletionCreateParamsStreaming {
  const { messages, model, temperature, max_tokens, max_completion_tokens, tools = [], tool_choice } = request
  return {
    model,
    messages: messages.map(toVendorMessage),
    stream: true,
    ...(temperature == null ? {} : { temperature }),
    ...(max_tokens == null ? {} : { max_tokens }),
    ...(max_completion_tokens == null ? {} : { max_completion_tokens }),
    // an empty list is refused
    ...(tools.length > 0 ? { tools: tools.map(toVendorTool), ...(tool_choice ? { tool_choice } : {}) } : {}),
  }
}

function toVendorTool({ type, function: { name, description, parameters, strict } }: ChatTool): OpenAI.ChatCompletionTool {
  const about = { ...(description === undefined ? {} : { description }), ...(parameters === undefined ? {} : { parameters }) }
  return { type, function: { name, ...about, ...(strict == null ? {} : { strict }) } }
}

function toVendorMessage(message: ChatMessage): OpenAI.ChatCompletionMessageParam {
  if (message.role !== 'assistant') return { ...message, content: textOf(message.content) }
  const { tool_calls } = message
  return { role: 'assistant', content: textOf(message.content) || null, ...(tool_calls ? { tool_calls } : {}) }
}
