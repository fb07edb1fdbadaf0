/**
 * Reads markdown, HTML, SSML and LaTeX for ears: strings in, pieces that are said out. A word is passed on as soon as it is complete
 * and nothing around it is open; the same comes out however the text is cut.
 */
import type { Stage } from '../pipeline/stage.ts'
import { isOpen, readInline } from './markup-inline.ts'
import type { TextPiece } from './types.ts'

/** Characters of one line's beginning, or of a table's row, that are waited for. */
const MAX_START = 2_000
/** Characters that are read at once at most. */
const MAX_UNIT = 4_000
/** A line shorter than this, before one with a capital letter, was ended on purpose. */
const WRAPPED_CHARS = 50
const SIGNS_ONLY = /^[-*_=+\s]*$/
const LOOSE = /^(?:[,;:!?)…]|\.(?!\.))/
const READ_FENCES = /^(?:markdown|md|text|txt|plaintext|plain)$/i

interface Start {
  /** Characters that are not said. */
  length: number
  kind: 'paragraph' | 'item' | 'heading' | 'blank' | 'fence' | 'row' | 'line'
  /** Of a fence: its signs and what it says of its content; of a row: the row. */
  info?: string
}

export class MarkupReader {
  #buffer = ''
  /** Up to here no unit ends. */
  #checked = 0
  #out: TextPiece[] = []
  #atLineStart = true
  /** Of the line that is read. */
  #kind: Start['kind'] = 'paragraph'
  #lineChars = 0
  /** Spaces since the last word of the line. */
  #trailing = 0
  /** The line before ended in a way that the next line decides upon. */
  #softBreak: { chars: number } | undefined
  #fence: { sign: string; isRead: boolean } | undefined
  #rows: string[][] = []
  #header: readonly string[] | undefined
  #space = false
  #begun = false
  #dropped = false

  push(text: string): TextPiece[] {
    this.#buffer += text.replaceAll('\r\n', '\n')
    return this.#read(false)
  }

  end(): TextPiece[] {
    const rest = this.#read(true)
    this.#endTable()
    return [...rest, ...this.#take()]
  }

  #read(isEnd: boolean): TextPiece[] {
    while (this.#buffer !== '') {
      if (this.#atLineStart) {
        const start = startOf(this.#buffer, isEnd, this.#fence)
        if (!start) break
        this.#begin(start)
        continue
      }
      const length = this.#unitLength(isEnd)
      if (length === 0) break
      this.#say(this.#buffer.slice(0, length))
      this.#buffer = this.#buffer.slice(length)
      this.#checked = 0
    }
    return this.#take()
  }

  #take(): TextPiece[] {
    const out = this.#out
    this.#out = []
    return out
  }

  #begin({ length, kind, info = '' }: Start): void {
    const skipped = this.#buffer.slice(0, length)
    this.#buffer = this.#buffer.slice(length)
    if (kind !== 'row') this.#endTable()
    if (kind === 'row') {
      this.#boundary()
      this.#row(info)
    } else if (kind === 'fence') {
      this.#boundary()
      const [, sign = '', language = ''] = /^([`~]+)\s*(\S*)/.exec(info) ?? []
      this.#fence = this.#fence ? undefined : { sign, isRead: READ_FENCES.test(language) }
    } else if (kind === 'line') {
      if (!this.#fence) this.#boundary()
    } else if (kind === 'blank') this.#boundary()
    else {
      if (kind !== 'paragraph') this.#boundary()
      const soft = this.#softBreak
      if (soft && soft.chars < WRAPPED_CHARS && /^[\p{Lu}\p{N}"“'(*]/u.test(this.#buffer)) this.#boundary()
      this.#softBreak = undefined
      this.#kind = kind
      this.#lineChars = 0
      this.#atLineStart = false
      // text of the line that the marker belongs to
      if (kind === 'item' && /^\s*\d/.test(skipped)) this.#text(`${skipped.trim()} `)
    }
  }

  /** Characters of what can be read at once: up to where a word ends and nothing is open; 0 where more is needed. */
  #unitLength(isEnd: boolean): number {
    const ends = /[\s。！？；，、]/g
    ends.lastIndex = this.#checked
    for (let found = ends.exec(this.#buffer); found && found.index < MAX_UNIT; found = ends.exec(this.#buffer)) {
      if (!isOpen(this.#buffer.slice(0, ends.lastIndex))) return ends.lastIndex
      this.#checked = ends.lastIndex
    }
    if (this.#buffer.length >= MAX_UNIT) return MAX_UNIT
    this.#checked = this.#buffer.length
    return isEnd ? this.#buffer.length : 0
  }

  #say(unit: string): void {
    const endsLine = unit.endsWith('\n')
    const spaces = /[ \t]*$/.exec(unit.replace(/\n$/, ''))?.[0].length ?? 0
    this.#trailing = unit.trim() === '' ? this.#trailing + spaces : spaces
    const isHard = endsLine && (this.#trailing >= 2 || unit.endsWith('\\\n'))
    const before = this.#out.length
    const pieces = readInline(isHard ? unit.replace(/\\\n$/, '\n') : unit)
    const [first] = pieces
    // something was left out before a comma
    if (first?.kind === 'text' && LOOSE.test(first.text.trimStart()) && unit.trimStart()[0] !== first.text.trimStart()[0])
      this.#dropped = true
    for (const piece of pieces) {
      if (piece.kind === 'text') this.#text(piece.text)
      else if (piece.kind === 'boundary') this.#boundary()
      else this.#out.push(piece)
    }
    if (this.#out.length === before && unit.trim() !== '') this.#dropped = true
    this.#lineChars += unit.length
    if (!endsLine) return
    this.#atLineStart = true
    if (isHard || this.#kind === 'heading') this.#boundary()
    else this.#softBreak = { chars: this.#lineChars }
    this.#space = this.#space || this.#begun
  }

  /** White space goes out with the word after it: never at an end, nor where something was left out before a comma. */
  #text(text: string): void {
    for (const part of text.match(/\s+|\S+/g) ?? []) {
      if (part.trim() === '') this.#space = true
      else {
        const isLoose = this.#dropped && LOOSE.test(part)
        const said = this.#begun && this.#space && !isLoose ? ` ${part}` : part
        const last = this.#out.at(-1)
        if (last?.kind === 'text') last.text += said
        else this.#out.push({ kind: 'text', text: said })
        this.#begun = true
        this.#space = false
        this.#dropped = false
      }
    }
  }

  #boundary(): void {
    if (this.#begun) this.#out.push({ kind: 'boundary' })
    this.#begun = false
    this.#space = false
    this.#softBreak = undefined
    this.#dropped = false
  }

  #row(line: string): void {
    const cells = line
      .trim()
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replace(/\\\|/g, '|'))
    const isRule = cells.every((cell) => /^:?-+:?$/.test(cell))
    if (isRule && this.#rows.length === 1) this.#header = this.#rows.pop()
    else if (this.#header) this.#sayRow(cells)
    else this.#rows.push(cells)
  }

  #sayRow(cells: readonly string[]): void {
    const named = cells.flatMap((cell, i) => {
      const words = textOf(readInline(cell))
      const name = textOf(readInline(this.#header?.[i] ?? ''))
      return words === '' ? [] : [name === '' ? words : `${name}: ${words}`]
    })
    this.#text(named.join(', '))
    this.#boundary()
  }

  #endTable(): void {
    const rows = this.#rows
    this.#rows = []
    this.#header = undefined
    for (const row of rows) this.#sayRow(row)
  }
}

function textOf(pieces: readonly TextPiece[]): string {
  return pieces
    .map((piece) => (piece.kind === 'text' ? piece.text : ' '))
    .join('')
    .replace(/\s+/g, ' ')
    .trim()
}

/** How a line begins; undefined where more of it is needed. */
function startOf(buffer: string, isEnd: boolean, fence: { sign: string; isRead: boolean } | undefined): Start | undefined {
  const lineEnd = buffer.indexOf('\n')
  const isWhole = lineEnd >= 0 || isEnd || buffer.length > MAX_START
  const line = lineEnd >= 0 ? buffer.slice(0, lineEnd) : buffer
  const whole = lineEnd >= 0 ? lineEnd + 1 : buffer.length
  const text = line.trimStart()
  const indent = line.length - text.length
  if (fence && (!fence.isRead || /^[`~]/.test(text) || text === '')) {
    if (!isWhole) return undefined
    const closes = text.startsWith(fence.sign) && /^[`~]+\s*$/.test(text)
    return { length: whole, kind: closes ? 'fence' : 'line', info: text }
  }
  if (text === '') return isWhole ? { length: whole, kind: 'blank' } : undefined
  if (SIGNS_ONLY.test(text)) {
    if (!isWhole) return undefined
    if (/^(?:([-*_])(?:\s*\1){2,}|=+|[-*+])\s*$/.test(text)) return { length: whole, kind: 'line' }
  }
  if (!isWhole && /^(?:#{1,6}|[`~]{1,2}|\d{1,3}[.)]?|\[[^\]\n]{0,80}\]?|[•–:])$/.test(text)) return undefined
  if (/^(?:```|~~~)/.test(text) && !/^```[^`]+```/.test(text)) return isWhole ? { length: whole, kind: 'fence', info: text } : undefined
  if (text.startsWith('|')) return isWhole ? { length: whole, kind: 'row', info: text } : undefined
  if (/^\[[^\]^\n]+\]:/.test(text)) return isWhole ? { length: whole, kind: 'line' } : undefined
  const marker = /^(?:#{1,6}[ \t]+|\[\^[^\]\n]+\]:[ \t]*|[-*+•–:][ \t]+|\d{1,3}[.)][ \t]+)/.exec(text)?.[0]
  if (marker === undefined) {
    const quote = /^(?:>[ \t]*)+/.exec(text)?.[0]
    if (quote === undefined) return { length: indent, kind: 'paragraph' }
    const inner = startOf(buffer.slice(indent + quote.length), isEnd, undefined)
    return inner && { ...inner, length: indent + quote.length + inner.length }
  }
  const rest = text.slice(marker.length)
  if (!isWhole && (rest === '' || /^\[[ xX]?\]?$/.test(rest))) return undefined
  const task = /^\[[ xX]\]\s+/.exec(rest)?.[0] ?? ''
  const kind = marker.startsWith('#') ? 'heading' : 'item'
  // the number of an item is said
  return { length: indent + marker.length + task.length, kind }
}

export const readMarkup: Stage<string, TextPiece> = async function* readMarkup(texts) {
  const reader = new MarkupReader()
  try {
    for await (const text of texts) yield* reader.push(text)
  } catch (thrown) {
    // what came before the failure is still said
    yield* reader.end()
    throw thrown
  }
  yield* reader.end()
}

/** What is said of a text that is there as a whole, and the silence that it asks for, ms. */
export function spokenOf(text: string): { text: string; pauseMs: number } {
  const reader = new MarkupReader()
  const pieces = [...reader.push(text), ...reader.end()]
  const pauseMs = pieces.reduce((sum, piece) => sum + (piece.kind === 'pause' ? piece.ms : 0), 0)
  const words = pieces.map((piece) => (piece.kind === 'text' ? piece.text : piece.kind === 'boundary' ? '\n' : ' '))
  return { text: words.join('').trim(), pauseMs }
}
