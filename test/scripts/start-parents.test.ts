/** Whose end ends `npm start`: npm's and its shell's, and nobody else's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'

const FOLDER = fileURLToPath(new URL('fixtures', import.meta.url))
const COMMAND = 'node scripts/start.ts'
const WAIT = { timeout: 20_000, interval: 20 }
/** In the place of npm: it runs a command through a shell, as npm does. */
const NPM = `const [shell, command] = process.argv.slice(1)
  require('node:child_process').spawn(shell, ['-c', command], { stdio: 'inherit' })
  setInterval(() => {}, 1_000)`

interface Started {
  npm: ChildProcess
  said(): string
  /** Of the script. */
  pid: number
  parent: number
}

const groups: number[] = []
afterEach(() => {
  for (const group of groups.splice(0)) {
    try {
      process.kill(-group, 'SIGKILL')
    } catch {
      // all of it has ended
    }
  }
})

/** @param above what runs npm */
async function start(command: string, { shell = '/bin/sh', script = COMMAND, above = [] as string[], env = {} } = {}): Promise<Started> {
  const [program = '', ...args] = [...above, process.execPath, '-e', NPM, shell, command]
  const path = `${process.execPath.replace(/\/[^/]+$/, '')}:${process.env.PATH}`
  const npm = spawn(program, args, {
    cwd: FOLDER,
    env: { ...process.env, PATH: path, npm_lifecycle_script: script, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  if (npm.pid !== undefined) groups.push(npm.pid)
  let printed = ''
  npm.stdout.on('data', (data: Buffer) => (printed += data.toString()))
  const watching = await vi.waitFor(() => {
    const found = /watching (\d+) below (\d+)/.exec(printed)
    if (!found) throw new Error(`it does not watch: ${printed}`)
    return found
  }, WAIT)
  return { npm, said: () => printed, pid: Number(watching[1]), parent: Number(watching[2]) }
}

async function untilSaid({ said }: Started, text: string): Promise<void> {
  await vi.waitFor(() => expect(said()).toContain(text), WAIT)
}

/** By now the script would have said that a parent is gone, were it one that counts. */
async function isAloneAndStays(started: Started): Promise<void> {
  await untilSaid(started, 'alone for three checks')
  expect(started.said()).not.toContain('gone')
}

describe('npm', { timeout: 30_000 }, () => {
  it.each([
    ['through a shell that stays', `${COMMAND}; true`, `${COMMAND}; true`],
    ['through a shell that makes room', `exec ${COMMAND}`, `exec ${COMMAND}`],
    ['with arguments', `exec ${COMMAND} --watch`, `exec ${COMMAND}`],
  ])('%s: its end is noticed', async (_what, command, script) => {
    const started = await start(command, { script })
    process.kill(started.npm.pid ?? 0, 'SIGKILL')
    await untilSaid(started, 'gone: npm')
  })

  it.runIf(existsSync('/bin/bash'))('through bash: its end is noticed', async () => {
    const started = await start(COMMAND, { shell: '/bin/bash' })
    process.kill(started.npm.pid ?? 0, 'SIGKILL')
    await untilSaid(started, 'gone: npm')
  })

  it('stays, but its shell ends: that is noticed', async () => {
    const started = await start(`${COMMAND}; true`, { script: `${COMMAND}; true` })
    expect(started.parent).not.toBe(started.npm.pid)
    process.kill(started.parent, 'SIGKILL')
    await untilSaid(started, 'gone: the shell of npm')
  })
})

describe('what is not npm', { timeout: 30_000 }, () => {
  it('may end: a shell that ran the script by hand', async () => {
    const started = await start(`${COMMAND}; true`, { script: 'vitest run' })
    process.kill(started.parent, 'SIGKILL')
    process.kill(started.npm.pid ?? 0, 'SIGKILL')
    await isAloneAndStays(started)
  })

  it('may end: what runs npm', async () => {
    const started = await start(`exec ${COMMAND}`, { script: `exec ${COMMAND}`, above: ['/bin/sh', '-c', '"$@"; true', 'login'] })
    expect(started.parent).not.toBe(started.npm.pid)
    const ended = once(started.npm, 'exit')
    process.kill(started.npm.pid ?? 0, 'SIGKILL')
    await ended
    const checksOf = (): number => started.said().split('checked').length
    const before = checksOf()
    await vi.waitFor(() => expect(checksOf()).toBeGreaterThanOrEqual(before + 4), WAIT)
    expect(started.said()).not.toContain('gone')
  })
})

describe('nohup', { timeout: 30_000 }, () => {
  it('keeps it when the terminal goes, and npm with it', async () => {
    const started = await start(`exec ${COMMAND}`, { script: `exec ${COMMAND}`, env: { _: '/usr/bin/nohup' } })
    expect(started.said()).toContain('under nohup')
    process.kill(-(started.npm.pid ?? 0), 'SIGHUP')
    await untilSaid(started, 'hung up')
    await isAloneAndStays(started)
    expect(started.npm.signalCode ?? 'SIGHUP').toBe('SIGHUP')
  })

  it('does not keep it when somebody ends npm', async () => {
    const started = await start(`exec ${COMMAND}`, { script: `exec ${COMMAND}`, env: { _: '/usr/bin/nohup' } })
    process.kill(started.npm.pid ?? 0, 'SIGKILL')
    await untilSaid(started, 'gone: npm')
  })
})
