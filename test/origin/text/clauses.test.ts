import { describe, expect, it } from 'vitest'
import type { ClauseText, TextPiece } from '../../../origin/text/types.ts'
import { splitSentences } from '../../../origin/turn/stages/split-sentences.ts'
import { CLAUSES } from './clause-cases.ts'

async function cut(pieces: readonly TextPiece[]): Promise<ClauseText[]> {
  async function* stream() {
    yield* pieces
  }
  return await Array.fromAsync(splitSentences(stream(), { signal: new AbortController().signal }))
}

async function clausesOf(...texts: string[]): Promise<string[]> {
  return (await cut(texts.map((text) => ({ kind: 'text', text })))).map(({ text }) => text)
}

const inPieces = (text: string, length: number): string[] => text.match(new RegExp(`.{1,${length}}`, 'gs')) ?? []

/** Cuts at places that a seed decides. */
function atRandom(text: string, seed: number): string[] {
  const pieces: string[] = []
  let state = seed
  for (let at = 0; at < text.length; ) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    const length = 1 + (state % 9)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}

const plain = (text: string): string => text.replace(/[^\p{L}\p{M}\p{N}]/gu, '')

for (const [kind, table] of Object.entries(CLAUSES)) {
  const cases = table
    .trim()
    .split('\n')
    .map((line) => line.replaceAll('\\n', '\n'))
  it.each(cases)(`${kind}: %j`, async (marked) => {
    const expected = marked.split('|').map((clause) => clause.trim())
    const text = marked
      .replace(/\|(?<space>)(?<=[\s。！？」”]\|)/g, '')
      .replaceAll('|', ' ')
      .replaceAll('\n ', '\n')
    for (const pieces of [[text], inPieces(text, 1), inPieces(text, 3), atRandom(text, 7), atRandom(text, 99)]) {
      expect(await clausesOf(...pieces)).toEqual(expected)
    }
  })
}

describe('clauses', () => {
  const LONG: readonly [string, string][] = [
    ['words', 'word and some other thing '.repeat(60)],
    ['no spaces', 'x'.repeat(1_000)],
    ['Chinese', '我们今天去公园看花然后回家吃饭'.repeat(40)],
    ['Thai', 'วันนี้อากาศดีมากและเราจะไปสวนกัน'.repeat(30)],
    ['emoji', `a${'👩‍👩‍👧‍👦'.repeat(90)}b`],
    ['combining marks', 'e\u0301\u0323'.repeat(300)],
    ['abbreviations', 'Mr. '.repeat(200)],
    ['stops', `a ${'. '.repeat(500)} b`],
    ['commas', 'one, two; three: '.repeat(60)],
  ]
  it.each(LONG)('bounds long text of %s, loses nothing, whole or streamed', async (_name, text) => {
    const whole = await clausesOf(text)
    for (const clause of whole) {
      expect(clause.length).toBeLessThanOrEqual(300)
      expect(clause).toMatch(/[\p{L}\p{N}]/u)
      expect(clause.isWellFormed()).toBe(true)
      expect(clause).not.toMatch(/^[\p{M}\u200d]/u)
    }
    expect(plain(whole.join(''))).toBe(plain(text))
    for (const pieces of [inPieces(text, 1), inPieces(text, 3), atRandom(text, 5)]) expect(await clausesOf(...pieces)).toEqual(whole)
  })

  it('ends them at boundaries and gives them pauses', async () => {
    expect(
      await cut([
        { kind: 'text', text: 'A heading' },
        { kind: 'boundary' },
        { kind: 'text', text: 'Hello. ' },
        { kind: 'pause', ms: 1_500 },
        { kind: 'text', text: 'It costs 12' },
        { kind: 'boundary' },
        { kind: 'boundary' },
      ]),
    ).toEqual([{ text: 'A heading' }, { text: 'Hello.', pauseAfterMs: 1_500 }, { text: 'It costs 12' }])
  })

  it.each(['Hello there. H', 'It is 42. Now ', 'At 5 p.m. We '])('gives out %j before more text comes', async (text) => {
    const pieces = splitSentences(
      (async function* () {
        yield { kind: 'text', text } as const
        await new Promise(() => {})
      })(),
      { signal: new AbortController().signal },
    )
    expect((await pieces[Symbol.asyncIterator]().next()).value?.text).toBe(text.replace(/(?<=\.) \w+ ?$/, ''))
  })

  it('lets a long first sentence begin at a comma, and no other', async () => {
    expect(await clausesOf('When I was young and the world was wide, we walked to the sea, and then we came back, as we do.')).toEqual([
      'When I was young and the world was wide,',
      'we walked to the sea, and then we came back, as we do.',
    ])
  })
})
