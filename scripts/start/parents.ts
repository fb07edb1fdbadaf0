/**
 * Who asked for this process: npm, and the shell that npm may have put in between. When one of them ends, this process ends too.
 * A terminal, a login shell or whatever else stands above npm may go away. npm 9 keeps SIGTERM to itself while a script runs.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import process from 'node:process'
import { commandOf, processEntry } from './processes.ts'

export const CHECK_MS = 200
/** The command in package.json runs this file; what another script of npm started is not npm's to end. */
const OWN_COMMAND = /(^|[\s/])scripts\/start\.ts(?![\w./-])/

export interface ParentsOptions {
  /** One that counts has ended; called once. */
  onGone(who: string): void
  /** The terminal went away, and npm with it, and this process is to stay. */
  isHungUp(): boolean
  env?: NodeJS.ProcessEnv
}

/** @returns stops watching */
export function watchParents({ onGone, isHungUp, env = process.env }: ParentsOptions): () => void {
  const command = env.npm_lifecycle_script ?? ''
  if (!OWN_COMMAND.test(command)) return () => undefined
  const first = process.ppid
  const between = isShellOf(first, command)
  const npm = between ? processEntry(first)?.parent : first
  let goneBefore = false
  const timer = setInterval(() => {
    if (isHungUp()) clearInterval(timer)
    const who = goneOf(first, npm, between)
    if (who === undefined || isHungUp()) return
    // what ended it may be on its way to this process too
    if (goneBefore) {
      clearInterval(timer)
      onGone(who)
    }
    goneBefore = true
  }, CHECK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whether nohup started npm: Node gives up the ignored SIGHUP that it leaves, so npm dies of it; its other traces stay. */
export function isUnderNohup(env: NodeJS.ProcessEnv = process.env): boolean {
  // shells that name what they run say so; where the input was a terminal, it is one that cannot be read
  return basename(env._ ?? '') === 'nohup' || isUnreadableInput()
}

function isUnreadableInput(): boolean {
  const WRITE_ONLY = 1
  try {
    const flags = /^flags:\s*(\d+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0'
    return readlinkSync('/proc/self/fd/0') === '/dev/null' && (Number.parseInt(flags, 8) & 3) === WRITE_ONLY
  } catch {
    // no /proc, or no input
    return false
  }
}

function goneOf(first: number, npm: number | undefined, between: boolean): string | undefined {
  // an orphan gets another parent
  if (process.ppid !== first) return between ? 'the shell of npm' : 'npm'
  return between && processEntry(first)?.parent !== npm ? 'npm' : undefined
}

/** `sh -c COMMAND`, with arguments of `npm start -- …` behind it. */
function isShellOf(pid: number, command: string): boolean {
  const words = commandOf(pid)
  return words.some((word, index) => index > 1 && words[index - 1]?.startsWith('-') && word.startsWith(command))
}
