/** Bodies of chat completions as well-known clients write them: the first eight recorded on the wire, the last three by their sources. */

export const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const FUNCTION = { name: 'f', description: 'd', parameters: { type: 'object', properties: {} } }

export const STOCK_CHAT_BODIES: Readonly<Record<string, Record<string, unknown>>> = {
  'openai for Node': {
    model: 'm',
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: PNG, detail: 'low' } },
        ],
      },
    ],
    temperature: null,
    stop: null,
    seed: 7,
    top_p: 0.9,
    presence_penalty: 0,
    frequency_penalty: 0,
    n: 1,
    user: 'u1',
    logit_bias: {},
    response_format: { type: 'json_object' },
    reasoning_effort: 'low',
    service_tier: 'auto',
    store: false,
    metadata: { a: 'b' },
  },
  'openai for Python, with an answer of before as the package dumps it': {
    messages: [
      { role: 'user', content: 'x', name: 'bob' },
      { content: 'Hi', refusal: null, role: 'assistant', annotations: null, audio: null, function_call: null, tool_calls: null },
      { role: 'user', content: 'z' },
    ],
    model: 'm',
    temperature: null,
    top_k: 5,
    chat_template_kwargs: { enable_thinking: false },
  },
  'openai for Python, with an empty message': {
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'Hi' },
      { role: 'user', content: '' },
    ],
    model: 'm',
  },
  'LangChain for JavaScript, tools': {
    model: 'm',
    stream: false,
    top_k: 40,
    messages: [
      { role: 'system', content: 's' },
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] },
      { role: 'tool', content: '42', tool_call_id: 'c1' },
    ],
  },
  'LangChain for JavaScript, a schema for the answer': {
    model: 'm',
    stream: false,
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 'extract',
        strict: true,
        schema: { type: 'object', properties: { a: { type: ['string', 'null'], default: null } } },
      },
    },
    messages: [{ role: 'user', content: 'x' }],
  },
  'LangChain for Python, a picture by its address': {
    model: 'm',
    stream: true,
    messages: [
      { content: 's', role: 'system' },
      {
        content: [
          { type: 'text', text: 't' },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        ],
        role: 'user',
      },
    ],
    n: 1,
  },
  'the AI SDK': {
    model: 'm',
    messages: [
      { role: 'system', content: 's' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'x' },
          { type: 'image_url', image_url: { url: PNG } },
        ],
      },
    ],
    tools: [{ type: 'function', function: FUNCTION }],
    tool_choice: 'auto',
  },
  LiteLLM: { model: 'm', messages: [{ role: 'user', content: 'x' }], stop: ['a', 'b'], stream: true },
  'a Java client that writes every field': {
    model: 'm',
    messages: [{ role: 'user', content: 'x', name: null, function_call: null, tool_calls: null }],
    temperature: null,
    top_p: null,
    n: null,
    stream: false,
    stream_options: null,
    stop: null,
    max_tokens: null,
    presence_penalty: null,
    frequency_penalty: null,
    logit_bias: null,
    user: null,
    functions: null,
    function_call: null,
    logprobs: null,
    tools: null,
    tool_choice: null,
    session_id: null,
    mode: null,
  },
  'a Go client that writes zero values': {
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    n: 1,
    max_tokens: 0,
    temperature: 0,
    stop: [],
    logprobs: false,
    top_logprobs: 0,
    functions: [],
    tools: [],
    modalities: ['text'],
  },
  'a .NET client, whose parts have every field': {
    model: 'm',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'x', image_url: null },
          { type: 'image_url', text: null, image_url: { url: PNG, detail: null } },
        ],
      },
    ],
    parallel_tool_calls: null,
    stream_options: { include_usage: null },
  },
}
