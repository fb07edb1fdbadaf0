/** Before the tests that need them: Debian's packages, installed where they are missing and this may be done. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'

const INSTALL_TIMEOUT_MS = 300_000

/** Package, the file that shows it is there, and what is skipped without it. */
const PACKAGES = [
  { name: 'chromium', file: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', without: 'tests in a browser' },
  { name: 'coturn', file: '/usr/bin/turnserver', without: 'tests through a TURN server' },
  { name: 'strace', file: '/usr/bin/strace', without: 'tests that record connections' },
  { name: 'pocketsphinx', file: '/usr/bin/pocketsphinx_continuous', without: 'a spoken dialogue' },
  {
    name: 'pocketsphinx-en-us',
    file: '/usr/share/pocketsphinx/model/en-us/en-us.lm.bin',
    without: 'a spoken dialogue',
  },
]

export default function installPackages(): void {
  const missing = PACKAGES.filter(({ file }) => !existsSync(file))
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name)
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log(`installing for the tests: apt-get install ${names.join(' ')}`)
    const options = { stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    spawnSync('apt-get', ['update', '-q'], options)
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], options)
  }
  for (const { name, file, without } of missing) {
    if (!existsSync(file)) console.warn(`${name} is not at ${file}: ${without} are skipped. Install it with apt-get install ${name}.`)
  }
}
