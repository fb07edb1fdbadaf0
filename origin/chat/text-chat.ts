/** A chat of no session: text alone. */
import type { ChatChunk, ChatRequest, ChatResponse } from '../../shared/chat.ts'
import { answerParts } from './answer-parts.ts'
import { answeringModel, ChatCompletion, settingsOf } from './chat-completion.ts'
import { Conversation } from './conversation.ts'
import { alternate } from './prompt.ts'
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
  const reply = new ChatCompletion({ model: answeringModel(llm, request.model), onChunk: request.stream ? onChunk : undefined })
  const { prompt } = new Conversation(persona).prepare(request.messages)
  const parts = llm.reply({ ...settingsOf(request), messages: alternate(prompt), model: reply.model }, signal)
  for await (const part of answerParts(parts, reply.model)) {
    signal.throwIfAborted()
    if (!reply.take(part)) break
  }
  signal.throwIfAborted()
  return reply.finish()
}
