/** An example of what a JSON schema describes: its own example, or a value that its field's name suggests. */

export type JsonSchema = Record<string, unknown> & { properties?: Record<string, JsonSchema>; required?: string[] }

/** Values by field name; `type.field` where one event means something else by it. */
const VALUES: Readonly<Record<string, unknown>> = {
  seq: 412,
  task_id: 'task_x3k9q0p2m1ab',
  session_id: '550e8400-e29b-41d4-a716-446655440000',
  audio: 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAwF0AAIC7AAACABAAZGF0YQAAAAA=',
  frame_id: 12_345,
  timestamp: 1_705_920_123.456,
  'frame.data': '/9j/4AAQSkZJRgABAQAAAQABAAD…',
  'audio.data': 'UklGRiTiAQBXQVZFZm10IBAAAAAB…',
  'audio.duration': 2.5,
  sample_rate: 24_000,
  pts_ms: 0,
  'chat.role': 'agent',
  content: 'Hello! How can I help you today?',
  'status.status': 'listening',
  'status.message': 'Avatar is now listening...',
  'error.code': 'AUDIO_PROCESSING_ERROR',
  'error.message': 'Failed to process audio input',
  in_s: 60,
  'session_ended.duration': 125.4,
  missed: 0,
  'session_state.resumed': false,
  buffered_ms: 1_500,
  appended_ms: 500,
  cleared_ms: 1_500,
  duration_ms: 1_500,
  latency_ms: 148,
  played_ms: 1_840,
  dropped_ms: 2_160,
  spoken_text: 'Welcome to our',
  dropped: 3,
  total: 17,
  word: 'Welcome',
  start_ms: 120,
  end_ms: 510,
  level_db: -23.5,
  speech: 0.97,
  arguments: '{"city":"Oslo"}',
  name: 'get_weather',
  id: 'call_1',
  vad_end: 520,
  stt_final: 690,
  llm_first_token: 910,
  tts_first_byte: 1_040,
  first_sound: 1_090,
  first_frame: 1_120,
  video_bps: 918_000,
  audio_bps: 32_000,
  target_bps: 1_000_000,
  fps: 25,
  rtt_ms: 24,
  jitter_ms: 3.1,
  loss: 0.002,
  freezes: 0,
  frames_dropped: 2,
  encode_ms: 2.4,
  candidate: 'srflx',
  video_codec: 'h264',
}
/** Optional fields that say something, and are shown. */
const SHOWN = new Set(['video_codec', 'data', 'mode'])
/** Events that belong to something which is said. */
const OF_A_TASK = /^(frame|audio|chat|speech_.*|interrupted|audio_buffer_committed|tool_call|turn_metrics|word)$/

/** @param path of the event and the fields down to here */
export function exampleOf(schema: JsonSchema, defs: Record<string, JsonSchema>, path: readonly string[]): unknown {
  const resolved = resolve(schema, defs)
  if ('const' in resolved) return resolved.const
  const name = path.at(-1) ?? ''
  const hint = VALUES[`${path[0]}.${name}`] ?? VALUES[name]
  if (path.length > 1 && hint !== undefined && fits(resolved, hint, defs)) return hint
  const own = resolved.example ?? resolved.default
  if (own !== undefined) return own
  if (Array.isArray(resolved.enum)) return resolved.enum[0]
  const choices = (resolved.anyOf ?? resolved.oneOf) as JsonSchema[] | undefined
  if (choices?.[0]) return exampleOf(choices[0], defs, path)
  if (resolved.properties) {
    const { properties, required = [] } = resolved
    const shown = Object.entries(properties).filter(([key]) => required.includes(key) || SHOWN.has(key) || isTask(path, key))
    return Object.fromEntries(shown.map(([key, inner]) => [key, exampleOf(inner, defs, [...path, key])]))
  }
  if (resolved.type === 'array') return [exampleOf((resolved.items ?? {}) as JsonSchema, defs, path)]
  const plain: Record<string, unknown> = { string: 'text', boolean: true, integer: 1, number: 1, object: {}, null: null }
  return plain[String(resolved.type)] ?? null
}

function isTask(path: readonly string[], field: string): boolean {
  return field === 'task_id' && path.length === 1 && OF_A_TASK.test(path[0] ?? '')
}

export function resolve(schema: JsonSchema, defs: Record<string, JsonSchema>): JsonSchema {
  if (typeof schema.$ref !== 'string') return schema
  const { $ref, ...own } = schema
  return { ...defs[$ref.replace('#/$defs/', '')], ...own } as JsonSchema
}

/** Whether a hint can stand here: a name may mean something else in another event. */
function fits(schema: JsonSchema, hint: unknown, defs: Record<string, JsonSchema>): boolean {
  const choices = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined
  if (choices) return choices.some((choice) => fits(resolve(choice, defs), hint, defs))
  if (Array.isArray(schema.enum)) return schema.enum.includes(hint)
  const kind = typeof hint === 'number' ? ['number', ...(Number.isInteger(hint) ? ['integer'] : [])] : [typeof hint]
  return [schema.type].flat().some((type) => kind.includes(String(type)))
}
