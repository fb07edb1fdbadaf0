/** Chunks of a chat completion, as servers really send them, turned into parts of a reply. */
import type { ReplyPart } from './types.ts'

type Fields = Record<string, unknown>
type FinishReason = Extract<ReplyPart, { type: 'finish' }>['reason']

const FINISH: Record<string, FinishReason> = {
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  safety: 'content_filter',
  sensitive: 'content_filter',
}

/** One reply's chunks, in order. */
export class ReplyReader {
  #hasText = false
  #hasCalls = false

  /** Parts of one chunk; a chunk with nothing in it has none. */
  read(chunk: unknown): ReplyPart[] {
    const choice = fields(list(fields(chunk)?.choices)[0])
    if (!choice) return []
    // some servers send `message` for `delta`; some send the whole message once more at the end
    const delta = fields(choice.delta)
    const message = delta ?? fields(choice.message) ?? choice
    const parts: ReplyPart[] = []
    // reasoning models: DeepSeek, vLLM and llama.cpp use the first name, OpenRouter and Ollama the second
    const thought = textIn(message.reasoning_content) || textIn(message.reasoning)
    if (thought !== '' && (delta !== undefined || !this.#hasText)) parts.push({ type: 'thought', text: thought })
    const text = textIn(message.content) || textIn(message.refusal) || textIn(choice.text)
    if (text !== '' && (delta !== undefined || !this.#hasText)) {
      this.#hasText = true
      parts.push({ type: 'text', text })
    }
    if (delta !== undefined || !this.#hasCalls) parts.push(...callsIn(message))
    this.#hasCalls ||= parts.some(({ type }) => type === 'tool_call')
    const { finish_reason: reason } = choice
    if (typeof reason === 'string' && reason !== '') parts.push({ type: 'finish', reason: FINISH[reason.toLowerCase()] ?? 'stop' })
    return parts
  }
}

function callsIn(message: Fields): ReplyPart[] {
  const legacy = fields(message.function_call)
  const calls = [...list(message.tool_calls), ...(legacy ? [{ index: 0, function: legacy }] : [])].map(fields)
  return calls.flatMap((call, i): ReplyPart[] => {
    const called = fields(call?.function)
    if (!call || !called) return []
    return [
      {
        type: 'tool_call',
        index: typeof call.index === 'number' ? call.index : i,
        id: typeof call.id === 'string' ? call.id : undefined,
        name: typeof called.name === 'string' ? called.name : undefined,
        arguments: argumentsIn(called.arguments),
      },
    ]
  })
}

function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** Text, or the text parts of a content list. */
function textIn(content: unknown): string {
  if (typeof content === 'string') return content
  const texts = list(content).map((part) => (typeof part === 'string' ? part : fields(part)?.text))
  return texts.filter((text) => typeof text === 'string').join('')
}

/** JSON text; some servers send the object itself. */
function argumentsIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return fields(value) === undefined ? undefined : JSON.stringify(value)
}
