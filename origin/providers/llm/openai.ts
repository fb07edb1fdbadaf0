/** Replies from any OpenAI-compatible server (Chat Completions, streamed). */
import type OpenAI from 'openai'
import { type ChatContent, type ChatMessage, type ChatTool, textOf } from '../../../shared/chat.ts'
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
  // servers older than `stream_options` refuse it
  let countsTokens = true
  const ask = async (request: ReplyRequest, options: OpenAI.RequestOptions): Promise<Response> => {
    const counts = countsTokens && request.wantsUsage === true
    try {
      return await client.chat.completions.create(toVendor(request, counts), options).asResponse()
    } catch (thrown) {
      if (!counts || !/stream_options|include_usage/.test(String(thrown))) throw thrown
      countsTokens = false
      return await client.chat.completions.create(toVendor(request, false), options).asResponse()
    }
  }
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
          return partsOf(answerStream(client, await ask(request, options), controller))
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

/** Statuses of a request that the server understood and does not accept: the same request will never be answered. */
const NOT_ACCEPTED: readonly unknown[] = [400, 413, 422]

/** The server's refusal, with its reason where the words tell it. */
function failureOf(thrown: unknown, apiKey: string): AvatarError {
  const failure = openAiFailure(thrown, { apiKey, notFound: 'OPENAI_MODEL and OPENAI_BASE_URL' })
  const { vendor_message: words, status } = failure.details
  const reason = typeof words === 'string' ? refusalReason(words) : undefined
  if (typeof words !== 'string' || (reason === undefined && !NOT_ACCEPTED.includes(status))) return failure
  const about = reason === 'context_length' ? { reason, ...contextTokens(words) } : reason === undefined ? {} : { reason }
  return new AvatarError('INVALID_REQUEST', failure.message, { ...failure.details, ...about }, { cause: failure.cause })
}

function toVendor(request: ReplyRequest, countsTokens: boolean): OpenAI.ChatCompletionCreateParamsStreaming {
  const { messages, model, settings, tools = [], tool_choice } = request
  return {
    ...settings,
    model,
    messages: messages.map(toVendorMessage),
    stream: true,
    ...(countsTokens ? { stream_options: { include_usage: true } } : {}),
    // an empty list is refused
    ...(tools.length > 0 ? { tools: tools.map(toVendorTool), ...(tool_choice ? { tool_choice: toVendorChoice(tool_choice) } : {}) } : {}),
  }
}

function toVendorTool({ type, function: { name, description, parameters, strict } }: ChatTool): OpenAI.ChatCompletionTool {
  const about = { ...(description === undefined ? {} : { description }), ...(parameters === undefined ? {} : { parameters }) }
  return { type, function: { name, ...about, ...(strict == null ? {} : { strict }) } }
}

/** Its schema is open, where the package's type knows the two modes. */
function toVendorChoice(choice: NonNullable<ReplyRequest['tool_choice']>): OpenAI.ChatCompletionToolChoiceOption {
  return choice as OpenAI.ChatCompletionToolChoiceOption
}

function toVendorMessage(message: ChatMessage): OpenAI.ChatCompletionMessageParam {
  if (message.role === 'tool') return { ...message, content: textOf(message.content) }
  const name = message.name === undefined ? {} : { name: message.name }
  if (message.role === 'user') return { role: 'user', content: toVendorContent(message.content), ...name }
  if (message.role !== 'assistant')
    return { role: message.role, content: textOf(message.content), ...name } as OpenAI.ChatCompletionMessageParam
  const { tool_calls, refusal } = message
  return { role: 'assistant', content: textOf(message.content) || refusal || null, ...name, ...(tool_calls ? { tool_calls } : {}) }
}

/** Many servers take no list where there is only text. */
function toVendorContent(content: ChatContent): OpenAI.ChatCompletionUserMessageParam['content'] {
  if (typeof content === 'string' || content.every(({ type }) => type === 'text')) return textOf(content)
  return content as OpenAI.ChatCompletionContentPart[]
}
