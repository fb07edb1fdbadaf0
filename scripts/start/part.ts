/** One part as a process: what it prints is shown under its name, and what it started itself ends with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { ChildEnv } from './child-env.ts'
import { relay } from './print.ts'
import { killGroup } from './processes.ts'

export interface PartOptions {
  name: string
  args: readonly string[]
  env: ChildEnv
  /** A line of its output, as it is to be shown; undefined: not at all. */
  show?: (line: string, stream: 'stdout' | 'stderr') => string | undefined
  /** Messages of a part that sends some. */
  onMessage?: (message: unknown) => void
  /** @param how `code 1`, `SIGKILL` */
  onExit: (how: string) => void
}

export class Part {
  readonly #child: ChildProcess
  #muted = false
  #ended = false

  constructor({ name, args, env, show = (line) => line, onMessage, onExit }: PartOptions) {
    // a process group and a session of its own: Ctrl-C and a terminal that closes reach it through this process only
    const child = spawn(process.execPath, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', ...(onMessage ? (['ipc'] as const) : [])],
      detached: true,
    })
    this.#child = child
    for (const stream of ['stdout', 'stderr'] as const) {
      const input = child[stream]
      if (!input) continue
      createInterface({ input }).on('line', (line) => {
        const shown = this.#muted || line.trim() === '' ? undefined : show(line, stream)
        if (shown !== undefined) relay(name, shown)
      })
    }
    if (onMessage) child.on('message', onMessage)
    // it could not be started: no `exit` follows
    child.on('error', (error) => this.#end(error.message, onExit))
    child.on('exit', (code, signal) => this.#end(signal ?? `code ${code}`, onExit))
  }

  /** Also the number of its process group. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Nothing of it is shown any more. */
  mute(): void {
    this.#muted = true
  }

  /** Asks it to leave. */
  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  /** Ends it with all that it started. */
  kill(): void {
    killGroup(this.pid)
  }

  #end(how: string, onExit: (how: string) => void): void {
    if (this.#ended) return
    this.#ended = true
    this.kill()
    onExit(how)
  }
}
