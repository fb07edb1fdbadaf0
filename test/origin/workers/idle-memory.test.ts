/** Memory is given back when nobody needs the thread, and at no other time. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { GrowthCollector, IdleCollector } from '../../../origin/workers/idle-memory.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('a thread collects once in every stretch without work', () => {
  const collect = vi.fn()
  const idle = new IdleCollector(collect)
  for (let job = 0; job < 5; job++) {
    idle.touch()
    vi.advanceTimersByTime(14_999)
  }
  expect(collect).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(collect).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(600_000)
  expect(collect).toHaveBeenCalledTimes(1)
  idle.touch()
  vi.advanceTimersByTime(15_000)
  expect(collect).toHaveBeenCalledTimes(2)
})

/** @param looks [busy, MB held before a collection] of each look, and what a collection leaves */
function collectionsOf(looks: [boolean, number][], leaves: number): boolean[] {
  let [busy, held] = [false, 0]
  const collect = vi.fn(() => {
    held = leaves
  })
  const collector = new GrowthCollector({ isBusy: () => busy, rss: () => held * 1e6, collect })
  const collected = looks.map((look) => {
    ;[busy, held] = look
    collect.mockClear()
    vi.advanceTimersByTime(15_000)
    return collect.mock.calls.length === 1
  })
  collector.close()
  return collected
}

it.each<[string, [boolean, number][], boolean[]]>([
  ['after the start', [[false, 600]], [true]],
  [
    'never while somebody is there',
    [
      [true, 600],
      [true, 900],
    ],
    [false, false],
  ],
  [
    'as soon as they have left',
    [
      [true, 600],
      [false, 600],
    ],
    [false, true],
  ],
  [
    'not again while nothing grows',
    [
      [false, 600],
      [false, 300],
      [false, 307],
    ],
    [true, false, false],
  ],
  [
    'again after a session',
    [
      [false, 600],
      [true, 500],
      [false, 500],
    ],
    [true, false, true],
  ],
  [
    'growth counts from the least that was held',
    [
      [false, 600],
      [false, 290],
      [false, 299],
    ],
    [true, false, true],
  ],
])('the main thread collects %s', (_, looks, expected) => {
  expect(collectionsOf(looks, 300)).toEqual(expected)
})

it('looks no more once it is closed', () => {
  const rss = vi.fn(() => 0)
  new GrowthCollector({ isBusy: () => false, rss, collect: () => {} }).close()
  vi.advanceTimersByTime(60_000)
  expect(rss).not.toHaveBeenCalled()
})
