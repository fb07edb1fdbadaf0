/**
 * What strace wrote, one file a thread: which process opened which connection. The calls are those by which a socket gets an
 * address to send to, so that native threads and other programs are seen like our own code.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import process from 'node:process'
import { lookedUpName } from './name-lookups.ts'

/** The calls that are stopped at; no others cost the command time. */
const CALLS = 'connect,sendto,sendmsg,sendmmsg,execve,execveat,clone,clone3,fork,vfork,io_uring_setup'
/** Bytes of each string: a command's arguments, a question to a name server. */
const STRING_BYTES = 512

/** @param files path and first part of the name of the files that strace writes */
export function straceArguments(files: string): string[] {
  return [
    ...['-ff', '--seccomp-bpf', '-yy', '-x', '-qq', '-s', String(STRING_BYTES), '-o', files, '-e', `trace=${CALLS}`, '-e', 'signal=none'],
    // connections made through a ring would not be seen: programs do without where there is none
    ...['-e', 'inject=io_uring_setup:error=ENOSYS'],
  ]
}

/** One call that gave a socket an address, or asked for one. */
export interface Call {
  /** The program, and its script: `node origin/index.ts`. */
  process: string
  protocol: string
  /** IP address, or the path or family of another kind of socket. */
  address: string
  /** 0 where there are none. */
  port: number
  /** Somebody was there, or may have been. */
  answered: boolean
  /** What was looked up, where this was a question to a name server or service. */
  lookup?: string
}

interface Program {
  label: string
}

/** @throws Error when the trace is not whole: a command that was not traced, or that still runs */
export function readTrace(folder: string, prefix: string): Call[] {
  const threads = new Map<number, string[]>()
  for (const file of readdirSync(folder)) {
    const id = file.startsWith(`${prefix}.`) ? Number(file.slice(prefix.length + 1)) : Number.NaN
    if (!Number.isNaN(id)) threads.set(id, readFileSync(join(folder, file), 'utf8').split('\n'))
  }
  if (threads.size === 0) throw new Error('nothing was traced')
  const programs = programsOf(threads)
  return [...threads].flatMap(([thread, lines]) => {
    const label = programs.get(thread)?.label ?? `process ${thread}`
    return lines.flatMap((line) => callsIn(line).map((call) => ({ ...call, process: label })))
  })
}

/** The program that each thread belongs to, by the calls that made them. */
function programsOf(threads: ReadonlyMap<number, readonly string[]>): Map<number, Program> {
  const makers = new Map<number, { maker: number; isThread: boolean }>()
  for (const [maker, lines] of threads) {
    for (const line of lines) {
      const made = /^(?:clone3?|v?fork)\(.*\) = (\d+)$/.exec(line)?.[1]
      if (made !== undefined) makers.set(Number(made), { maker, isThread: line.includes('CLONE_THREAD') })
    }
  }
  const programs = new Map<number, Program>()
  const programOf = (thread: number): Program => {
    const known = programs.get(thread)
    if (known) return known
    const made = makers.get(thread)
    const before = made === undefined ? undefined : programOf(made.maker)
    // a new process is what its maker is until it becomes something else
    const program = before && made?.isThread ? before : { label: before?.label ?? `process ${thread}` }
    programs.set(thread, program)
    for (const line of threads.get(thread) ?? []) program.label = programStartedBy(line) ?? program.label
    return program
  }
  for (const thread of threads.keys()) programOf(thread)
  return programs
}

function programStartedBy(line: string): string | undefined {
  const list = /^execve(?:at)?\(.*?, \[((?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?(?:, )?)+)/.exec(line)?.[1]
  if (list === undefined || !line.endsWith(' = 0')) return undefined
  const [program = '', ...rest] = stringsIn(list).map((bytes) => bytes.toString())
  const subject = rest.find((argument) => !argument.startsWith('-') && !/[\s;]/.test(argument))
  return [basename(program), ...(subject === undefined ? [] : [shortPath(subject)])].join(' ')
}

/** Paths of packages without what every path of them has; ours from here. */
function shortPath(path: string): string {
  if (!path.startsWith('/')) return path
  const inPackage = path.lastIndexOf('/node_modules/')
  if (inPackage >= 0) return path.slice(inPackage + '/node_modules/'.length)
  const here = relative(process.cwd(), path)
  return here.startsWith('..') ? basename(path) : here
}

function callsIn(line: string): Omit<Call, 'process'>[] {
  const call = /^(connect|sendto|sendmsg|sendmmsg)\(\d+(?:<([^>]*(?:->[^>]*)?)>)?, /.exec(line)
  if (!call) return []
  const [, name, socket = ''] = call
  const protocol = /^(TCP|UDP|UNIX|[A-Z]+)/.exec(socket)?.[1] ?? 'socket'
  const answered = !/ = -1 E(?!INPROGRESS|AGAIN)/.test(line)
  const targets = [...line.matchAll(/sa_family=(AF_\w+)(?:, ([^}]*))?/g)].flatMap(([, family = '', rest = '']) => targetOf(family, rest))
  const lookup =
    name === 'connect'
      ? undefined
      : stringsIn(line)
          .map(lookedUpName)
          .find((found) => found !== undefined)
  if (targets.length > 0) return targets.map((target) => ({ protocol, answered, ...target, ...(lookup === undefined ? {} : { lookup }) }))
  // a socket that was connected before says whom it asks
  if (lookup === undefined) return []
  const peer = /->\[?([^\]]*?)\]?:(\d+)\]/.exec(socket)
  return [{ protocol, answered, address: peer?.[1] ?? 'name service', port: Number(peer?.[2] ?? 0), lookup }]
}

function targetOf(family: string, rest: string): { address: string; port: number; protocol?: string }[] {
  const port = Number(/sin6?_port=htons\((\d+)\)/.exec(rest)?.[1] ?? 0)
  switch (family) {
    case 'AF_INET':
      return [{ address: /inet_addr\("([^"]+)"\)/.exec(rest)?.[1] ?? family, port }]
    case 'AF_INET6':
      return [{ address: /inet_pton\(AF_INET6, "([^"]+)"/.exec(rest)?.[1] ?? family, port }]
    case 'AF_UNIX':
      return [{ address: /sun_path=@?"([^"]*)"/.exec(rest)?.[1] ?? '', port: 0, protocol: 'UNIX' }]
    // the kernel itself, and the end of a connection
    case 'AF_NETLINK':
    case 'AF_UNSPEC':
      return []
    default:
      return [{ address: family, port: 0 }]
  }
}

/** C strings as strace prints them. */
function stringsIn(text: string): Buffer[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, escaped = '']) => {
    const plain = escaped.replaceAll(/\\(x[0-9a-f]{2}|[0-7]{1,3}|.)/g, (_, code: string) => {
      if (code.startsWith('x')) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
      if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8))
      return { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }[code] ?? code
    })
    return Buffer.from(plain, 'latin1')
  })
}
