import { describe, expect, it } from 'vitest'
import { BitrateControl } from '../../../origin/media/bitrate-control.ts'

const FULL = 1_000_000
const seconds = (rate: BitrateControl, count: number, report: { loss: number; estimateBps?: number; sentBps?: number }): number => {
  const { loss, estimateBps, sentBps } = report
  for (let i = 0; i < count; i++) rate.next({ loss, estimateBps, videoBps: sentBps ?? rate.bitrateBps, packetsSent: 0, nacks: 0 })
  return rate.bitrateBps
}

describe('the bitrate', () => {
  it('is what the quality asks for while the network carries it', () => {
    expect(seconds(new BitrateControl(FULL), 60, { loss: 0.01, estimateBps: 3_000_000 })).toBe(FULL)
  })

  it('falls while packets are lost, not below what shows a face, and rises again slowly', () => {
    const rate = new BitrateControl(FULL)
    expect(seconds(rate, 3, { loss: 0.2 })).toBe(700_000)
    expect(seconds(rate, 60, { loss: 0.2 })).toBe(150_000)
    const after10 = seconds(rate, 10, { loss: 0 })
    expect(after10).toBeGreaterThan(150_000)
    expect(after10).toBeLessThan(250_000)
    expect(seconds(rate, 120, { loss: 0 })).toBe(FULL)
  })

  it('follows the receiver’s estimate, leaving room for sound', () => {
    const rate = new BitrateControl(FULL)
    seconds(rate, 5, { loss: 0, estimateBps: 2_000_000 })
    expect(seconds(rate, 5, { loss: 0, estimateBps: 600_000 })).toBe(510_000)
    expect(seconds(rate, 120, { loss: 0, estimateBps: 2_000_000 })).toBe(FULL)
  })

  it('does not believe an estimate that has only begun to grow', () => {
    expect(seconds(new BitrateControl(FULL), 15, { loss: 0, estimateBps: 300_000 })).toBe(FULL)
  })

  // Broke: on a line of half the rate, the estimate was right after 3 s and believed after 20; what was lost filled the line again.
  it('falls to the estimate at once when the client asks for many packets again', () => {
    const rate = new BitrateControl(FULL)
    for (let second = 1; second <= 3; second++) {
      rate.next({ loss: 0, estimateBps: 400_000, videoBps: FULL, packetsSent: second * 120, nacks: second * 60 })
    }
    expect(rate.bitrateBps).toBe(340_000)
  })

  it('bears a client that asks for few', () => {
    const rate = new BitrateControl(FULL)
    for (let second = 1; second <= 15; second++) {
      rate.next({ loss: 0.05, estimateBps: 400_000, videoBps: FULL, packetsSent: second * 120, nacks: second * 12 })
    }
    expect(rate.bitrateBps).toBe(FULL)
  })

  it('does not believe an estimate that is low because little is sent', () => {
    expect(seconds(new BitrateControl(FULL), 60, { loss: 0, estimateBps: 60_000, sentBps: 40_000 })).toBe(FULL)
  })

  it('changes at most every two seconds', () => {
    const rate = new BitrateControl(FULL)
    let changes = 0
    for (let i = 0; i < 10; i++) {
      const before = rate.bitrateBps
      if (rate.next({ loss: 0.5, estimateBps: undefined, videoBps: before, packetsSent: 0, nacks: 0 }) !== before) changes += 1
    }
    expect(changes).toBeLessThanOrEqual(5)
  })
})
