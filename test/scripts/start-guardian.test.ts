/** What is left when the process that started everything is killed: nothing. */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { descendantsOf, isRunning } from '../support/servers/processes.ts'

const WAIT = { timeout: 20_000, interval: 20 }
const GUARDIAN = new URL('../../scripts/start/guardian.ts', import.meta.url).href
/** Starts a group of two that ignores what it is asked, one of them stopped, and has them guarded. */
const PROGRAM = `
  import { spawn } from 'node:child_process'
  import { Guardian } from ${JSON.stringify(GUARDIAN)}
  const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000); console.log(process.pid)"
  const group = spawn(process.execPath, ['-e', "require('node:child_process').spawn(process.execPath, ['-e', " + JSON.stringify(stubborn) + "], { stdio: 'inherit' });" + stubborn], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const guardian = new Guardian()
  guardian.guard([group.pid])
  let pids = ''
  group.stdout.on('data', (data) => {
    pids += data
    const lines = pids.trim().split('\\n')
    if (lines.length < 2) return
    process.kill(Number(lines.find((pid) => Number(pid) !== group.pid)), 'SIGSTOP')
    console.log(JSON.stringify({ pids: [...lines.map(Number)], guardian: guardian.pid }))
  })
  process.stdin.on('data', () => { guardian.close(); process.exit() }).resume()`

const left: number[] = []
afterEach(() => {
  for (const pid of left.splice(0)) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
})

async function start() {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.on('data', (data: Buffer) => (printed += data.toString()))
  const { pids, guardian } = await vi.waitFor(() => JSON.parse(printed.trim()) as { pids: number[]; guardian: number }, WAIT)
  left.push(...pids, guardian, child.pid ?? 0)
  return { child, pids, guardian }
}

describe('the guardian', { timeout: 60_000 }, () => {
  it('ends what it guards, though it ignores SIGTERM or is stopped, and then itself', async () => {
    const { child, pids, guardian } = await start()
    expect(pids.filter(isRunning)).toHaveLength(2)
    child.kill('SIGKILL')
    await vi.waitFor(() => expect([...pids, guardian].filter(isRunning)).toEqual([]), WAIT)
  })

  it('leaves alone what it need not guard any more', async () => {
    const { child, pids, guardian } = await start()
    child.stdin.write('close\n')
    await vi.waitFor(() => expect([guardian, child.pid ?? 0].filter(isRunning)).toEqual([]), WAIT)
    expect(pids.filter(isRunning)).toHaveLength(2)
  })

  it('does not mind signals, and is replaced when it is killed', async () => {
    const { child, pids, guardian } = await start()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(guardian, signal)
    process.kill(guardian, 'SIGKILL')
    await vi.waitFor(() => expect(isRunning(guardian)).toBe(false), WAIT)
    const another = await vi.waitFor(() => {
      const found = shellsBelow(child.pid ?? 0)[0]
      if (found === undefined) throw new Error('no other guardian')
      return found
    }, WAIT)
    child.kill('SIGKILL')
    await vi.waitFor(() => expect([...pids, another].filter(isRunning)).toEqual([]), WAIT)
  })
})

function shellsBelow(pid: number): number[] {
  return descendantsOf(pid).flatMap((one) => (one.command.includes('avatar-guardian') ? one.pid : []))
}
