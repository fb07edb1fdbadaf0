/**
 * A clean virtual environment with the Python SDK as a customer gets it, and its test extras. It is kept in an ignored folder, and made
 * anew when the package's requirements change.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'

const PACKAGE = 'sdk/python'
export const VENV = resolve('node_modules/.cache/python-sdk')
export const PYTHON = `${VENV}/bin/python`
/** Says what the environment was made for. */
const MADE_FOR = `${VENV}/made-for`

/** @throws Error that says what is missing */
export async function ensurePythonEnvironment(): Promise<void> {
  const wanted = createHash('sha256')
    .update(readFileSync(`${PACKAGE}/pyproject.toml`))
    .digest('hex')
  if (existsSync(MADE_FOR) && readFileSync(MADE_FOR, 'utf8') === wanted) return
  rmSync(VENV, { recursive: true, force: true })
  await createVenv()
  try {
    // editable: later changes of the sources need no new installation
    await runCommand(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--editable', '.[test]'])
  } catch (error) {
    throw new Error('pip could not install the Python SDK with its test extras; the first run needs a package index', { cause: error })
  }
  writeFileSync(MADE_FOR, wanted)
}

async function createVenv(): Promise<void> {
  const create = (): Promise<string> => runCommand('python3', ['-m', 'venv', VENV])
  try {
    await create()
  } catch (error) {
    if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
      throw new Error('python3 (3.9 or newer) with its venv module is needed: on Debian "apt-get install python3-venv"', { cause: error })
    }
    await runCommand('apt-get', ['install', '-y', '-qq', 'python3-venv'], { DEBIAN_FRONTEND: 'noninteractive' })
    await create()
  }
}

/** What a command printed, run in the package's folder. @throws Error with all of it when the command fails */
export async function runCommand(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: PACKAGE, env: { ...process.env, ...env }, maxBuffer: 1e8 })
    return stdout
  } catch (thrown) {
    const { stdout = '', stderr = '' } = thrown as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: thrown })
  }
}
