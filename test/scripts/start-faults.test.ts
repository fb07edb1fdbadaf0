/** When a part is started again, and how long that waits. */
import { describe, expect, it } from 'vitest'
import { BackOff, faultOf } from '../../scripts/start/faults.ts'

describe('a part', () => {
  const fine = { refusals: 0, silentMs: 1_000 }

  it('is left alone while it answers, or waits for a busy machine', () => {
    expect(faultOf(fine)).toBeUndefined()
    expect(faultOf({ ...fine, silentMs: 3_500 })).toBeUndefined()
    expect(faultOf({ ...fine, silentMs: 12_000, starving: true })).toBeUndefined()
    expect(faultOf({ ...fine, refusals: 1 })).toBeUndefined()
  })

  it('that has replaced a process is left alone', () => {
    expect(faultOf({ ...fine, silentMs: 500, processEnded: true })).toBeUndefined()
    expect(faultOf({ ...fine, silentMs: 2_500, processEnded: true, starving: true })).toBeUndefined()
  })

  it.each([
    ['stopped', { ...fine, silentMs: 0, stopped: 'workerd serve' }, 'was stopped by a signal (workerd serve)'],
    ['without its listener', { ...fine, silentMs: 0, listenerEnded: true }, 'lost the process that listens'],
    ['refusing', { ...fine, refusals: 2 }, 'refuses connections'],
    ['without a process', { ...fine, silentMs: 2_000, processEnded: true }, 'lost a process and does not answer'],
    ['silent though it could answer', { ...fine, silentMs: 4_000 }, 'has not answered for 4 s'],
    ['silent for long on a busy machine', { ...fine, silentMs: 20_000, starving: true }, 'has not answered for 20 s'],
  ])('%s is started again', (_what, signs, why) => {
    expect(faultOf(signs)).toBe(why)
  })
})

describe('the pause before a start', () => {
  it('grows while the part falls at once', () => {
    const backOff = new BackOff()
    expect(Array.from({ length: 8 }, () => backOff.next())).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  it('is none again once the part has held', () => {
    const backOff = new BackOff()
    backOff.next()
    backOff.hold(4_000)
    expect(backOff.next()).toBe(1_000)
    backOff.hold(4_000)
    backOff.hold(4_000)
    expect(backOff.next()).toBe(0)
  })
})
