/** A chat of no session: text alone. */
import { type ChatChunk, type ChatRequest, type ChatResponse, settingsOf } from '../../shared/chat.ts'
import { answerParts } from './answer-parts.ts'
import { answeringModel, ChatCompletion } from './chat-completion.ts'
import { Conversation } from './conversation.ts'
import { alternate, promptBytes } from './prompt.ts'
import type { ReplyServices } from './reply-runner.ts'

/**
 * @param onChunk called for every piece of the reply where `params.stream` is true
 * @param signal the caller has gone: the request to the model is cancelled
 * @throws AvatarError `PROVIDER_FAILED`; the signal's reason when aborted
 */
export async function textChat(
  { llm, persona }: ReplyServices,
  request: ChatRequest,
  onChunk: (chunk: ChatChunk) => void,
  signal: AbortSignal,
): Promise<ChatResponse> {
  const messages = alternate(new Conversation(persona).prepare(request.messages).prompt)
  const { stream, tools, tool_choice } = request
  const streamsUsage = stream && request.stream_options?.include_usage === true
  const reply = new ChatCompletion({
    model: answeringModel(llm, request.model),
    onChunk: stream ? onChunk : undefined,
    streamsUsage,
    promptBytes: promptBytes(messages),
  })
  const asked = { settings: settingsOf(request), messages, model: reply.model, tools, tool_choice, wantsUsage: streamsUsage || !stream }
  const parts = llm.reply(asked, signal)
  for await (const part of answerParts(parts, reply.model)) {
    signal.throwIfAborted()
    if (!reply.take(part)) break
  }
  signal.throwIfAborted()
  return reply.finish()
}
