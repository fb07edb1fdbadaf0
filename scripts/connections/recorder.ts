/** Runs a command under strace and tells whom it, and everything that it started, contacted. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type Call, readTrace, straceArguments } from './trace.ts'

const PREFIX = 'thread'
const NEEDS =
  'connections are recorded with strace: install it (apt-get install strace) on Linux, where one process may trace another ' +
  '(a container needs the capability SYS_PTRACE, or a kernel from 4.8)'

/** Undefined where commands can be traced; else why not. */
export function whyNotTraced(): string | undefined {
  const tried = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=connect', process.execPath, '--version'])
  if (tried.error) return `${NEEDS}; strace: ${tried.error.message}`
  return tried.status === 0 ? undefined : `${NEEDS}; strace said: ${tried.stderr.toString().trim()}`
}

export interface Recording {
  /** Of the command; 128 and more for a signal, as in a shell. */
  code: number
  calls: Call[]
}

/**
 * Resolves when the command and all that it started have ended.
 *
 * @param options of the command
 * @throws Error where nothing can be traced
 */
export async function recordConnections(command: readonly string[], options: SpawnOptions = { stdio: 'inherit' }): Promise<Recording> {
  const why = whyNotTraced()
  if (why !== undefined) throw new Error(why)
  const folder = mkdtempSync(join(tmpdir(), 'connections-'))
  try {
    // a process group of its own: signals reach the command once, through us, and strace itself heeds none
    const strace = spawn('strace', [...straceArguments(join(folder, PREFIX)), ...command], { ...options, detached: true })
    const stopPassing = passSignals(strace)
    const code = await new Promise<number>((resolve, reject) => {
      strace.once('error', reject)
      strace.once('close', (status) => resolve(status ?? 1))
    })
    stopPassing()
    return { code, calls: readTrace(folder, PREFIX) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function passSignals(child: ChildProcess): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const pass = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // it has ended meanwhile
    }
  }
  for (const signal of signals) process.on(signal, pass)
  return () => {
    for (const signal of signals) process.off(signal, pass)
  }
}
