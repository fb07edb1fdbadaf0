/** Chunks of a chat completion, as servers really send them, turned into parts of a reply. */
import type { ChatUsage } from '../../../shared/chat.ts'
import type { ReplyPart } from './types.ts'

type Fields = Record<string, unknown>
/** Counts of one kind that are handed on. */
const MAX_DETAILS = 16

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
    const usage = usageIn(fields(chunk)?.usage)
    return [...this.#readChoice(fields(list(fields(chunk)?.choices)[0])), ...(usage ? [{ type: 'usage' as const, usage }] : [])]
  }

  #readChoice(choice: Fields | undefined): ReplyPart[] {
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

/** Counts of tokens, with what servers tell beside the three sums. */
function usageIn(value: unknown): ChatUsage | undefined {
  const usage = fields(value)
  const prompt_tokens = count(usage?.prompt_tokens)
  const completion_tokens = count(usage?.completion_tokens) ?? 0
  if (prompt_tokens === undefined) return undefined
  const total_tokens = count(usage?.total_tokens) ?? prompt_tokens + completion_tokens
  const details = ['prompt_tokens_details', 'completion_tokens_details'].map((name) => [name, counts(fields(usage?.[name]))] as const)
  return { prompt_tokens, completion_tokens, total_tokens, ...Object.fromEntries(details.filter(([, found]) => found !== undefined)) }
}

function counts(details: Fields | undefined): Record<string, number> | undefined {
  const known = Object.entries(details ?? {}).filter((entry): entry is [string, number] => count(entry[1]) !== undefined)
  return known.length > 0 ? Object.fromEntries(known.slice(0, MAX_DETAILS)) : undefined
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
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
