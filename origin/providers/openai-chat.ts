/** Replies from any OpenAI-compatible server (Chat Completions, streamed). */
import OpenAI from 'openai'
import { AvatarError } from '../../shared/errors.ts'
import type { ChatProvider } from './types.ts'

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
export function providerFailure(provider: string, thrown: unknown): AvatarError {
  const status = thrown instanceof OpenAI.APIError ? thrown.status : undefined
  const hint =
    status === 401 || status === 403
      ? 'the origin’s OPENAI_API_KEY was refused'
      : status === 404
        ? 'the model or address was not found; check OPENAI_MODEL and OPENAI_BASE_URL'
        : status === 429
          ? 'the provider’s rate limit or quota is used up; try again later'
          : 'it could not be reached or failed; try again'
  return new AvatarError(
    'PROVIDER_FAILED',
    `The provider (${provider}) did not answer: ${hint}.`,
    { provider, ...(status ? { status } : {}) },
    { cause: thrown },
  )
}

export function createOpenAiChat({ apiKey, baseUrl, model }: OpenAiOptions): ChatProvider {
  const client = createOpenAiClient({ apiKey, baseUrl })
  return {
    name: 'openai',
    defaultModel: model,
    async *reply({ messages, model: wanted }, signal) {
      try {
        const stream = await client.chat.completions.create({ model: wanted, messages, stream: true }, { signal })
        for await (const part of stream) {
          signal.throwIfAborted()
          const text = part.choices[0]?.delta?.content
          if (text) yield text
        }
        signal.throwIfAborted()
      } catch (thrown) {
        signal.throwIfAborted()
        throw providerFailure('openai', thrown)
      }
    },
  }
}
