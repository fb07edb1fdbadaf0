import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ModelControl } from '../../../origin/text/model-control.ts'

interface Read {
  answer: string
  thought: string
}

function read(pieces: readonly string[]): Read {
  const control = new ModelControl()
  const found = { answer: '', thought: '' }
  for (const part of [...pieces.flatMap((piece) => control.push(piece)), ...control.end()]) {
    if (part.kind === 'recall') {
      found.thought = found.answer
      found.answer = ''
    } else found[part.kind] += part.text
  }
  return { answer: found.answer, thought: found.thought.trim() }
}

const cut = (text: string, length: number): string[] => text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? []

const TABLE: readonly (readonly [string, string, string])[] = [
  ['<think>\nOkay, brief.\n</think>\n\nHello there!', 'Hello there!', 'Okay, brief.'],
  ['<thinking>a</thinking>Hi.', 'Hi.', 'a'],
  ['<reasoning>a</reasoning>\nHi.', 'Hi.', 'a'],
  ['<thought>a</thought> Hi.', 'Hi.', 'a'],
  ['<reflection>a</reflection>Hi.', 'Hi.', 'a'],
  ['<seed:think>a</seed:think>Hi.', 'Hi.', 'a'],
  ['<THINK>a</THINK>Hi.', 'Hi.', 'a'],
  ['◁think▷a b◁/think▷Hi.', 'Hi.', 'a b'],
  ['[THINK]a[/THINK]Hi.', 'Hi.', 'a'],
  ['<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>Hi.<|END_RESPONSE|>', 'Hi.', 'a'],
  ['<think></think>\n\nHi.', 'Hi.', ''],
  ['<think>\n\n</think>\n\nHi.', 'Hi.', ''],
  ['<think>never closed', '', 'never closed'],
  ['<think>if a < b then </x> </thin', '', 'if a < b then </x> </thin'],
  ['Okay, brief.\n</think>\n\nHello there!', 'Hello there!', 'Okay, brief.'],
  ['Okay, the user is greeting.\n</think>\n\nHello there!', 'Hello there!', 'Okay, the user is greeting.'],
  ['The user is always right.', 'The user is always right.', ''],
  ['Sure. <think>hm</think>Yes.', 'Sure. Yes.', 'hm'],
  ['<think>a</think>Hi.</think>', 'Hi.', 'a'],
  ['<|channel|>analysis<|message|>Brief.<|end|><|start|>assistant<|channel|>final<|message|>Hello!<|return|>', 'Hello!', 'Brief.'],
  ['<|channel|>analysis<|message|>Brief.', '', 'Brief.'],
  ['<|channel|>final<|message|>Hello!', 'Hello!', ''],
  ['<|start|>assistant<|channel|>final<|message|>Hello!<|end|>', 'Hello!', ''],
  [
    '<|channel|>analysis<|message|>Call.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a":1}<|call|>',
    '',
    'Call.',
  ],
  ['analysisThe user greets.assistantfinalHello!', 'Hello!', 'The user greets.'],
  ['analysis of the data is hard.', 'analysis of the data is hard.', ''],
  ['Hello.<|im_end|>', 'Hello.', ''],
  ['Hello.<|eot_id|>', 'Hello.', ''],
  ['Hello.</s>', 'Hello.', ''],
  ['Hello.<end_of_turn>', 'Hello.', ''],
  ['Hello.<|endoftext|>', 'Hello.', ''],
  ['Hello.<｜end▁of▁sentence｜>', 'Hello.', ''],
  ['[/INST] Hello.', 'Hello.', ''],
  ['[INST] hi [/INST] Hello.', 'Hello.', ''],
  ['<|user|>hi<|assistant|>Hello.', 'Hello.', ''],
  ['<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nHello.', 'Hello.', ''],
  ['Hello. [INST] hi [/INST] Again.', 'Hello. ', ''],
  ['Paris.\n\nHuman: thanks', 'Paris.', ''],
  ['Paris.\n### Human: thanks', 'Paris.', ''],
  ['Paris.\n\n### Instruction:\nMore', 'Paris.', ''],
  ['Human: Hi.\n\nBot: Hello.\n\nHuman: Bye.', 'Human: Hi.\n\nBot: Hello.\n\nHuman: Bye.', ''],
  [
    'All are one.\n\nHumans: a species.\n\n### Input voltage\nHigh.\nHum',
    'All are one.\n\nHumans: a species.\n\n### Input voltage\nHigh.\nHum',
    '',
  ],
  ['<|im_start|>assistant\nHello.<|im_end|>', 'Hello.', ''],
  ['<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>', 'Hello.', ''],
  ['<start_of_turn>model\nHello.<end_of_turn>', 'Hello.', ''],
  ['Hello.<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\nFine.', 'Hello.\n', ''],
  ['<s>Hello.</s>', 'Hello.', ''],
  ['One.<tool_call>\n{"name":"f","arguments":{"a":"<b>"}}\n</tool_call>', 'One.', ''],
  ['<function=get_time>{"zone": "UTC"}</function>It is noon.', 'It is noon.', ''],
  ['[TOOL_CALLS] [{"name": "f", "arguments": {}}]', '', ''],
  ['[TOOL_CALLS][{"name": "f"}]</s>Done.', 'Done.', ''],
  ['<|python_tag|>f.call(query="x")<|eom_id|>', '', ''],
  ['<|tool_calls_section_begin|><|tool_call_begin|>f:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>', '', ''],
  ['<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>Ok.', 'Ok.', ''],
  ['<function_calls><invoke name="f"><parameter name="a">1</parameter></invoke></function_calls>Ok.', 'Ok.', ''],
  ['<answer>Four.</answer>', 'Four.', ''],
  ['a<b', 'a<b', ''],
  ['x < y and y > z', 'x < y and y > z', ''],
  ['if a<t then', 'if a<t then', ''],
  ['5 <', '5 <', ''],
  ['a [thing] [', 'a [thing] [', ''],
  ['I <3 you <', 'I <3 you <', ''],
  ['Use the `<think>` tag, then `</think>`.', 'Use the `<think>` tag, then `</think>`.', ''],
  ['a || b, a <| b |> c', 'a || b, a <| b |> c', ''],
  ['<think>a<think>b</think>Hi.', 'Hi.', 'a<think>b'],
  ['<b>Bold</b> and <i>more</i>', '<b>Bold</b> and <i>more</i>', ''],
  ['Thinking...\nWe greet.\n...done thinking.\n\nHello!', 'Hello!', 'We greet.'],
  ['Thinking... it over is good.', 'Thinking... it over is good.', ''],
  ['<|channel>thought\nHm.<channel|>Hello.', 'Hello.', 'Hm.'],
  ['<unused94>thought\nhm<unused95>Hello.', 'Hello.', 'hm'],
  ['<|im_start|>think\nhm<|im_end|>\n<|im_start|>assistant\nHi.', 'Hi.', 'hm'],
  ['<think/>Hi.', 'Hi.', ''],
  ['<Thought>\nhm\n</Thought>\n<Output>\nHello.\n</Output>', 'Hello.\n', 'hm'],
  ['<inner_monologue>hm</inner_monologue>Hi.', 'Hi.', 'hm'],
  ['<think>\n<tool_call>{"name":"f"}</tool_call>\n</think>\nHi.', 'Hi.', ''],
  ['<|assistant|>\nHello.<|user|>\nMore?', 'Hello.', ''],
  ['Use std::vector<int> and <thinking-cap>.', 'Use std::vector<int> and <thinking-cap>.', ''],
  ['<|begin_of_box|>42<|end_of_box|>', '42', ''],
  ['', '', ''],
  ['  Hello.', '  Hello.', ''],
]

describe('control text of a model', () => {
  it.each(TABLE)('%j', (text, answer, thought) => {
    const flat = (found: Read): Read => ({ ...found, thought: found.thought.replaceAll('<think>', '') })
    const right = flat({ answer, thought })
    expect(flat(read([text]))).toEqual(right)
    for (const length of [1, 3, 7]) expect(flat(read(cut(text, length)))).toEqual(right)
  })

  it('reads the same wherever the stream is cut', () => {
    const texts = fc.constantFrom(...TABLE.map(([text]) => text))
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
    fc.assert(
      fc.property(texts, cuts, (text, lengths) => {
        const pieces: string[] = []
        for (let at = 0, i = 0; at < text.length; i++) {
          const length = lengths[i % lengths.length] ?? 1
          pieces.push(text.slice(at, at + length))
          at += length
        }
        expect(read(pieces)).toEqual(read([text]))
      }),
    )
  })

  it('passes answer text at once', () => {
    const control = new ModelControl()
    expect(control.push('Hello')).toEqual([{ kind: 'answer', text: 'Hello' }])
    expect(control.push(', you <')).toEqual([{ kind: 'answer', text: ', you ' }])
    expect(control.push('3')).toEqual([{ kind: 'answer', text: '<3' }])
  })

  it('waits for the closing mark of a model that is known to think first', () => {
    const control = new ModelControl({ thinksFirst: true })
    expect(control.push('Brief it is.')).toEqual([])
    expect([...control.push('</think>\nHello'), ...control.end()]).toEqual([
      { kind: 'thought', text: 'Brief it is.' },
      { kind: 'answer', text: 'Hello' },
    ])
    const plain = new ModelControl({ thinksFirst: true })
    expect([...plain.push('Hello'), ...plain.end()]).toEqual([{ kind: 'answer', text: 'Hello' }])
  })
})
