/** Before the tests that open a page: Debian's Chromium, installed where it is missing and this may be done. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'

const INSTALL_TIMEOUT_MS = 300_000

export default function installChromium(): void {
  const path = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
  if (existsSync(path)) return
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (mayInstall) {
    console.log('installing Chromium for the tests in a browser (apt-get install chromium)')
    const options = { stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    spawnSync('apt-get', ['update', '-q'], options)
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], options)
  }
  if (!existsSync(path)) {
    console.warn(`no Chromium at ${path}: tests in a browser are skipped. Install it (apt-get install chromium) or set CHROMIUM_PATH.`)
  }
}
