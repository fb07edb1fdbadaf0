/** The marks with which language models set apart thoughts, tool calls, turns and channels. */

/** Characters that a marker has at most. */
export const MAX_MARKER = 120

export const THOUGHT_NAMES =
  'think thinking thoughts thought reasoning reflection analysis scratchpad seed:think antthinking internal monologue inner_monologue'.split(
    ' ',
  )
const TOOL_NAMES =
  'tool_call tool_calls tool_response tool_use function_call function_calls minimax:tool_call seed:tool_call longcat_tool_call'.split(' ')
/** Left out, whatever is between them stays. */
const LONE_MARKS =
  '<s> </s> <bos> <eos> <pad> <unk> <end_of_turn> <end_of_utterance> [/inst] [eos] [bos] <</sys>> <think/> <output> </output> <answer> </answer> <final> </final> <response> </response> <final_answer> </final_answer>'.split(
    ' ',
  )
export const CLOSING: Readonly<Record<string, string>> = {
  '◁think▷': '◁/think▷',
  '[think]': '[/think]',
  '<|channel>thought': '<channel|>',
  '<unused94>thought': '<unused95>',
  '<|begin_of_thought|>': '<|end_of_thought|>',
  '<|start_thinking|>': '<|end_thinking|>',
  '<|think|>': '<|/think|>',
  ...Object.fromEntries(THOUGHT_NAMES.map((name) => [`<${name}>`, `</${name}>`])),
}
export const CLOSERS: ReadonlySet<string> = new Set(Object.values(CLOSING))
export const TOOL_CLOSING: Readonly<Record<string, string>> = {
  '<|start_action|>': '<|end_action|>',
  '<|tool_call_start|>': '<|tool_call_end|>',
  '<|tool_call|>': '<|/tool_call|>',
  '<|tool_calls_section_begin|>': '<|tool_calls_section_end|>',
  '<｜tool▁calls▁begin｜>': '<｜tool▁calls▁end｜>',
  '<|python_tag|>': '<|eom_id|>',
  '[tool_calls]': '</s>',
  '[tool_call]': '[/tool_call]',
  ...Object.fromEntries(TOOL_NAMES.map((name) => [`<${name}>`, `</${name}>`])),
}
const TOOL_CLOSERS: ReadonlySet<string> = new Set(Object.values(TOOL_CLOSING))
const LITERALS: readonly string[] = [
  ...Object.keys(CLOSING),
  ...CLOSERS,
  ...Object.keys(TOOL_CLOSING),
  ...TOOL_CLOSERS,
  ...LONE_MARKS,
  '<start_of_turn>',
  '[inst]',
  '</function>',
  '</invoke>',
]
/** `<|name|>` and `<｜name｜>`: a model's special tokens, whatever their names. */
const SPECIAL = /^<[|｜]\/?[\p{L}\p{N}_▁.:/-]{1,60}[|｜]>/u
const SPECIAL_BEGUN = /^<(?:[|｜](?:\/?[\p{L}\p{N}_▁.:/-]{0,60}[|｜]?)?)?$/u
export const FUNCTION = /^<(?:function=|invoke\s)[^<>]{1,100}>/i
const FUNCTION_BEGUN = /^<(?:function=|invoke\s)[^<>]{0,100}$/i
const FUNCTION_HEADS = ['<function=', '<invoke ']
/** Marks after which a name of a role or a channel comes, up to the message. */
export const HEADS: ReadonlySet<string> = new Set(['<|channel|>', '<|start|>', '<|im_start|>', '<|start_header_id|>', '<start_of_turn>'])
export const HEAD_ENDS = /^(?:<\|message\|>|<\|end_header_id\|>|<\|im_sep\|>)/i
/** The turn of somebody else begins: the model goes on alone. */
export const OTHERS_TURN: ReadonlySet<string> = new Set(['<|user|>', '<|system|>', '<|observation|>', '<｜user｜>', '[inst]'])
export const OTHERS_ROLE = /^(?:user|system|tool|ipython|human|developer|observation)\b/i
export const STARTS = /[<◁[\n]/g
/** A line with which a model goes on as its user, by itself; without special tokens. */
export const NEXT_TURN = /^\n\s*(?:human:|#{2,3} ?(?:human|user|instruction|input)(?::|[ \t]*\n))/i
export const NEXT_TURN_BEGUN = /^\n\s*(?:h(?:u(?:m(?:an?)?)?)?|#{1,3} ?[a-z]{0,11}[ \t]{0,4})?$/i
/** An answer that is a dialogue itself. */
export const DIALOGUE = /^\W*(?:human|user|customer|ai|assistant|bot)\W*:/i
/** The answer begins, after what somebody else said. */
export const ANSWER_BEGINS: ReadonlySet<string> = new Set(['[/inst]', '<|assistant|>', '<｜assistant｜>'])

/** How thoughts begin that no mark opens. */
export const OPENINGS: readonly string[] = [
  '',
  'okay, ',
  'okay, so ',
  'ok, ',
  'ok, so ',
  'alright, ',
  'alright, so ',
  'hmm, ',
  'so ',
  'so, ',
].flatMap((lead) =>
  'the user is|the user has|the user just|the user want|the user ask|the user said|the user say|the user greet|the user seem|the user wrote|we need to respond|we need to answer|we need to reply|i need to respond|i need to answer|i need to figure|let me think|let me figure|let me see what the user'
    .split('|')
    .map((subject) => lead + subject),
)
/** Harmony whose special tokens a server has removed. */
export const BARE_CHANNEL = /^analysis(?=[A-Z])/
export const BARE_FINAL = 'assistantfinal'
/** What a command line prints around thoughts. */
export const PRINTED_OPENING = 'thinking...\n'
export const PRINTED_CLOSER = '...done thinking.'

export function isTurnEnd(mark: string): boolean {
  return /^<[|｜]\/?(?:im_end|eot_id|eom_id|end|call|return|endoftext|end▁of▁sentence)[|｜]>$|^<\/s>$|^<end_of_turn>$|^\[eos\]$/.test(mark)
}

/** The marker that a text begins with. */
export function markerAt(text: string): string | undefined {
  const special = SPECIAL.exec(text) ?? FUNCTION.exec(text)
  if (special) return special[0]
  const head = text.slice(0, MAX_MARKER).toLowerCase()
  const literal = LITERALS.find((mark) => head.startsWith(mark))
  return literal && text.slice(0, literal.length)
}

export function mayBecomeMarker(text: string): boolean {
  if (text.length >= MAX_MARKER) return false
  const head = text.toLowerCase()
  const isBegun = (marks: readonly string[]): boolean => marks.some((mark) => mark.startsWith(head))
  return isBegun(LITERALS) || isBegun(FUNCTION_HEADS) || SPECIAL_BEGUN.test(text) || FUNCTION_BEGUN.test(text)
}
