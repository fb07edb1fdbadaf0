/** A reply's parts without the model's control text: what it thinks becomes parts of its own. */
import type { ReplyPart } from '../providers/llm/types.ts'
import { ModelControl, type ModelPart } from '../text/model-control.ts'

/** `recall`: all text so far was thought. */
export type AnswerPart = ReplyPart | { type: 'recall' }

/** Models whose thoughts came with their closing mark only: their next replies wait for it. */
const thinkFirst = new Set<string>()
const MAX_REMEMBERED = 100

export async function* answerParts(parts: AsyncIterable<ReplyPart>, model: string): AsyncGenerator<AnswerPart> {
  const control = new ModelControl({ thinksFirst: thinkFirst.has(model) })
  let ended = false
  for await (const part of parts) {
    if (part.type === 'text') yield* control.push(part.text).map(toPart)
    else {
      if (part.type === 'finish' && !ended) {
        ended = true
        yield* control.end().map(toPart)
      }
      yield part
    }
    if (control.thoughtFirst && thinkFirst.size < MAX_REMEMBERED) thinkFirst.add(model)
  }
  yield* control.end().map(toPart)
}

function toPart(part: ModelPart): AnswerPart {
  if (part.kind === 'recall') return { type: 'recall' }
  return { type: part.kind === 'answer' ? 'text' : 'thought', text: part.text }
}
