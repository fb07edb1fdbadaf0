/**
 * Records every connection of an installation, of `npm start` and an idle minute, and of a minute of talk, and prints whom they
 * contacted. Ends with 1 when that was anybody but the packages' registry and this machine. Needs strace.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient, WIDE_LIMITS } from '../test/support/clients/api-client.ts'
import { spokenQuestion, talkOnce, watchOnce } from '../test/support/clients/talk.ts'
import { startSystem } from '../test/support/servers/running-system.ts'
import { startVendorStandIn } from '../test/support/servers/vendor-stand-in.ts'
import { type Contact, contactTable } from './connections/contacts.ts'
import { whyNotTraced } from './connections/recorder.ts'

const MINUTE_MS = 60_000
const RECORDER = resolve('scripts/record-connections.ts')
/** What `npm ci` reads. */
const MANIFESTS = ['package.json', 'package-lock.json', 'sdk/typescript/package.json']
const folder = mkdtempSync(join(tmpdir(), 'avatar-connections-'))

/** Where packages come from, and the proxy before it. npm looks there for a newer npm too. */
async function registryHosts(): Promise<string[]> {
  const npm = spawn('npm', ['config', 'get', 'registry'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let registry = ''
  npm.stdout.on('data', (data: Buffer) => (registry += data.toString()))
  await once(npm, 'close')
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy } = process.env
  return [registry.trim(), HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy].flatMap((url = '') => URL.parse(url)?.hostname ?? [])
}

const allowed = (await registryHosts()).flatMap((host) => ['--allow', host])

/** The command line of Node's that records another, and the file that it writes. */
function recorder(name: string, command: readonly string[]): { args: string[]; file: string } {
  const file = join(folder, `${name}.json`)
  return { args: [RECORDER, ...allowed, '--json', file, '--', ...command], file }
}

function contactsIn(file: string): Contact[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Contact[]
}

async function install(): Promise<Contact[]> {
  const project = join(folder, 'project')
  for (const file of MANIFESTS) {
    mkdirSync(dirname(join(project, file)), { recursive: true })
    cpSync(file, join(project, file))
  }
  const { args, file } = recorder('install', ['npm', 'ci', '--cache', join(folder, 'cache')])
  const child = spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'ignore', 'pipe'] })
  let told = ''
  child.stderr.on('data', (data: Buffer) => (told += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  const found = existsSync(file) ? contactsIn(file) : []
  // an installation that failed says little of whom a whole one contacts
  if (code !== 0 && !found.some(({ reach }) => reach === 'outside')) throw new Error(`the installation failed:\n${told}`)
  return found
}

/** From `npm start` to the end of all that it started. */
async function running(name: string, meanwhile: (api: ApiClient) => Promise<void>): Promise<Contact[]> {
  const { args, file } = recorder(name, ['npm', 'start'])
  const vendor = await startVendorStandIn()
  try {
    // a recogniser on this machine, so that she can be spoken to
    const system = await startSystem({ ...WIDE_LIMITS, STT_BASE_URL: `${vendor.url}/v1` }, args)
    try {
      await meanwhile(new ApiClient(system))
    } finally {
      await system.stop()
    }
  } finally {
    await vendor.close()
  }
  return contactsIn(file)
}

async function talk(api: ApiClient): Promise<void> {
  const question = await spokenQuestion()
  const endMs = performance.now() + MINUTE_MS
  while (performance.now() < endMs) {
    await talkOnce(api, question)
    await watchOnce(api)
  }
}

const PHASES: readonly [what: string, record: () => Promise<Contact[]>][] = [
  ['npm ci', install],
  ['npm start, and a minute without anybody', () => running('idle', () => delay(MINUTE_MS))],
  ['npm start, and a minute of talk', () => running('talk', talk)],
]

try {
  const why = whyNotTraced()
  if (why !== undefined) throw new Error(why)
  let outside = 0
  for (const [what, record] of PHASES) {
    const contacts = await record()
    outside += contacts.filter(({ reach }) => reach === 'outside').length
    console.log(`\n## ${what}\n\n${contactTable(contacts)}`)
  }
  console.log(`\nconnections: ${outside === 0 ? 'this machine and the registry only' : `${outside} elsewhere`}`)
  process.exitCode = outside === 0 ? 0 : 1
} catch (error) {
  console.error(`connections: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
