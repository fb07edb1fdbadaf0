import { describe, expect, it } from 'vitest'
import { CueSheet } from '../../../origin/session/cue-sheet.ts'
import type { Cue } from '../../../shared/api.ts'

describe('CueSheet', () => {
  const clause = { text: 'This is the cat, the category.', durationMs: 3000 }
  const segment = { clause, offsetMs: 0, pcm: new Int16Array(0), mouth: new Float32Array(0) }

  it('hands out timed cues once, when they are due', () => {
    const cue: Cue = { type: 'emotion', at_ms: 500, value: 'happy' }
    const sheet = new CueSheet([cue])
    expect(sheet.due(499)).toEqual([])
    expect(sheet.due(540)).toEqual([cue])
    expect(sheet.due(2000)).toEqual([])
  })

  it('finds a whole word in the text and acts when it sounds', () => {
    const cue: Cue = { type: 'emotion', word: 'Category', value: 'surprised' }
    const sheet = new CueSheet([cue])
    sheet.begin(segment, 1000)
    const expectedMs = 1000 + (clause.text.indexOf('category') / clause.text.length) * 3000
    expect(sheet.due(expectedMs - 1)).toEqual([])
    expect(sheet.due(expectedMs)).toEqual([cue])
  })

  it('never acts for a word that is not said', () => {
    const sheet = new CueSheet([
      { type: 'emotion', word: 'cat,', value: 'happy' },
      { type: 'emotion', word: 'ego', value: 'happy' },
    ])
    sheet.begin(segment, 0)
    expect(sheet.due(10_000).map((cue) => cue.word)).toEqual(['cat,'])
  })
})
