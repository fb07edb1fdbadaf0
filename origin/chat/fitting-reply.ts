/** Asks a model again, with less of the conversation, when its context is too small. */
import type { ChatMessage } from '../../shared/chat.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { ChatProvider, ReplyPart, ReplyRequest } from '../providers/llm/types.ts'
import { alternate, fitPrompt, promptChars } from './prompt.ts'

/** Share of the refused prompt that is tried next where the model does not say how much it takes. */
const NEXT_SHARE = 0.5
/** Of the size that the model names: characters per token differ within a prompt, and the reply needs room. */
const SAFE_SHARE = 0.75
/** Requests for one reply: the whole, a part, and at last the newest exchange alone. */
const ATTEMPTS = 3

/** What a session has learnt of its model's context. */
export interface ContextLimit {
  /** Characters of the longest prompt worth sending; undefined until a model refused one. */
  maxChars?: number
}

/**
 * Parts of the reply to a prompt in which the roles alternate and which is no longer than `limit`. When the model refuses it for
 * its length, the oldest exchanges are left out and it is asked again; `limit` remembers it.
 *
 * @throws AvatarError `PROVIDER_FAILED` with `reason: 'context_length'` when the newest exchange alone is too long
 */
export async function* replyThatFits(
  llm: ChatProvider,
  { messages, ...request }: ReplyRequest,
  limit: ContextLimit,
  signal: AbortSignal,
): AsyncGenerator<ReplyPart> {
  const whole = alternate(messages)
  let maxChars = limit.maxChars ?? Number.POSITIVE_INFINITY
  for (let attempt = 1; ; attempt++) {
    const prompt = fitPrompt(whole, maxChars)
    try {
      return yield* llm.reply({ ...request, messages: prompt }, signal)
    } catch (thrown) {
      const next = smaller(thrown, prompt)
      if (next === undefined) throw thrown
      limit.maxChars = next
      maxChars = attempt === ATTEMPTS - 1 ? 0 : next
      // nothing can be left out any more: the caller is told what the model said
      if (attempt === ATTEMPTS || promptChars(fitPrompt(whole, maxChars)) >= promptChars(prompt)) throw thrown
    }
  }
}

/** Characters to try next, or undefined where the failure is another. A refusal comes before the first part, so nothing is said twice. */
function smaller(thrown: unknown, prompt: readonly ChatMessage[]): number | undefined {
  if (!(thrown instanceof AvatarError) || thrown.details.reason !== 'context_length') return undefined
  const { max_tokens, prompt_tokens } = thrown.details
  const known = typeof max_tokens === 'number' && typeof prompt_tokens === 'number' && max_tokens < prompt_tokens
  return Math.floor(promptChars(prompt) * (known ? (max_tokens / prompt_tokens) * SAFE_SHARE : NEXT_SHARE))
}
