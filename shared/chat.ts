/**
 * Bodies of `chat.completions`: the shape of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat), so that its
 * clients work here. Unknown fields are ignored.
 */
import * as z from 'zod'
import { SessionId, TaskId } from './ids.ts'
import { MAX_JSON_DEPTH, OpenObject } from './json.ts'

export const TaskMode = z
  .enum(['queue', 'interrupt'])
  .meta({ id: 'TaskMode', description: 'queue: after what is being said; interrupt: instead of it and of all that waits.' })
export type TaskMode = z.infer<typeof TaskMode>

/** Longest text of one message, characters. */
const MAX_CONTENT = 20_000
const FunctionName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)

export const ToolCall = z
  .object({
    id: z.string().min(1).max(128),
    type: z.literal('function'),
    function: z.object({
      name: FunctionName,
      arguments: z.string().max(MAX_CONTENT).meta({ description: 'JSON, as the model wrote it.' }),
    }),
  })
  .meta({ id: 'ToolCall' })
export type ToolCall = z.infer<typeof ToolCall>

export const ChatTool = z
  .object({
    type: z.literal('function'),
    function: z.object({
      name: FunctionName,
      description: z.string().max(4_000).optional(),
      parameters: OpenObject.optional().meta({ description: `JSON Schema of the arguments, at most ${MAX_JSON_DEPTH} levels deep.` }),
      strict: z.boolean().nullish(),
    }),
  })
  .meta({ id: 'ChatTool' })
export type ChatTool = z.infer<typeof ChatTool>

export const TextPart = z.object({ type: z.literal('text'), text: z.string().max(MAX_CONTENT) }).meta({ id: 'TextPart' })
const Content = z.union([z.string().min(1).max(MAX_CONTENT), z.array(TextPart).min(1).max(64)])

/** The text of a message's content, whose parts are joined. */
export function textOf(content: z.infer<typeof Content> | null | undefined): string {
  return typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join('')
}

export const SystemMessage = z.object({ role: z.enum(['system', 'developer']), content: Content }).meta({ id: 'SystemMessage' })
export const UserMessage = z.object({ role: z.literal('user'), content: Content }).meta({ id: 'UserMessage' })
export const AssistantMessage = z
  .object({ role: z.literal('assistant'), content: Content.or(z.literal('')).nullish(), tool_calls: z.array(ToolCall).max(64).optional() })
  .meta({ id: 'AssistantMessage' })
export const ToolMessage = z
  .object({ role: z.literal('tool'), content: Content.or(z.literal('')), tool_call_id: z.string().min(1).max(128) })
  .meta({ id: 'ToolMessage', description: 'What a called function gave back.' })

export const ChatMessage = z
  .discriminatedUnion('role', [SystemMessage, UserMessage, AssistantMessage, ToolMessage])
  .meta({ id: 'ChatMessage' })
export type ChatMessage = z.infer<typeof ChatMessage>

export const ToolChoice = z
  .union([z.enum(['none', 'auto', 'required']), z.object({ type: z.literal('function'), function: z.object({ name: FunctionName }) })])
  .meta({ id: 'ToolChoice' })
export type ToolChoice = z.infer<typeof ToolChoice>

export const ChatRequest = z
  .object({
    session_id: SessionId.optional().meta({ description: 'Who says the answer. Without one, text alone comes back.' }),
    messages: z.array(ChatMessage).min(1).max(200),
    stream: z.boolean().default(false),
    model: z.string().min(1).max(128).optional(),
    temperature: z.number().min(0).max(2).nullish(),
    max_tokens: z.int().min(1).max(100_000).nullish(),
    max_completion_tokens: z.int().min(1).max(100_000).nullish(),
    tools: z.array(ChatTool).max(64).optional(),
    tool_choice: ToolChoice.optional(),
    mode: TaskMode.default('queue'),
  })
  .meta({ id: 'ChatRequest' })
export type ChatRequest = z.infer<typeof ChatRequest>

export const FinishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'interrupted'])
export type FinishReason = z.infer<typeof FinishReason>

export const ChatChunk = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: z.int(),
    model: z.string(),
    task_id: TaskId.optional(),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          reasoning_content: z.string().optional().meta({ description: 'What the model thinks; it is not said.' }),
          tool_calls: z
            .array(
              z.object({
                index: z.int(),
                id: z.string().optional(),
                type: z.literal('function').optional(),
                function: z.object({ name: z.string().optional(), arguments: z.string().optional() }).optional(),
              }),
            )
            .optional(),
        }),
        finish_reason: FinishReason.nullable(),
      }),
    ),
  })
  .meta({ id: 'ChatChunk' })
export type ChatChunk = z.infer<typeof ChatChunk>

export const ChatResponse = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    task_id: TaskId.optional(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          reasoning_content: z.string().optional().meta({ description: 'What the model thought; it is not said.' }),
          tool_calls: z.array(ToolCall).optional(),
        }),
        finish_reason: FinishReason,
      }),
    ),
  })
  .meta({ id: 'ChatResponse' })
export type ChatResponse = z.infer<typeof ChatResponse>
