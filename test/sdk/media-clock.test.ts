import { describe, expect, it } from 'vitest'
import { MediaClock } from '../../sdk/typescript/src/browser/media-clock.ts'

describe('the media clock', () => {
  it('takes the quickest delivery as the measure', () => {
    const clock = new MediaClock()
    clock.observe(1_000, 530)
    clock.observe(1_040, 545)
    clock.observe(1_080, 610)
    expect(clock.arrivalOf(1_120)).toBe(625)
    expect(clock.latenessOf(1_080, 610)).toBe(25)
  })

  it('follows a clock that drifts away', () => {
    const clock = new MediaClock()
    // the server's clock loses 1 ms a second: everything seems to arrive later and later
    for (let s = 0; s <= 60; s++) clock.observe(s * 999, s * 1_000)
    expect((clock.arrivalOf(0) ?? 0) - 60).toBeGreaterThan(-11)
  })

  it('knows nothing before the first delivery, and after a reset', () => {
    const clock = new MediaClock()
    expect(clock.arrivalOf(0)).toBeUndefined()
    clock.observe(0, 5)
    clock.reset()
    expect(clock.arrivalOf(0)).toBeUndefined()
  })
})
