/** What the origin asks of a language model. */
import type { ChatMessage, ChatRequest, ChatUsage } from '../../../shared/chat.ts'

/** The parts of a reply, in order. Parts of one tool call share its index; its id and name come with the first. */
export type ReplyPart =
  | { type: 'text'; text: string }
  /** What the model thinks before it answers. */
  | { type: 'thought'; text: string }
  | { type: 'tool_call'; index: number; id?: string | undefined; name?: string | undefined; arguments?: string | undefined }
  /** Tokens, as the server counts them; the last such part counts. */
  | { type: 'usage'; usage: ChatUsage }
  | { type: 'finish'; reason: 'stop' | 'length' | 'tool_calls' | 'content_filter' }

export interface ReplyRequest {
  /** Further fields of the request, for the server as they are. */
  settings?: Readonly<Record<string, unknown>>
  /** The caller reads how many tokens were used. */
  wantsUsage?: boolean
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
   * @throws AvatarError `INVALID_REQUEST` when the server does not accept the request itself, `PROVIDER_FAILED` for all else, with the server's own words in `details.vendor_message` where it gave some, and with
   *   `details.reason` `context_length`, `content_filter` or `timeout` where that is the reason; the signal's reason when aborted
   */
  reply(request: ReplyRequest, signal: AbortSignal): AsyncIterable<ReplyPart>
}
