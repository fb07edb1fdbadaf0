/** Why a model's server refused a request, from the words of the servers that people run. */

export type RefusalReason = 'context_length' | 'content_filter'

/** OpenAI, Azure, vLLM, llama.cpp, Ollama, LM Studio, TGI, Anthropic, Gemini, Mistral, Groq, DeepSeek, Bedrock. */
const CONTEXT_LENGTH = [
  /context[_ -]?(?:length|window|size)/i,
  /maximum (?:context|prompt|sequence|input|model) ?length/i,
  /(?:prompt|input|request|messages?|conversation)\b.{0,60}\b(?:too long|too large|too many tokens|exceeds?|longer than)/i,
  /exceed(?:s|ed)?\b.{0,40}\b(?:tokens?|context|n_ctx)/i,
  /too many (?:input |prompt |total )?tokens|reduce the length|inputs?\b.{0,60}must be <=? ?\d|trying to keep the first \d+ tokens/i,
]
const CONTENT_FILTER = [
  /content[_ -]?(?:filter|policy|management|moderation)/i,
  /responsible ?ai|safety (?:system|setting|filter)s?|\bmoderation\b|flagged/i,
]

/** @param words the server's own error message and code */
export function refusalReason(words: string): RefusalReason | undefined {
  // a rate limit speaks of tokens too
  if (/rate.?limit|per minute|per day|\b[TR]PM\b|quota/i.test(words)) return undefined
  if (CONTENT_FILTER.some((pattern) => pattern.test(words))) return 'content_filter'
  return CONTEXT_LENGTH.some((pattern) => pattern.test(words)) ? 'context_length' : undefined
}

/** Tokens of the model's context and of the refused prompt, where the words name both. */
export function contextTokens(words: string): { max_tokens: number; prompt_tokens: number } | undefined {
  const numbers = [...words.matchAll(/\d[\d,]*/g)].map(([digits]) => Number(digits.replaceAll(',', ''))).filter((n) => n >= 256)
  if (numbers.length < 2) return undefined
  const max_tokens = Math.min(...numbers)
  const prompt_tokens = Math.max(...numbers)
  return max_tokens < prompt_tokens ? { max_tokens, prompt_tokens } : undefined
}
