/**
 * Separates a language model's answer from its control text: thoughts, channel headers, tool calls written as text, marks of a turn's
 * end. Works on a stream whose pieces end anywhere; answer text passes at once, except where it may be the beginning of a marker.
 */

import {
  ANSWER_BEGINS,
  BARE_CHANNEL,
  BARE_FINAL,
  CLOSERS,
  CLOSING,
  DIALOGUE,
  FUNCTION,
  HEAD_ENDS,
  HEADS,
  isTurnEnd,
  MAX_MARKER,
  markerAt,
  mayBecomeMarker,
  NEXT_TURN,
  NEXT_TURN_BEGUN,
  OPENINGS,
  OTHERS_ROLE,
  OTHERS_TURN,
  PRINTED_CLOSER,
  PRINTED_OPENING,
  STARTS,
  THOUGHT_NAMES,
  TOOL_CLOSING,
} from './model-marks.ts'

export type ModelPart =
  | { kind: 'answer' | 'thought'; text: string }
  /** All answer text so far was thought: only the mark that closes it came. */
  | { kind: 'recall' }

/** Characters that are held while a reply looks like thoughts without an opening mark. */
const MAX_HELD = 20_000

/** Characters by which a dialogue is known. */
const MAX_LEAD = 30

type State =
  | { at: 'answer' }
  | { at: 'thought'; closers: ReadonlySet<string> }
  | { at: 'tool'; closer: string }
  | { at: 'head'; text: string; mark: string }
  | { at: 'over' }

export interface ModelControlOptions {
  /** The model is known to begin with thoughts that no mark opens: its text waits for the mark that closes them. */
  thinksFirst?: boolean
}

export class ModelControl {
  #state: State = { at: 'answer' }
  #pending = ''
  #before = ''
  #begun = false
  /** How the answer begins: in a dialogue, lines of a user are part of it. */
  #lead = ''
  /** Control text was removed, and no answer text came since the beginning: white space is left out. */
  #trims = false
  #hasThoughts = false
  /** No mark opens the thoughts: `wait` until the beginning is known, `hold` while it looks like thoughts, `off` otherwise. */
  #opening: 'wait' | 'hold' | 'off'
  #recalled = false

  constructor({ thinksFirst = false }: ModelControlOptions = {}) {
    this.#opening = thinksFirst ? 'hold' : 'wait'
  }

  /** Only the closing mark of the thoughts came: what the next reply of the same model will do as well. */
  get thoughtFirst(): boolean {
    return this.#recalled
  }

  push(text: string): ModelPart[] {
    this.#pending += text
    return this.#read(false)
  }

  /** The reply is complete. */
  end(): ModelPart[] {
    return this.#read(true)
  }

  #read(isEnd: boolean): ModelPart[] {
    const parts: ModelPart[] = []
    if (!this.#passOpening(isEnd, parts)) return parts
    let from = 0
    while (from < this.#pending.length) {
      STARTS.lastIndex = from
      const found = this.#state.at === 'head' ? headStop(this.#pending, from) : (STARTS.exec(this.#pending)?.index ?? -1)
      if (found < 0) break
      const rest = this.#pending.slice(found)
      const previous = found > 0 ? this.#pending[found - 1] : this.#before.at(-1)
      const mark = previous === '`' ? undefined : (markerAt(rest) ?? this.#nextTurn(NEXT_TURN, found))
      if (mark === undefined && this.#state.at === 'head' && rest.startsWith('\n')) {
        this.#take(this.#pending.slice(0, found), parts)
        this.#endHead()
        this.#drop(found + 1)
        from = 0
      } else if (mark !== undefined) {
        this.#take(this.#pending.slice(0, found), parts)
        this.#drop(found + mark.length)
        this.#mark(mark.toLowerCase(), parts)
        from = 0
      } else if (!isEnd && previous !== '`' && (mayBecomeMarker(rest) || this.#nextTurn(NEXT_TURN_BEGUN, found) !== undefined)) {
        this.#take(this.#pending.slice(0, found), parts)
        this.#drop(found)
        return parts
      } else from = found + 1
    }
    this.#take(this.#pending, parts)
    this.#drop(this.#pending.length)
    return parts
  }

  /** A line of somebody else after the answer, by `pattern`. */
  #nextTurn(pattern: RegExp, at: number): string | undefined {
    if (this.#state.at !== 'answer') return undefined
    const lead = this.#lead.length < MAX_LEAD ? this.#lead + this.#pending.slice(0, at) : this.#lead
    return lead.trim() === '' || DIALOGUE.test(lead) ? undefined : pattern.exec(this.#pending.slice(at))?.[0]
  }

  /** @returns whether the text may be read on */
  #passOpening(isEnd: boolean, parts: ModelPart[]): boolean {
    if (this.#opening === 'off') return true
    const text = this.#pending.trimStart()
    if (this.#opening === 'wait') {
      const head = text.slice(0, 60).toLowerCase()
      if (head.startsWith(PRINTED_OPENING)) this.#opening = 'hold'
      else if (BARE_CHANNEL.test(text) || OPENINGS.some((opening) => head.startsWith(opening))) this.#opening = 'hold'
      else if (
        !isEnd &&
        (text === '' ||
          'analysis'.startsWith(text) ||
          PRINTED_OPENING.startsWith(head) ||
          OPENINGS.some((opening) => opening.startsWith(head)))
      )
        return false
      else {
        this.#opening = 'off'
        return true
      }
    }
    const closer = firstCloser(this.#pending)
    if (closer) {
      this.#opening = 'off'
      this.#recalled = true
      this.#hasThoughts = true
      this.#trims = true
      parts.push({
        kind: 'thought',
        text: this.#pending
          .slice(0, closer.at)
          .trimStart()
          .replace(BARE_CHANNEL, '')
          .replace(/^Thinking\.\.\.\n/i, ''),
      })
      this.#drop(closer.at + closer.mark.length)
      return true
    }
    // thoughts that a mark opens need no guess
    if (!isEnd && this.#pending.length < MAX_HELD && !markerAt(text)) return false
    this.#opening = 'off'
    if (BARE_CHANNEL.test(text)) this.#think()
    return true
  }

  #take(text: string, parts: ModelPart[]): void {
    if (text === '') return
    const state = this.#state
    if (state.at === 'head') this.#state = { ...state, text: (state.text + text).slice(0, MAX_MARKER) }
    if (state.at === 'answer') {
      const shown = this.#trims ? text.trimStart() : text
      if (shown === '') return
      if (shown.trim() !== '') {
        this.#begun = true
        this.#trims = false
      }
      this.#lead = (this.#lead + shown).slice(0, MAX_LEAD)
      add(parts, 'answer', shown)
    }
    if (state.at === 'thought') {
      const shown = this.#trims ? text.trimStart() : text
      if (shown === '') return
      this.#trims = false
      add(parts, 'thought', shown)
    }
  }

  #drop(length: number): void {
    this.#before = this.#pending.slice(0, length).slice(-1)
    this.#pending = this.#pending.slice(length)
  }

  #mark(mark: string, parts: ModelPart[]): void {
    const state = this.#state
    if (state.at === 'over' && (this.#begun || !(ANSWER_BEGINS.has(mark) || HEADS.has(mark)))) return
    if (!this.#begun) this.#trims = true
    if (state.at === 'head' && HEAD_ENDS.test(mark)) {
      this.#endHead()
      return
    }
    if (state.at === 'tool' && mark !== state.closer && !isTurnEnd(mark)) return
    if (state.at === 'thought' && state.closers.has(mark)) {
      this.#state = { at: 'answer' }
      if (!this.#begun) this.#trims = true
      return
    }
    if (OTHERS_TURN.has(mark) || NEXT_TURN.test(mark)) this.#state = { at: 'over' }
    else if (HEADS.has(mark)) this.#state = { at: 'head', text: '', mark }
    else if (mark in CLOSING) this.#think()
    else if (mark in TOOL_CLOSING) this.#state = { at: 'tool', closer: TOOL_CLOSING[mark] ?? '' }
    else if (FUNCTION.test(mark)) this.#state = { at: 'tool', closer: mark.startsWith('<invoke') ? '</invoke>' : '</function>' }
    else if (CLOSERS.has(mark)) this.#recall(parts)
    else if (state.at === 'tool' || state.at === 'over' || isTurnEnd(mark)) this.#state = { at: 'answer' }
  }

  #think(): void {
    this.#state = { at: 'thought', closers: CLOSERS }
    this.#hasThoughts = true
    this.#trims = true
  }

  #recall(parts: ModelPart[]): void {
    if (this.#hasThoughts) return
    this.#hasThoughts = true
    this.#recalled = true
    this.#begun = false
    this.#trims = true
    parts.push({ kind: 'recall' })
  }

  #endHead(): void {
    const { text, mark } = this.#state.at === 'head' ? this.#state : { text: '', mark: '' }
    const name = text.trim().toLowerCase()
    if (mark === '<|channel|>' && / to=/.test(` ${name}`)) this.#state = { at: 'tool', closer: '<|call|>' }
    else if (mark === '<|channel|>' && !name.startsWith('final')) this.#think()
    else if (THOUGHT_NAMES.includes(name)) this.#think()
    else this.#state = OTHERS_ROLE.test(name) ? { at: 'over' } : { at: 'answer' }
    if (!this.#begun) this.#trims = true
  }
}

function add(parts: ModelPart[], kind: 'answer' | 'thought', text: string): void {
  const last = parts.at(-1)
  if (last && last.kind === kind) last.text += text
  else parts.push({ kind, text })
}

/** Where a head may end: at a mark or a line's end. */
function headStop(text: string, from: number): number {
  return text.slice(from).search(/[<◁[\n]/) < 0 ? -1 : from + text.slice(from).search(/[<◁[\n]/)
}

function firstCloser(text: string): { at: number; mark: string } | undefined {
  const lower = text.toLowerCase()
  const marks = BARE_CHANNEL.test(text.trimStart())
    ? [BARE_FINAL]
    : lower.trimStart().startsWith(PRINTED_OPENING)
      ? [PRINTED_CLOSER]
      : CLOSERS
  let first: { at: number; mark: string } | undefined
  for (const mark of marks) {
    const at = lower.indexOf(mark)
    if (at >= 0 && (!first || at < first.at)) first = { at, mark }
  }
  return first
}

/** The answer in a text that is there as a whole. */
export function answerOf(text: string): string {
  const control = new ModelControl()
  let answer = ''
  for (const part of [...control.push(text), ...control.end()]) {
    if (part.kind === 'recall') answer = ''
    else if (part.kind === 'answer') answer += part.text
  }
  return answer
}
