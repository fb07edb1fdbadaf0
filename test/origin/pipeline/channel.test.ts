import { describe, expect, it } from 'vitest'
import { Channel } from '../../../origin/pipeline/channel.ts'

const signal = new AbortController().signal

describe('Channel', () => {
  it('makes the producer wait when full and lets it go on when an item is taken', async () => {
    const channel = new Channel<number>({ capacity: 2 })
    await channel.push(1, signal)
    await channel.push(2, signal)
    let pushed = false
    const third = channel.push(3, signal).then(() => {
      pushed = true
    })
    await Promise.resolve()
    expect(pushed).toBe(false)
    expect(channel.shift()).toBe(1)
    await third
    expect([channel.shift(), channel.shift(), channel.shift()]).toEqual([2, 3, undefined])
  })

  it('takes one item that is heavier than all it may hold', async () => {
    const channel = new Channel<number>({ capacity: 1, weigh: (n) => n })
    await channel.push(50, signal)
    expect(channel.waiting).toBe(50)
  })

  it('lets an aborted producer go', async () => {
    const channel = new Channel<number>({ capacity: 1 })
    await channel.push(1, signal)
    const abort = new AbortController()
    const waiting = channel.push(2, abort.signal)
    abort.abort(new Error('over'))
    await expect(waiting).rejects.toThrow('over')
  })

  it('hands out what it has before the failure', async () => {
    const channel = new Channel<number>({ capacity: 5 })
    await channel.push(1, signal)
    channel.fail(new Error('broken'))
    expect(channel.shift()).toBe(1)
    expect(channel.ended).toBe(false)
    expect(() => channel.shift()).toThrow('broken')
  })

  it('ends iteration when closed', async () => {
    const channel = new Channel<number>({ capacity: 5 })
    const all = Array.fromAsync(channel)
    await channel.push(1, signal)
    await channel.push(2, signal)
    channel.close()
    expect(await all).toEqual([1, 2])
    expect(channel.ended).toBe(true)
  })
})
