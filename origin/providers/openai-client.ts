/** The client for OpenAI-compatible servers, shared by the STT, LLM and TTS providers. */
import OpenAI from 'openai'
import type { AvatarError } from '../../shared/errors.ts'
import { vendorFailure } from './vendor-failure.ts'

/** ms until the server must have begun to answer, a second try included. */
const FIRST_BYTE_TIMEOUT_MS = 20_000

export function createOpenAiClient({ apiKey, baseUrl }: { apiKey: string; baseUrl?: string | undefined }): OpenAI {
  // the package's default retries take longer than a listener waits, and it would log what it cannot read
  return new OpenAI({ apiKey, ...(baseUrl ? { baseURL: baseUrl } : {}), timeout: FIRST_BYTE_TIMEOUT_MS, maxRetries: 1, logLevel: 'off' })
}

/** The vendor's refusal as an error for the caller, without keys or prompts. */
export function openAiFailure(thrown: unknown, { apiKey, notFound }: { apiKey: string; notFound: string }): AvatarError {
  return vendorFailure(thrown, { provider: 'openai', keyVariable: 'OPENAI_API_KEY', key: apiKey, notFound })
}
