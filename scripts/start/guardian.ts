/**
 * A shell that outlives this process by a moment: when the pipe between them ends, however this process ended, it ends the process
 * groups that it was told of. So no part stays behind with its port, even a part that is stopped or hangs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'

/** Begins with one list of groups and reads others, a line each; at the end of the pipe it ends those of the last, in order first. */
const SCRIPT = `
trap '' INT TERM HUP
groups=$1
while read -r line; do groups=$line; done
left() { for group in $groups; do kill -s 0 -- "-$group" && return 0; done; return 1; }
for group in $groups; do kill -s TERM -- "-$group"; done
tries=0
while left && [ $tries -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
for group in $groups; do kill -s KILL -- "-$group"; done
`

/** ms before another takes the place of one that ended. */
const RESTART_PAUSE_MS = 100

export class Guardian {
  #shell: ChildProcess | undefined
  #groups: readonly number[] = []

  constructor() {
    this.#start()
  }

  get pid(): number | undefined {
    return this.#shell?.pid
  }

  /** From now on these groups and no others. */
  guard(groups: readonly number[]): void {
    this.#groups = groups
    this.#shell?.stdin?.write(`${groups.join(' ')}\n`)
  }

  /** Nothing is left to guard. */
  close(): void {
    this.guard([])
    const shell = this.#shell
    this.#shell = undefined
    shell?.stdin?.end()
  }

  #start(): void {
    // a session of its own: what ends this process's group or terminal does not end it
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'avatar-guardian', this.#groups.join(' ')], {
      env: { PATH: process.env.PATH },
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    this.#shell = shell
    shell.unref()
    // an `exit` follows
    shell.stdin.on('error', () => undefined)
    // no shell here: then nobody guards
    shell.on('error', () => (this.#shell = undefined))
    shell.on('exit', () => {
      setTimeout(() => {
        if (this.#shell === shell) this.#start()
      }, RESTART_PAUSE_MS).unref()
    })
  }
}
