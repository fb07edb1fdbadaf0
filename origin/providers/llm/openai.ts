/** Replies from any OpenAI-compatible server (Chat Completions, streamed). */
import type OpenAI from 'openai'
import { type ChatMessage, type ChatTool, textOf } from '../../../shared/chat.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { createOpenAiClient, openAiFailure } from '../openai-client.ts'
import { streamFromVendor } from '../vendor-stream.ts'
import { answerStream } from './answer-stream.ts'
import { contextTokens, refusalReason } from './refusal.ts'
import { ReplyReader } from './reply-parts.ts'
import type { ChatProvider, ReplyPart, ReplyRequest } from './types.ts'

/** ms until the first part: a local server may load its model first. */
const FIRST_TOKEN_TIMEOUT_MS = 60_000
/** ms between two parts of the server's answer. */
const STALL_TIMEOUT_MS = 20_000

export interface OpenAiOptions {
  apiKey: string
  baseUrl?: string | undefined
  model: string
  /** ms until the first part of a reply. @default 60 s */
  firstTokenTimeoutMs?: number | undefined
  stallTimeoutMs?: number | undefined
}

export function createOpenAiChat({
  apiKey,
  baseUrl,
  model,
  firstTokenTimeoutMs = FIRST_TOKEN_TIMEOUT_MS,
  stallTimeoutMs = STALL_TIMEOUT_MS,
}: OpenAiOptions): ChatProvider {
  const client = createOpenAiClient({ apiKey, baseUrl })
  return {
    name: 'openai',
    defaultModel: model,
    async *reply(request, signal) {
      yield* streamFromVendor({
        provider: 'openai',
        open: async (both) => {
          const controller = new AbortController()
          const ends = AbortSignal.any([both, controller.signal])
          const options = { signal: ends, maxRetries: 0, timeout: firstTokenTimeoutMs }
          return partsOf(answerStream(client, await client.chat.completions.create(toVendor(request), options).asResponse(), controller))
        },
        failure: (thrown) => failureOf(thrown, apiKey),
        signal,
        firstByteTimeoutMs: firstTokenTimeoutMs,
        stallTimeoutMs,
      })
    },
  }
}

async function* partsOf(chunks: AsyncIterable<unknown>): AsyncGenerator<ReplyPart> {
  const reader = new ReplyReader()
  for await (const chunk of chunks) yield* reader.read(chunk)
}

/** The server's refusal, with its reason where the words tell it. */
function failureOf(thrown: unknown, apiKey: string): AvatarError {
  const failure = openAiFailure(thrown, { apiKey, notFound: 'OPENAI_MODEL and OPENAI_BASE_URL' })
  const { vendor_message: words } = failure.details
  const reason = typeof words === 'string' ? refusalReason(words) : undefined
  if (typeof words !== 'string' || reason === undefined) return failure
  const about = reason === 'context_length' ? { reason, ...contextTokens(words) } : { reason }
  return new AvatarError(failure.code, failure.message, { ...failure.details, ...about }, { cause: failure.cause })
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
