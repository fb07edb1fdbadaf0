/** A part that is kept running, with small programs in its place. Time passes in ticks. */
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { GroupWatch } from '../../scripts/start/group-watch.ts'
import { Keeper, TICK_MS } from '../../scripts/start/keeper.ts'
import { Part } from '../../scripts/start/part.ts'
import { membersOf, type ProcessEntry, processEntry } from '../../scripts/start/processes.ts'
import { isRunning } from '../support/servers/processes.ts'

const WAIT = { timeout: 20_000, interval: 10 }
const IDLE = 'setInterval(() => {}, 1_000); console.log("up")'
const SPINNING = 'console.log("up"); setTimeout(() => { for (;;); }, 10)'
/** With a process of its own, whose number it prints. */
const WITH_CHILD = `
  const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)', '--', 'listener'])
  child.on('spawn', () => console.log('up ' + child.pid))
  setInterval(() => {}, 1_000)`

let printed: MockInstance<typeof process.stdout.write>
const started: Part[] = []
const keepers: Keeper[] = []

beforeEach(() => {
  printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
})
afterEach(() => {
  for (const keeper of keepers.splice(0)) keeper.close()
  for (const part of started.splice(0)) part.kill()
  printed.mockRestore()
})

function said(): string {
  return printed.mock.calls.map(([text]) => text).join('')
}

/** @returns the keeper, after its part is up */
async function keep(program: string, options: Partial<ConstructorParameters<typeof Keeper>[0]> = {}) {
  const neverUp = vi.fn()
  const lines: string[] = []
  const spawn = (onExit: (how: string) => void): Part => {
    const env = { ...process.env } as Record<string, string>
    const part = new Part({ name: 'part', args: ['-e', program], env, show: (line) => void lines.push(line), onExit })
    started.push(part)
    return part
  }
  const keeper = new Keeper({ what: 'the part', spawn, onNeverUp: neverUp, onChange: () => undefined, ...options })
  keepers.push(keeper)
  keeper.start()
  const upAgain = async (times: number): Promise<void> => {
    await vi.waitFor(() => expect(lines).toHaveLength(times), WAIT)
    keeper.cameUp()
  }
  return { keeper, neverUp, lines, upAgain }
}

/** So much time passes without a word. */
function silence(keeper: Keeper, ms: number): void {
  for (let passedMs = 0; passedMs < ms; passedMs += TICK_MS) keeper.tick()
}

/** It is missed after 4 s of silence, unless it is just then about to run, which the next try will not meet. */
async function missedAfterSilence(keeper: Keeper): Promise<void> {
  await vi.waitFor(() => {
    keeper.heard()
    silence(keeper, 5_000)
    expect(keeper.isUp).toBe(false)
  }, WAIT)
}

function pidOf(keeper: Keeper): number {
  const pid = keeper.part?.pid
  if (pid === undefined) throw new Error('nothing runs')
  return pid
}

describe('a part', { timeout: 60_000 }, () => {
  it('that ends before it was ever up is given up', async () => {
    const { neverUp } = await keep('process.exit(3)')
    await vi.waitFor(() => expect(neverUp).toHaveBeenCalledOnce(), WAIT)
    expect(started).toHaveLength(1)
  })

  it('that is killed is started again at once, and that is said', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    process.kill(pidOf(keeper), 'SIGKILL')
    await upAgain(2)
    expect(said()).toMatch(/the part ended with SIGKILL; starting it again\n.*the part is back\n$/s)
  })

  it('that falls again and again waits longer each time, and that is said', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    process.kill(pidOf(keeper), 'SIGKILL')
    await upAgain(2)
    process.kill(pidOf(keeper), 'SIGKILL')
    await vi.waitFor(() => expect(said()).toContain('the part fell before: it is started in 1 s'), WAIT)
    await upAgain(3)
    expect(keeper.isUp).toBe(true)
  })

  it('that a signal has stopped is started again; one that goes on is not', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    const pid = pidOf(keeper)
    const stopped = async (yes: boolean): Promise<void> => {
      process.kill(pid, yes ? 'SIGSTOP' : 'SIGCONT')
      await vi.waitFor(() => expect(processEntry(pid)?.state === 'T').toBe(yes), WAIT)
    }
    await stopped(true)
    silence(keeper, 2 * TICK_MS)
    await stopped(false)
    silence(keeper, 2 * TICK_MS)
    expect(keeper.isUp).toBe(true)
    await stopped(true)
    silence(keeper, 4 * TICK_MS)
    await upAgain(2)
    expect(said()).toContain('the part was stopped by a signal (node); starting it again')
    expect(isRunning(pid)).toBe(false)
  })

  it('that is silent though nothing keeps it is started again; words from it keep it', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    for (let i = 0; i < 10; i++) {
      silence(keeper, 3_000)
      keeper.heard()
    }
    expect(keeper.isUp).toBe(true)
    await missedAfterSilence(keeper)
    await upAgain(2)
    expect(said()).toContain('the part has not answered for 4 s; starting it again')
  })

  it('whose loop spins is started again once it had its share of a processor', async () => {
    const { keeper, upAgain } = await keep(SPINNING)
    await upAgain(1)
    const pid = pidOf(keeper)
    const fromMs = processEntry(pid)?.cpuMs ?? 0
    await vi.waitFor(() => expect((processEntry(pid)?.cpuMs ?? 0) - fromMs).toBeGreaterThan(2_000), { timeout: 40_000, interval: 50 })
    silence(keeper, 5_000)
    await upAgain(2)
    expect(said()).toMatch(/the part has not answered for \d+ s; starting it again/)
  })

  it('that stands still by itself is not missed until it is heard', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    keeper.standsStill()
    silence(keeper, 60_000)
    expect(keeper.isUp).toBe(true)
    await missedAfterSilence(keeper)
  })

  it('that refuses twice in a row is started again', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    keeper.refused()
    keeper.heard()
    keeper.refused()
    silence(keeper, 2 * TICK_MS)
    expect(keeper.isUp).toBe(true)
    keeper.refused()
    silence(keeper, 2 * TICK_MS)
    expect(said()).toContain('the part refuses connections; starting it again')
  })

  it('that does not come up again is started anew after a minute', async () => {
    const { keeper, upAgain, lines } = await keep(IDLE)
    await upAgain(1)
    keeper.again('is wanted anew')
    await vi.waitFor(() => expect(lines).toHaveLength(2), WAIT)
    silence(keeper, 59_000)
    expect(keeper.part?.ended).toBe(false)
    silence(keeper, 2_000)
    await vi.waitFor(() => expect(said()).toContain('the part was not up after 60 s; starting it again'), WAIT)
  })

  it('that is closed is not started again', async () => {
    const { keeper, upAgain } = await keep(IDLE)
    await upAgain(1)
    keeper.close()
    const part = keeper.part
    part?.kill()
    await vi.waitFor(() => expect(part?.ended).toBe(true), WAIT)
    expect(started).toHaveLength(1)
  })
})

describe('the processes of a part', { timeout: 60_000 }, () => {
  async function withChild(isListener: (command: string[]) => boolean) {
    const kept = await keep(WITH_CHILD, { isListener })
    await kept.upAgain(1)
    const child = Number(kept.lines[0]?.split(' ')[1])
    const pid = pidOf(kept.keeper)
    await vi.waitFor(() => expect(membersOf(pid)).toHaveLength(2), WAIT)
    return { ...kept, child, pid }
  }

  async function kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), WAIT)
  }

  it('are missed at once when the one with the port ends', async () => {
    const { keeper, child, upAgain } = await withChild((command) => command.at(-1) === 'listener')
    await kill(child)
    silence(keeper, 2 * TICK_MS)
    await upAgain(2)
    expect(said()).toContain('the part lost the process that listens; starting it again')
  })

  it('may be replaced, when it then answers', async () => {
    const { keeper, child, pid } = await withChild(() => false)
    await kill(child)
    silence(keeper, 1_000)
    keeper.heard()
    silence(keeper, 3_000)
    expect(keeper.isUp).toBe(true)
    expect(pidOf(keeper)).toBe(pid)
  })

  it('are missed when one ends and it does not answer', async () => {
    const { keeper, child, upAgain } = await withChild(() => false)
    await kill(child)
    await vi.waitFor(() => {
      silence(keeper, 2 * TICK_MS)
      expect(keeper.isUp).toBe(false)
    }, WAIT)
    await upAgain(2)
    expect(said()).toContain('the part lost a process and does not answer; starting it again')
  })

  it('end with it', async () => {
    const { keeper, child, pid } = await withChild(() => false)
    keeper.close()
    await kill(pid)
    await vi.waitFor(() => expect(isRunning(child)).toBe(false), WAIT)
  })
})

describe('a process', () => {
  /** It is always seen in this state, with so much more time of a processor at each look. */
  function watch(states: string, cpuMsPerLook: number): GroupWatch {
    let looks = 0
    const entryOf = (pid: number): ProcessEntry | undefined => {
      const entry = processEntry(pid)
      return entry && { ...entry, state: states[looks % states.length] ?? '', cpuMs: cpuMsPerLook * looks++ }
    }
    return new GroupWatch(processEntry(process.pid)?.group ?? 0, undefined, (pid) => (pid === process.pid ? entryOf(pid) : processEntry(0)))
  }

  // Broke: a child that was just being collected was learnt anew as a process of the part, and then missed.
  it.each(['Z', 'X'])('in state %s has ended', (state) => {
    const { group = 0 } = processEntry(process.pid) ?? {}
    const watched = new GroupWatch(
      group,
      () => true,
      (pid) => {
        const entry = processEntry(pid)
        return entry && pid === process.pid ? { ...entry, state } : entry
      },
    )
    expect(watched.look()).toMatchObject({ listenerEnded: true })
  })

  it.each([
    ['ready to run, of which the machine gives it little', 'R', 20, true],
    ['waiting for a disk', 'D', 0, true],
    ['ready at every third look', 'SSR', 20, true],
    ['that ran for long', 'R', 500, false],
    ['that waits for something else', 'S', 0, false],
    ['ready now and then', 'SSSSSSR', 20, false],
  ])('%s', (_what, states, cpuMsPerLook, starving) => {
    const group = watch(states, cpuMsPerLook)
    group.heard()
    let last = group.look()
    for (let i = 0; i < 8; i++) last = group.look()
    expect(last.starving).toBe(starving)
  })
})
