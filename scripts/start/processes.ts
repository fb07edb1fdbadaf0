/** Processes of this machine as /proc shows them; where there is no /proc, nothing is seen. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import process from 'node:process'

export interface ProcessEntry {
  pid: number
  parent: number
  /** Process group. */
  group: number
  /** As ps shows it: `R`, `S`, `D`, `T` (stopped by a signal), `Z` (ended), `X` (ended, and its parent is just collecting it). */
  state: string
  /** Processor time of its first thread so far, ms: the one that runs an event loop. */
  cpuMs: number
}

/** The kernel counts processor time in hundredths of a second. */
const MS_PER_CLOCK_TICK = 10

/** Undefined when it has ended. */
export function processEntry(pid: number): ProcessEntry | undefined {
  const stat = read(`/proc/${pid}/task/${pid}/stat`)
  if (stat === undefined) return undefined
  // the name in parentheses may hold anything
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state = '', parent, group] = fields
  const [user, system] = fields.slice(11, 13)
  return { pid, parent: Number(parent), group: Number(group), state, cpuMs: (Number(user) + Number(system)) * MS_PER_CLOCK_TICK }
}

/** A process that has ended is seen until its parent has collected it. */
export function hasEnded({ state }: ProcessEntry): boolean {
  return state === 'Z' || state === 'X'
}

export function commandOf(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? []
}

/** `node index.ts`, `workerd serve`: the program and its first word that is neither an option nor a text. */
export function shortName(command: readonly string[]): string {
  const [program = 'a process', ...words] = command
  const word = words.find((candidate) => !candidate.startsWith('-'))
  return [program, ...(word !== undefined && /^[\w./-]{1,200}$/.test(word) ? [word] : [])].map((part) => basename(part)).join(' ')
}

export function membersOf(group: number): ProcessEntry[] {
  return pids().flatMap((pid) => {
    const entry = processEntry(pid)
    return entry?.group === group && !hasEnded(entry) ? [entry] : []
  })
}

/** Ends a process group, whatever state it is in. */
export function killGroup(group: number | undefined): void {
  try {
    if (group !== undefined) process.kill(-group, 'SIGKILL')
  } catch {
    // nothing of it is left
  }
}

/** `node (process 4711)` of who listens on a TCP port; undefined where that cannot be seen. */
export function whoListens(port: number): string | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(read(`/proc/net/${table}`) ?? '', port)))
  if (inodes.size === 0) return undefined
  for (const pid of pids()) {
    if (openSockets(pid).some((inode) => inodes.has(inode))) return `${shortName(commandOf(pid))} (process ${pid})`
  }
  return undefined
}

const LISTENING = '0A'

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    return local?.endsWith(suffix) && state === LISTENING && inode !== undefined ? [inode] : []
  })
}

function openSockets(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.slice(1, 2) ?? []
      } catch {
        // closed meanwhile
        return []
      }
    })
  } catch {
    // another user's
    return []
  }
}

function pids(): number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? Number(name) : []))
  } catch {
    // no /proc here
    return []
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // it is gone, or there is no /proc
    return undefined
  }
}
