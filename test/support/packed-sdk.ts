/** The TypeScript SDK as a customer gets it: packed, and installed in an empty folder with a program that imports it. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const PROGRAM = `
import { AvatarClient, AvatarError, VERSION } from '@avatar/sdk'
const client = new AvatarClient({ apiUrl: 'http://localhost:8000/v1' })
let code
try { client.attachSession('nonsense') } catch (error) { code = error instanceof AvatarError && error.name + ' ' + error.code }
export const result = [VERSION, code].join(' ')
`
/** What `main.js` prints wherever it runs. */
export const RESULT = '1.0.0 AuthenticationError UNAUTHORIZED'

export interface PackedSdk {
  /** The customer's: `program.js` exports the result, `main.js` prints it. */
  folder: string
  /** Of the package in it. */
  installed: string
  remove(): Promise<void>
}

export async function packSdk(): Promise<PackedSdk> {
  const run = promisify(execFile)
  const folder = await mkdtemp(join(tmpdir(), 'avatar-pack-'))
  await run('npm', ['run', '--silent', 'sdk:pack', '--', '--pack-destination', folder])
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? ''
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  // nothing of a registry is needed: the package has no dependencies
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', `./${tarball}`], { cwd: folder })
  await writeFile(join(folder, 'program.js'), PROGRAM)
  await writeFile(join(folder, 'main.js'), "import { result } from './program.js'\nconsole.log(result)")
  return { folder, installed: join(folder, 'node_modules/@avatar/sdk'), remove: () => rm(folder, { recursive: true }) }
}
