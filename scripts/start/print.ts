/** What `npm start` says: lines with the seconds since it began. */
import { performance } from 'node:perf_hooks'
import process from 'node:process'

const startedMs = performance.now()

// a terminal that was closed or a reader that went away must not end what runs
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

export function say(line: string): void {
  process.stdout.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${line}\n`)
}

export function complain(line: string): void {
  process.stderr.write(`avatar: ${line}\n`)
}

/** A line that a part printed. */
export function relay(part: string, line: string): void {
  process.stdout.write(`${part.padEnd(6)} │ ${line}\n`)
}

/** Why nothing can start: one line for a person. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
