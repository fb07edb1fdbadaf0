/** Replies from any OpenAI-compatible server (Chat Completions, streamed). */
import OpenAI from 'openai'
import { type ChatMessage, textOf } from '../../shared/chat.ts'
import type { AvatarError } from '../../shared/errors.ts'
import type { ChatProvider } from './types.ts'
import { vendorFailure } from './vendor-failure.ts'

/** ms until the server has to have begun to answer. */
const FIRST_BYTE_TIMEOUT_MS = 20_000

export interface OpenAiOptions {
  apiKey: string
  baseUrl?: string | undefined
  model: string
}

export function createOpenAiClient({ apiKey, baseUrl }: { apiKey: string; baseUrl?: string | undefined }): OpenAI {
  // the listener's patience is shorter than the package's default retries
  return new OpenAI({ apiKey, ...(baseUrl ? { baseURL: baseUrl } : {}), timeout: FIRST_BYTE_TIMEOUT_MS, maxRetries: 1 })
}

/** Tells the caller what a vendor's refusal means for them; keys and prompts stay out of it. */
export function openAiFailure(thrown: unknown, { apiKey, notFound }: { apiKey: string; notFound: string }): AvatarError {
  return vendorFailure(thrown, { provider: 'openai', keyVariable: 'OPENAI_API_KEY', key: apiKey, notFound })
}

export function createOpenAiChat({ apiKey, baseUrl, model }: OpenAiOptions): ChatProvider {
  const client = createOpenAiClient({ apiKey, baseUrl })
  return {
    name: 'openai',
    defaultModel: model,
    async *reply({ messages, model: wanted }, signal) {
      try {
        const stream = await client.chat.completions.create({ model: wanted, messages: messages.map(toVendor), stream: true }, { signal })
        for await (const part of stream) {
          signal.throwIfAborted()
          const text = part.choices[0]?.delta?.content
          if (text) yield text
        }
        signal.throwIfAborted()
      } catch (thrown) {
        signal.throwIfAborted()
        throw openAiFailure(thrown, { apiKey, notFound: 'OPENAI_MODEL and OPENAI_BASE_URL' })
      }
    },
  }
}

function toVendor(message: ChatMessage): OpenAI.ChatCompletionMessageParam {
  if (message.role !== 'assistant') return { ...message, content: textOf(message.content) }
  const { tool_calls } = message
  return { role: 'assistant', content: textOf(message.content) || null, ...(tool_calls ? { tool_calls } : {}) }
}
