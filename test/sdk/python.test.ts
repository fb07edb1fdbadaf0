/** The Python SDK as a customer gets it: its own tests run where it is installed, among them those against the running system. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensurePythonEnvironment, PYTHON, runCommand, VENV } from '../support/python-environment.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import type { VendorServer } from '../support/servers/vendor-server.ts'
import { HEARD, startVendorStandIn } from '../support/servers/vendor-stand-in.ts'

const MINUTES = 60_000

let system: RunningSystem | undefined
let vendor: VendorServer | undefined

beforeAll(async () => {
  await ensurePythonEnvironment()
  vendor = await startVendorStandIn()
  const limits = { RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_SPEAK: '1000', RATE_LIMIT_CHAT: '1000' }
  system = await startSystem({ ...limits, TTS_PROVIDER: 'flite', OPENAI_API_KEY: 'stand-in', OPENAI_BASE_URL: `${vendor.url}/v1` })
}, 10 * MINUTES)
afterAll(async () => {
  await system?.stop()
  await vendor?.close()
})

it('passes its own tests where it is installed, and against the running system', { timeout: 5 * MINUTES }, async () => {
  const env = { AVATAR_TEST_API_URL: `${system?.apiUrl}/v1`, AVATAR_TEST_WS_URL: system?.wsUrl ?? '', AVATAR_TEST_HEARD: HEARD }
  const printed = await runCommand(PYTHON, ['-m', 'pytest', '-q', '--color=no'], env)
  expect(printed).toMatch(/^\d+ passed in/m)
  expect(printed).not.toContain('skipped')
})

it('is typed without a gap', { timeout: 5 * MINUTES }, async () => {
  expect(await runCommand(PYTHON, ['-m', 'mypy', '--cache-dir', `${VENV}/mypy`])).toContain('Success: no issues found')
})

it('is linted and formatted, as all Python of the repository is', { timeout: MINUTES }, async () => {
  expect(await runCommand(PYTHON, ['-m', 'ruff', 'check', '--no-cache', '../..'])).toContain('All checks passed')
  expect(await runCommand(PYTHON, ['-m', 'ruff', 'format', '--check', '--no-cache', '../..'])).toMatch(/^\d+ files already formatted/m)
})

it('asks for nothing that Python 3.9 has not', { timeout: MINUTES }, async () => {
  const found = await runCommand(`${VENV}/bin/vermin`, ['--target=3.9-', '--no-tips', '--eval-annotations', 'src', 'scripts', 'tests'])
  expect(found).toMatch(/^Minimum required versions: +3\.9$/m)
})
