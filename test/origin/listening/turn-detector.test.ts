import { describe, expect, it } from 'vitest'
import { type TurnChange, TurnDetector } from '../../../origin/listening/turn-detector.ts'

const ROW_MS = 20

/** Feeds rows of 20 ms: a probability for so many ms, one after the other. */
function run(detector: TurnDetector, parts: [probability: number, ms: number][], needMs = 80): TurnChange[] {
  const changes: TurnChange[] = []
  let nowMs = 0
  for (const [probability, ms] of parts) {
    for (let spent = 0; spent < ms; spent += ROW_MS) {
      nowMs += ROW_MS
      const change = detector.push(probability, nowMs, needMs)
      if (change) changes.push(change)
    }
  }
  return changes
}
const usual = (): TurnDetector => new TurnDetector({ threshold: 0.5, silenceMs: 500, maxMs: 60_000 })

describe('a turn of the user', () => {
  it('begins with enough speech and ends with enough silence, at the times of the speech itself', () => {
    expect(run(usual(), [[0.1, 200], [0.9, 1000], [0.1, 600]])).toEqual([
      { type: 'started', startMs: 200 },
      { type: 'stopped', startMs: 200, endMs: 1200, reason: 'silence' },
    ]) // biome-ignore format: one row a phase
  })

  it('does not begin with a click, however many there are', () => {
    const clicks = Array.from({ length: 40 }, (): [number, number][] => [[0.9, 40], [0.1, 160]]).flat() // biome-ignore format: pairs
    expect(run(usual(), clicks)).toEqual([])
  })

  it('goes over gaps within a word', () => {
    const [started] = run(usual(), [[0.9, 60], [0.1, 60], [0.9, 60]]) // biome-ignore format: pairs
    expect(started).toEqual({ type: 'started', startMs: 0 })
  })

  it('goes on over pauses shorter than its silence', () => {
    const changes = run(usual(), [[0.9, 300], [0.1, 480], [0.9, 300], [0.1, 520]]) // biome-ignore format: pairs
    expect(changes.map(({ type }) => type)).toEqual(['started', 'stopped'])
    expect(changes[1]).toMatchObject({ startMs: 0, endMs: 1080 })
  })

  it('needs less to go on than to begin', () => {
    expect(run(usual(), [[0.4, 2000]])).toEqual([])
    const held = run(usual(), [[0.9, 200], [0.4, 2000], [0.2, 600]]) // biome-ignore format: pairs
    expect(held[1]).toMatchObject({ type: 'stopped', endMs: 2200 })
  })

  it('needs as much speech as it is asked for', () => {
    const need = 200
    expect(run(usual(), [[0.9, 180], [0.1, 300]], need)).toEqual([]) // biome-ignore format: pairs
    expect(run(usual(), [[0.9, 200]], need)).toEqual([{ type: 'started', startMs: 0 }])
  })

  it('ends at its cap, and the next one begins', () => {
    const detector = new TurnDetector({ threshold: 0.5, silenceMs: 500, maxMs: 1_000 })
    expect(run(detector, [[0.9, 1_500]])).toEqual([
      { type: 'started', startMs: 0 },
      { type: 'stopped', startMs: 0, endMs: 1_000, reason: 'cap' },
      { type: 'started', startMs: 1_000 },
    ])
  })

  it('ends when it is told to, and only when there is one', () => {
    const detector = usual()
    expect(detector.stop()).toBeUndefined()
    run(detector, [[0.9, 300]])
    expect(detector.stop()).toMatchObject({ type: 'stopped', startMs: 0, endMs: 300 })
    expect(detector.inTurn).toBe(false)
  })

  it('obeys the threshold it was given', () => {
    const strict = new TurnDetector({ threshold: 0.9, silenceMs: 500, maxMs: 60_000 })
    expect(run(strict, [[0.85, 1_000]])).toEqual([])
  })
})
