/** The fenced blocks of Markdown files. */
import { globSync, readFileSync } from 'node:fs'

export interface DocBlock {
  file: string
  /** Of the opening fence, from 1. */
  line: number
  /** First word after the fence; '' without one. */
  language: string
  /** The words after it. */
  meta: readonly string[]
  text: string
}

/** `FILE:LINE`, for names of tests and messages. */
export function placeOf({ file, line }: DocBlock): string {
  return `${file}:${line}`
}

/** @throws Error for a fence that does not end */
export function blocksOf(patterns: readonly string[]): DocBlock[] {
  return globSync(patterns)
    .toSorted()
    .flatMap((file) => blocksIn(file, readFileSync(file, 'utf8')))
}

function blocksIn(file: string, text: string): DocBlock[] {
  const blocks: DocBlock[] = []
  let open: { line: number; info: string; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line)
    if (!fence) open?.lines.push(line)
    else if (!open) open = { line: index + 1, info: fence[1] ?? '', lines: [] }
    else {
      const [language = '', ...meta] = open.info.trim().split(/\s+/)
      blocks.push({ file, line: open.line, language, meta, text: `${open.lines.join('\n')}\n` })
      open = undefined
    }
  }
  if (open) throw new Error(`${file}:${open.line}: the block does not end`)
  return blocks
}
