import { describe, expect, it } from 'vitest'
import { splitSentences } from '../../../../origin/turn/stages/split-sentences.ts'

async function split(...tokens: string[]): Promise<string[]> {
  async function* stream() {
    for (const text of tokens) yield { kind: 'text' as const, text }
  }
  const clauses = await Array.fromAsync(splitSentences(stream(), { signal: new AbortController().signal }))
  return clauses.map(({ text }) => text)
}

describe('splitSentences', () => {
  it('cuts at sentence ends, also inside and across tokens', async () => {
    expect(await split('Hi the', 're. How', ' are you? Fine!')).toEqual(['Hi there.', 'How are you?', 'Fine!'])
  })

  it('does not cut at abbreviations, numbers or addresses', async () => {
    expect(await split('Dr. Smith paid 3.50 at www.example.com today. Good.')).toEqual([
      'Dr. Smith paid 3.50 at www.example.com today.',
      'Good.',
    ])
  })

  it('lets a long first sentence begin at its first comma', async () => {
    const [first] = await split('When I was young and the world was wide, ', 'we walked to the sea and back')
    expect(first).toBe('When I was young and the world was wide,')
  })

  it('bounds every clause and loses no word', async () => {
    const text = Array.from({ length: 400 }, (_, i) => `word${i}`).join(' ')
    const clauses = await split(text)
    expect(Math.max(...clauses.map((clause) => clause.length))).toBeLessThanOrEqual(300)
    expect(clauses.join(' ')).toBe(text)
  })

  it('cuts text without any space', async () => {
    const clauses = await split('x'.repeat(1_000))
    expect(clauses.join('')).toBe('x'.repeat(1_000))
  })

  it('yields nothing for white space', async () => {
    expect(await split(' ', '\n\n', '')).toEqual([])
  })
})
