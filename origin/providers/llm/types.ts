/** What the origin asks of a language model. */
import type { ChatMessage, ChatRequest } from '../../../shared/chat.ts'

/** The parts of a reply, in order. Parts of one tool call share its index; its id and name come with the first. */
export type ReplyPart =
  | { type: 'text'; text: string }
  /** What the model thinks before it answers. */
  | { type: 'thought'; text: string }
  | { type: 'tool_call'; index: number; id?: string | undefined; name?: string | undefined; arguments?: string | undefined }
  | { type: 'finish'; reason: 'stop' | 'length' | 'tool_calls' | 'content_filter' }

export interface ReplyRequest {
  temperature?: ChatRequest['temperature']
  max_tokens?: ChatRequest['max_tokens']
  max_completion_tokens?: ChatRequest['max_completion_tokens']
  tools?: ChatRequest['tools']
  tool_choice?: ChatRequest['tool_choice']
  messages: readonly ChatMessage[]
  model: string
}

export interface ChatProvider {
  readonly name: string
  /** The model that answers when the caller names none. */
  readonly defaultModel: string
  /**
   * Parts of the reply as they come; it bounds its own waiting for the first and for each that follows.
   *
   * @throws AvatarError `PROVIDER_FAILED`, with the server's own words in `details.vendor_message` where it gave some, and with
   *   `details.reason` `context_length`, `content_filter` or `timeout` where that is the reason; the signal's reason when aborted
   */
  reply(request: ReplyRequest, signal: AbortSignal): AsyncIterable<ReplyPart>
}
