/** Before the tests that need them: Debian's packages, installed where they are missing and this may be done; without them nothing runs. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { CHROMIUM } from './browser/browser.ts'
import { TURNSERVER } from './servers/coturn.ts'
import { SPHINX, SPHINX_MODEL } from './servers/sphinx-server.ts'

const INSTALL_TIMEOUT_MS = 300_000

/** Package, and the file that shows it is there. */
const PACKAGES = [
  { name: 'chromium', file: CHROMIUM },
  { name: 'coturn', file: TURNSERVER },
  { name: 'pocketsphinx', file: SPHINX },
  { name: 'pocketsphinx-en-us', file: SPHINX_MODEL },
  { name: 'strace', file: '/usr/bin/strace' },
]

const missingPackages = (): typeof PACKAGES => PACKAGES.filter(({ file }) => !existsSync(file))

/** @throws Error that names what is missing */
export default function installPackages(): void {
  const missing = missingPackages()
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name)
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log(`installing for the tests: apt-get install ${names.join(' ')}`)
    const options = { stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    spawnSync('apt-get', ['update', '-q'], options)
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], options)
  }
  const left = missingPackages()
  if (left.length === 0) return
  const files = left.map(({ file }) => file).join(', ')
  throw new Error(
    `not there: ${files}. Install ${left.map(({ name }) => name).join(' ')} with apt-get; CHROMIUM_PATH names another Chromium.`,
  )
}
