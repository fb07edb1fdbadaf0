import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { measureCapacity, remeasure } from '../../../origin/render/calibrate.ts'
import type { Renderer, RenderLog } from '../../../origin/render/types.ts'
import { stoppedClock } from '../../support/clocks.ts'

let pass: (ms: number) => void = () => undefined

/** Draws frames of each avatar in so many ms of its own clock, one after another. */
function machine(msByAvatar: Record<string, number>): Renderer {
  let last: Promise<unknown> = Promise.resolve()
  return {
    avatars: Object.keys(msByAvatar).map((avatar_id) => ({ avatar_id, name: '', description: '', licence: '', qualities: [] })),
    device: 'cpu',
    capacity: 1,
    soundOf: () => undefined,
    canNod: () => false,
    render: async (requests) => {
      const ms = requests.reduce((sum, { avatarId }) => sum + (msByAvatar[avatarId] ?? 0), 0)
      last = last.then(() => pass(ms))
      await last
      return requests.map(() => ({ status: 'fulfilled', value: { jpeg: new Uint8Array(0), size: 512 } }))
    },
    stats: () => ({}),
    close: async () => {},
  }
}
const told: Record<string, unknown>[] = []
const log: RenderLog = { info: () => {}, error: () => {}, warn: (fields) => told.push(fields) }

describe('the capacity of a machine', () => {
  beforeEach(() => {
    pass = stoppedClock()
  })
  afterEach(() => void vi.restoreAllMocks())

  it('is that of the slowest avatar that keeps up; slower ones are told of', async () => {
    // a frame in 1 ms: 1000 a second, of which speech takes 80 %, 25 for each session
    expect(await measureCapacity(machine({ light: 1 }), 4, log)).toBe(32)
    expect(told).toEqual([])
    expect(await measureCapacity(machine({ light: 1, heavy: 8 }), 4, log)).toBe(4)
    expect(told).toEqual([])
    expect(await measureCapacity(machine({ heavy: 8, hopeless: 60 }), 1, log)).toBe(4)
    expect(told).toEqual([{ avatar_id: 'hopeless', frames_per_s: 17 }])
  })

  it('is 1 where no avatar keeps up', async () => {
    expect(await measureCapacity(machine({ hopeless: 60 }), 1, { ...log, warn: () => {} })).toBe(1)
  })
})

describe('measuring again', () => {
  const rig = (measured: number[], busy: boolean[] = []) => {
    const closing = new AbortController()
    const state = { capacity: 3, measured: 0 }
    const done = remeasure({
      capacity: () => state.capacity,
      raise: (capacity) => {
        state.capacity = capacity
      },
      measure: async () => {
        const found = measured[state.measured++]
        if (found === undefined) throw new Error('a thread died')
        return found
      },
      isBusy: () => busy.shift() ?? false,
      signal: closing.signal,
      waitMs: 1,
    })
    return { state, done, closing }
  }

  it('raises what the start found, never lowers it, and ends after three tries', async () => {
    const { state, done } = rig([2, 6, 5, 9])
    await done
    expect(state).toEqual({ capacity: 6, measured: 3 })
  })

  it('waits until nobody speaks', async () => {
    const busy = [true, true, true, false]
    const { state, done } = rig([4, 4, 4], busy)
    await done
    expect(busy).toEqual([])
    expect(state).toEqual({ capacity: 4, measured: 3 })
  })

  it('does not try for ever on a machine that is never quiet', async () => {
    const { state, done } = rig([9], new Array<boolean>(200).fill(true))
    await done
    expect(state).toEqual({ capacity: 3, measured: 0 })
  })

  it('ends when the renderer closes, or dies', async () => {
    const closed = rig([9, 9, 9])
    closed.closing.abort()
    await closed.done
    expect(closed.state.capacity).toBe(3)
    const died = rig([4])
    await died.done
    expect(died.state).toEqual({ capacity: 4, measured: 2 })
  })
})
