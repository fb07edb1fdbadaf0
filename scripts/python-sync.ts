/**
 * Has the Python SDK write its blocking client from its async one: only Python reads Python. Where there is none, the file stays as it
 * is; the SDK's own tests compare it in any case.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'

const GENERATOR = 'sdk/python/scripts/gen_sync.py'
/** What the generator needs. */
const NEW_ENOUGH = 'import sys; sys.exit(sys.version_info < (3, 9))'

/** With `--check` a file that is not as it should be makes the process end with 1. */
export function generateBlockingClient(): void {
  if (spawnSync('python3', ['-c', NEW_ENOUGH]).status !== 0) {
    console.warn(`python3 (3.9 or newer) is not here: ${GENERATOR} was not run`)
    return
  }
  const flags = process.argv.includes('--check') ? ['--check'] : []
  const { status } = spawnSync('python3', ['-B', GENERATOR, ...flags], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
