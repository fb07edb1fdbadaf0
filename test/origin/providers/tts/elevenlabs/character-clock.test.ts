import { describe, expect, it } from 'vitest'
import { type Alignment, CharacterClock } from '../../../../../origin/providers/tts/elevenlabs/character-clock.ts'
import { evenly } from '../../../../support/fakes/elevenlabs-lines.ts'

const align = (text: string, fromS: number, toS: number): Alignment => {
  const times = evenly(text, fromS, toS)
  return {
    characters: times.map(({ text }) => text),
    characterStartTimesSeconds: times.map(({ startS }) => startS),
    characterEndTimesSeconds: times.map(({ endS }) => endS),
  }
}
/** Alignments with the start of their chunk's sound, as one text with the times at which words begin. */
function place(...chunks: [alignment: Alignment, chunkStartS: number][]): { text: string; starts: number[]; inOrder: boolean } {
  const clock = new CharacterClock()
  const placed = chunks.flatMap(([alignment, chunkStartS]) => clock.place(alignment, chunkStartS))
  return {
    text: placed.map(({ text }) => text).join(''),
    starts: placed.filter((_, i) => i === 0 || placed[i - 1]?.text === ' ').map(({ startS }) => Math.round(startS * 1000) / 1000),
    inOrder: placed.every(({ startS, endS }, i) => endS >= startS && startS >= (placed[i - 1]?.endS ?? 0)),
  }
}

describe('places of characters over the chunks of an answer', () => {
  it.each<[string, [Alignment, number][], string, number[]]>([
    [
      'that count from the start of the answer',
      [
        [align('one ', 0, 0.4), 0],
        [align('two', 0.4, 0.8), 0.5],
      ],
      'one two',
      [0, 0.4],
    ],
    [
      'that count from the start of their chunk',
      [
        [align('one ', 0, 0.4), 0],
        [align('two', 0, 0.4), 0.5],
      ],
      'one two',
      [0, 0.5],
    ],
    [
      'that come again',
      [
        [align('one two', 0, 0.7), 0],
        [align('one two', 0, 0.7), 0.4],
      ],
      'one two',
      [0, 0.4],
    ],
    [
      'that come again in part',
      [
        [align('one two', 0, 0.7), 0],
        [align('two', 0.4, 0.7), 0.4],
      ],
      'one two',
      [0, 0.4],
    ],
    [
      'that grow',
      [
        [align('one ', 0, 0.4), 0],
        [align('one two', 0, 0.7), 0.4],
      ],
      'one two',
      [0, 0.4],
    ],
    [
      'of which one is empty',
      [
        [align('one ', 0, 0.4), 0],
        [align('', 0, 0), 0.4],
        [align('two', 0.4, 0.7), 0.5],
      ],
      'one two',
      [0, 0.4],
    ],
  ])('%s', (_what, chunks, text, starts) => {
    expect(place(...chunks)).toEqual({ text, starts, inOrder: true })
  })

  it('never go back, whatever the vendor says', () => {
    const odd = { characters: ['a', 'b', 'c'], characterStartTimesSeconds: [0, 0.3, 0.28], characterEndTimesSeconds: [0.3, 0.29, 0.5] }
    expect(place([odd, 0]).inOrder).toBe(true)
  })
})
