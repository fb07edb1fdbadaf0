/** What runs below a process, read from /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'

export interface RunningProcess {
  pid: number
  command: string
}

/** Everything that this process started, and what those started. */
export function descendantsOf(root: number): RunningProcess[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? parentOf(Number(name)) : undefined
    if (parent !== undefined) parents.set(Number(name), parent)
  }
  const found = [root]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found.slice(1).map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? '' }))
}

/** Kills the first part of a running system whose command has these words, as an operator's worst day would. @throws Error where none has */
export function killDescendant(root: number, words: string): void {
  const victim = descendantsOf(root).find(({ command }) => command.includes(words))
  if (!victim) throw new Error(`nothing runs that has "${words}" in its command`)
  process.kill(victim.pid, 'SIGKILL')
}

/** Whether it runs still; one that only waits to be collected does not. */
export function isRunning(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`)
  return stat !== undefined && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? Number.NaN) * 1024
}

/** Open files, sockets and pipes. */
export function openHandles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function parentOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** Undefined when the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // it is gone
    return undefined
  }
}
