/**
 * The Python SDK as a customer gets it: installed by pip into a clean virtual environment, its own tests run there, among them those
 * against the running system. The environment is kept in an ignored folder, and made anew when the package's requirements change.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningSystem, startSystem } from '../support/running-system.ts'

const PACKAGE = 'sdk/python'
const VENV = resolve('node_modules/.cache/python-sdk')
const PYTHON = `${VENV}/bin/python`
/** Says what the environment was made for. */
const MADE_FOR = `${VENV}/made-for`
const MINUTES = 60_000

let system: RunningSystem | undefined

beforeAll(async () => {
  await ensureEnvironment()
  system = await startSystem({ RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_SPEAK: '1000', RATE_LIMIT_CHAT: '1000' })
}, 10 * MINUTES)
afterAll(async () => system?.stop())

it('passes its own tests where it is installed, and against the running system', { timeout: 5 * MINUTES }, async () => {
  const env = { AVATAR_TEST_API_URL: `${system?.apiUrl}/v1`, AVATAR_TEST_WS_URL: system?.wsUrl ?? '' }
  const printed = await run(PYTHON, ['-m', 'pytest', '-q', '--color=no'], env)
  expect(printed).toMatch(/^\d+ passed in/m)
  expect(printed).not.toContain('skipped')
})

it('is typed without a gap', { timeout: 5 * MINUTES }, async () => {
  expect(await run(PYTHON, ['-m', 'mypy', '--cache-dir', `${VENV}/mypy`])).toContain('Success: no issues found')
})

async function ensureEnvironment(): Promise<void> {
  const wanted = createHash('sha256')
    .update(readFileSync(`${PACKAGE}/pyproject.toml`))
    .digest('hex')
  if (existsSync(MADE_FOR) && readFileSync(MADE_FOR, 'utf8') === wanted) return
  rmSync(VENV, { recursive: true, force: true })
  await createVenv()
  try {
    // editable: later changes of the sources need no new installation
    await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--editable', '.[test]'])
  } catch (error) {
    throw new Error('pip could not install the Python SDK with its test extras; the first run needs a package index', { cause: error })
  }
  writeFileSync(MADE_FOR, wanted)
}

async function createVenv(): Promise<void> {
  const create = (): Promise<string> => run('python3', ['-m', 'venv', VENV])
  try {
    await create()
  } catch (error) {
    if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
      throw new Error('python3 (3.9 or newer) with its venv module is needed: on Debian "apt-get install python3-venv"', { cause: error })
    }
    await run('apt-get', ['install', '-y', '-qq', 'python3-venv'], { DEBIAN_FRONTEND: 'noninteractive' })
    await create()
  }
}

/** What a command printed. @throws Error with all of it when the command fails */
async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: PACKAGE, env: { ...process.env, ...env }, maxBuffer: 1e8 })
    return stdout
  } catch (thrown) {
    const { stdout = '', stderr = '' } = thrown as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: thrown })
  }
}
