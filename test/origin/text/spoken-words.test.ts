import { describe, expect, it } from 'vitest'
import { spokenParts, spokenWords } from '../../../origin/text/spoken-words/index.ts'
import { SPOKEN } from './spoken-cases.ts'

describe('spoken words', () => {
  it.each(SPOKEN)('of %j', (written, spoken) => {
    expect(spokenWords(written)).toBe(spoken)
  })

  it.each(['de', 'fr', 'zh', 'ar'])('of %s are what is written', (language) => {
    expect(spokenWords('3 Äpfel, 5 €', language)).toBe('3 Äpfel, 5 €')
  })

  it.each([
    '',
    ' ',
    '...',
    '🎉',
    '\ud800',
    '$',
    '#',
    '1'.repeat(3_000),
    '1,'.repeat(1_000),
    'a.'.repeat(1_000),
    '('.repeat(2_000),
    '1-'.repeat(1_000),
  ])('do not fail: %j', (written) => {
    expect(typeof spokenWords(written)).toBe('string')
  })

  it('belong to the written words that they are said for', () => {
    const text = 'Pay $1.5 million by 10:30 now.'
    const edges = [...text.matchAll(/\S+/g)].map((match) => match.index + match[0].length)
    expect(spokenParts(text, edges)).toEqual(['Pay', 'one point', 'five million dollars', 'by', 'ten thirty', 'now.'])
    expect(spokenParts('An RTX 4090', [2, 6, 11])).toEqual(['An', 'R T X', 'forty ninety'])
  })
})
