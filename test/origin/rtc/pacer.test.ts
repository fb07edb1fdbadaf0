import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Pacer } from '../../../origin/rtc/pacer.ts'

let sent: { item: number; atMs: number }[]
let pacer: Pacer<number>
let startMs: number
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  startMs = performance.now()
  sent = []
  pacer = new Pacer((item) => sent.push({ item, atMs: performance.now() - startMs }))
})
afterEach(() => {
  pacer.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})
const items = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('the packets of a frame', () => {
  it('leave together when it is due, where they are few', () => {
    pacer.push(items(5), startMs + 30)
    vi.advanceTimersByTime(29)
    expect(sent).toEqual([])
    vi.advanceTimersByTime(1)
    expect(sent).toEqual(items(5).map((item) => ({ item, atMs: 30 })))
  })

  it('are spread over the time until it is due, in order, where they are many', () => {
    pacer.push(items(45), startMs + 30)
    vi.advanceTimersByTime(31)
    expect(sent.map(({ item }) => item)).toEqual(items(45))
    // never more than six in one ms
    const perMs = new Map<number, number>()
    for (const { atMs } of sent) perMs.set(Math.floor(atMs), (perMs.get(Math.floor(atMs)) ?? 0) + 1)
    expect(Math.max(...perMs.values())).toBeLessThanOrEqual(6)
    expect(sent.at(-1)?.atMs).toBeGreaterThanOrEqual(30)
  })

  it('leave at once, a little apart, where it is late', () => {
    pacer.push(items(12), startMs - 100)
    expect(sent.map(({ item }) => item)).toEqual(items(6))
    vi.advanceTimersByTime(2)
    expect(sent).toHaveLength(12)
  })

  it('do not overtake those of the frame before', () => {
    pacer.push(items(30), startMs - 100)
    pacer.push([100, 101], startMs - 60)
    vi.advanceTimersByTime(50)
    expect(sent.map(({ item }) => item)).toEqual([...items(30), 100, 101])
  })

  it('wait for 100 ms at most, however many there are', () => {
    for (let i = 0; i < 10; i++) pacer.push(items(600), startMs)
    vi.advanceTimersByTime(100)
    expect(sent).toHaveLength(6_000)
  })

  it('are forgotten when it stops', () => {
    pacer.push(items(20), startMs + 30)
    pacer.stop()
    vi.advanceTimersByTime(100)
    expect(sent.length).toBeLessThan(20)
  })
})
