/**
 * Bodies of `chat.completions`: the shape of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat), so that its
 * clients work here. What has no meaning for one spoken answer is refused by name; every other field goes on to the model's server.
 */
import * as z from 'zod'
import { SessionId, TaskId } from './ids.ts'
import { isWithinDepth, MAX_JSON_DEPTH, OpenObject } from './json.ts'

export const TaskMode = z
  .enum(['queue', 'interrupt'])
  .meta({ id: 'TaskMode', description: 'queue: after what is being said; interrupt: instead of it and of all that waits.' })
export type TaskMode = z.infer<typeof TaskMode>

/** Largest body of a chat, bytes: a few pictures from a phone, as base64. */
export const MAX_CHAT_BYTES = 8_388_608
/** Longest text of one message, characters. */
const MAX_CONTENT = 500_000
const MAX_PARTS = 64
const MAX_TOOLS = 128
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
export const ImagePart = z
  .object({
    type: z.literal('image_url'),
    image_url: z.object({
      url: z.string().regex(/^(https?:\/\/|data:image\/)/i, 'must be an address (https:) or the picture itself (data:image/...;base64,)'),
      detail: z.string().max(32).optional(),
    }),
  })
  .meta({ id: 'ImagePart', description: 'For a model that sees; it goes on to the model as it is.' })
export const AudioPart = z
  .object({ type: z.literal('input_audio'), input_audio: z.object({ data: z.string(), format: z.string().max(32) }) })
  .meta({ id: 'AudioPart', description: 'For a model that hears; to speak to the avatar itself, send `user_audio_append` on the socket.' })
export const FilePart = z.object({ type: z.literal('file'), file: OpenObject }).meta({ id: 'FilePart' })
export const RefusalPart = z.object({ type: z.literal('refusal'), refusal: z.string().max(MAX_CONTENT) }).meta({ id: 'RefusalPart' })

const anyOf = (...types: string[]) => `must have a type that is known here: ${types.join(', ')}`
const UserPart = z.discriminatedUnion('type', [TextPart, ImagePart, AudioPart, FilePart], {
  error: anyOf('text', 'image_url', 'input_audio', 'file'),
})
const AssistantPart = z.discriminatedUnion('type', [TextPart, RefusalPart], { error: anyOf('text', 'refusal') })
const PlainPart = z.discriminatedUnion('type', [TextPart], { error: anyOf('text') })
const contentOf = <Part extends z.ZodType>(part: Part) =>
  z.union([z.string().max(MAX_CONTENT), z.array(part).max(MAX_PARTS)], {
    error: `must be text of at most ${MAX_CONTENT} characters, or a list of at most ${MAX_PARTS} parts`,
  })
const PlainContent = contentOf(PlainPart)
const UserContent = contentOf(UserPart)
const AssistantContent = contentOf(AssistantPart)
export type ChatContent = z.infer<typeof PlainContent> | z.infer<typeof UserContent> | z.infer<typeof AssistantContent>

/** The text of a message's content, whose parts are joined. */
export function textOf(content: ChatContent | null | undefined): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : part.type === 'refusal' ? part.refusal : '')).join('')
}

const SpeakerName = z.string().max(128).optional().meta({ description: 'Tells speakers of one role apart.' })
export const SystemMessage = z
  .object({ role: z.enum(['system', 'developer']), content: PlainContent, name: SpeakerName })
  .meta({ id: 'SystemMessage' })
export const UserMessage = z.object({ role: z.literal('user'), content: UserContent, name: SpeakerName }).meta({ id: 'UserMessage' })
export const AssistantMessage = z
  .object({
    role: z.literal('assistant'),
    content: AssistantContent.nullish(),
    tool_calls: z.array(ToolCall).max(MAX_TOOLS).optional(),
    name: SpeakerName,
    refusal: z.string().max(MAX_CONTENT).optional(),
  })
  .meta({ id: 'AssistantMessage' })
export const ToolMessage = z
  .object({ role: z.literal('tool'), content: PlainContent, tool_call_id: z.string().min(1).max(128) })
  .meta({ id: 'ToolMessage', description: 'What a called function gave back.' })

export const ChatMessage = z
  .discriminatedUnion('role', [SystemMessage, UserMessage, AssistantMessage, ToolMessage], {
    error: 'must have a role that is known here: system, developer, user, assistant, tool (for results of functions, with `tool_call_id`)',
  })
  .meta({ id: 'ChatMessage' })
export type ChatMessage = z.infer<typeof ChatMessage>

export const ToolChoice = z
  .union(
    [
      z.enum(['none', 'auto', 'required']),
      z.object({ type: z.literal('function'), function: z.object({ name: FunctionName }) }),
      z.object({ type: z.literal('allowed_tools'), allowed_tools: OpenObject }),
    ],
    { error: 'must be none, auto, required, or an object that names a function' },
  )
  .meta({ id: 'ToolChoice' })
export type ToolChoice = z.infer<typeof ToolChoice>

export const StreamOptions = z
  .object({ include_usage: z.boolean().optional().meta({ description: 'A last chunk without choices has the `usage`.' }) })
  .meta({ id: 'StreamOptions' })

/** Fields that are read here. */
const Fields = z.object({
  session_id: SessionId.optional().meta({ description: 'Who says the answer. Without one, text alone comes back.' }),
  messages: z.array(ChatMessage).min(1).max(1_000),
  stream: z.boolean().default(false),
  stream_options: StreamOptions.optional(),
  model: z.string().max(256).optional().meta({ description: 'Without one, or empty: the configured model.' }),
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: z.int().optional(),
  max_completion_tokens: z.int().optional(),
  tools: z.array(ChatTool).max(MAX_TOOLS).optional(),
  tool_choice: ToolChoice.optional(),
  mode: TaskMode.default('queue'),
})
export type ChatRequest = z.infer<typeof Fields>

const ONE_ANSWER = 'one person gives one answer; leave it out, or send 1'
const OLD_FUNCTIONS = 'is the old form of tools; send `tools` and `tool_choice`'
/** Fields of OpenAI's that an avatar cannot honour, with the values that ask for nothing, and what to do instead. */
const REFUSED: Readonly<Record<string, { asksNothing: (value: unknown) => boolean; message: string }>> = {
  n: { asksNothing: (value) => value === 1, message: ONE_ANSWER },
  best_of: { asksNothing: (value) => value === 1, message: ONE_ANSWER },
  audio: { asksNothing: () => false, message: 'the avatar says the answer in its own voice; name a `session_id` instead' },
  modalities: {
    asksNothing: (value) => Array.isArray(value) && value.every((each) => each === 'text'),
    message: 'is `["text"]` here; for sound, name a `session_id`, and the avatar says the answer',
  },
  functions: { asksNothing: (value) => Array.isArray(value) && value.length === 0, message: OLD_FUNCTIONS },
  function_call: { asksNothing: (value) => value === 'none', message: OLD_FUNCTIONS },
  logprobs: { asksNothing: (value) => value === false, message: 'are not given back; leave it out' },
  top_logprobs: { asksNothing: (value) => value === 0, message: 'are not given back; leave it out' },
  prompt: { asksNothing: () => false, message: 'belongs to the old completions; send `messages`' },
  input: { asksNothing: () => false, message: 'belongs to the responses API; send `messages`' },
}
/** Fields that are read here or ask for nothing; all others go on to the model's server. */
const OURS: ReadonlySet<string> = new Set([...Object.keys(Fields.shape), ...Object.keys(REFUSED)])

export const ChatRequest = Fields.loose()
  .superRefine((body, context) => {
    for (const [name, { asksNothing, message }] of Object.entries(REFUSED)) {
      const value = body[name]
      if (value !== undefined && value !== null && !asksNothing(value)) context.addIssue({ code: 'custom', path: [name], message })
    }
    for (const [name, value] of Object.entries(body)) {
      if (OURS.has(name) || isWithinDepth(value, MAX_JSON_DEPTH)) continue
      context.addIssue({ code: 'custom', path: [name], message: `must not be nested deeper than ${MAX_JSON_DEPTH} levels` })
    }
  })
  .meta({
    id: 'ChatRequest',
    description:
      'Further fields of OpenAI or of the model’s server (`response_format`, `stop`, `seed`, `top_k`, ...) go on to it as they are.',
  })

/** What the caller asks of the model beside the fields that are read here, and without those that are null. */
export function settingsOf(request: object): Record<string, unknown> {
  const read = ['temperature', 'max_tokens', 'max_completion_tokens']
  const goesOn = ([name, value]: [string, unknown]) => value !== null && value !== undefined && (!OURS.has(name) || read.includes(name))
  return Object.fromEntries(Object.entries(request).filter(goesOn))
}

/** Tokens of a reply, as the model's server counts them. */
export const ChatUsage = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    estimated: z.boolean().optional().meta({ description: 'The model’s server did not count: about four bytes of text to a token.' }),
    prompt_tokens_details: z.record(z.string(), z.number()).optional(),
    completion_tokens_details: z.record(z.string(), z.number()).optional(),
  })
  .meta({ id: 'ChatUsage' })
export type ChatUsage = z.infer<typeof ChatUsage>

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
    usage: ChatUsage.nullish().meta({ description: 'With `stream_options.include_usage`: null, and in the last chunk what was used.' }),
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
          refusal: z.null().meta({ description: 'What a model says when it refuses is its `content`, and is said.' }),
        }),
        logprobs: z.null(),
        finish_reason: FinishReason,
      }),
    ),
    usage: ChatUsage,
  })
  .meta({ id: 'ChatResponse' })
export type ChatResponse = z.infer<typeof ChatResponse>
