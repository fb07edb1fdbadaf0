/** The package as a customer gets it: packed, installed in an empty folder, imported where they run it. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build as vite } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unstable_startWorker } from 'wrangler'
import { type PackedSdk, packSdk, RESULT } from '../support/packed-sdk.ts'

/** Budget of everything that a browser may load of it, bytes gzipped. */
const MAX_BYTES = 25_000
const TYPED = `
import { AvatarClient, type AvatarSession, type EventOf, type View } from '@avatar/sdk'
import { Avatar, useAvatar } from '@avatar/sdk/react'
const client = new AvatarClient({ apiUrl: 'http://localhost:8000/v1' })
const session: AvatarSession = await client.createSession({ quality: 'high', turn_detection: { silence_ms: 600 }, system_prompt: 'Be brief.' })
session.on('frame', (data, { frame_id }) => console.log(data.length, frame_id + 1))
session.on('turn_metrics', ({ metrics }: EventOf<'turn_metrics'>) => console.log((metrics.first_sound ?? 0) + 1))
session.on('word', ({ word, start_ms }) => console.log(word.length, start_ms + 1))
const view: View = await session.startStream(document.querySelector('video') as HTMLVideoElement, { events: ['words'] })
const { task_id } = await session.speak('Hello', { mode: 'interrupt', cues: [{ type: 'nod', at_ms: 0, value: 4 }] })
export const told: string = task_id + view.transport
// @ts-expect-error: no such quality
await client.createSession({ quality: 'best' })
// @ts-expect-error: no such event
session.on('no_such_event', () => undefined)
export { Avatar, useAvatar }
`
const run = promisify(execFile)

let packed: PackedSdk | undefined
let folder: string
let installed: string

beforeAll(async () => {
  packed = await packSdk()
  ;({ folder, installed } = packed)
})
afterAll(async () => {
  await packed?.remove()
})

describe('the packed SDK', () => {
  it('holds what it promises, and nothing else', async () => {
    const files = await readdir(installed, { recursive: true })
    expect(files.filter((name) => !name.startsWith('dist/types')).sort()).toEqual(
      ['README.md', 'dist', 'dist/index.js', 'dist/index.js.map', 'dist/react.js', 'dist/react.js.map', 'package.json'].sort(),
    )
    const { dependencies = {} } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as { dependencies?: object }
    expect(dependencies).toEqual({})
  })

  it('is small', async () => {
    const parts = await Promise.all(['index.js', 'react.js'].map((name) => readFile(join(installed, 'dist', name))))
    const bytes = parts.reduce((sum, part) => sum + gzipSync(part).length, 0)
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
  })

  it('runs in Node', async () => {
    const { stdout } = await run(process.execPath, ['main.js'], { cwd: folder })
    expect(stdout.trim()).toBe(RESULT)
  })

  it('runs in a Worker', async () => {
    await writeFile(
      join(folder, 'worker.js'),
      "import { result } from './program.js'\nexport default { fetch: () => new Response(result) }",
    )
    await writeFile(join(folder, 'wrangler.json'), '{ "name": "customer", "main": "worker.js", "compatibility_date": "2026-01-01" }')
    const worker = await unstable_startWorker({
      config: join(folder, 'wrangler.json'),
      dev: { server: { port: 0 }, inspector: false, watch: false, logLevel: 'error' },
    })
    try {
      expect(await (await worker.fetch('http://worker/')).text()).toBe(RESULT)
    } finally {
      await worker.dispose()
    }
  })

  it('is bundled by Vite, React part included, as one copy', async () => {
    await linkPackages(['react', 'react-dom', 'scheduler'])
    await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="/page.js"></script>')
    await writeFile(
      join(folder, 'page.js'),
      "import { result } from './program.js'\nimport { useAvatar } from '@avatar/sdk/react'\nglobalThis.seen = [result, useAvatar]",
    )
    await vite({ root: folder, logLevel: 'silent', configFile: false })
    const [bundle = ''] = (await readdir(join(folder, 'dist/assets'))).filter((name) => name.endsWith('.js'))
    const text = await readFile(join(folder, 'dist/assets', bundle), 'utf8')
    expect(text.split('avatar.token.')).toHaveLength(2)
  })

  it.each(['bundler', 'nodenext'])('has types that a compiler finds with moduleResolution %s', async (moduleResolution) => {
    await linkPackages(['react', '@types/react', 'csstype'])
    const compilerOptions = {
      target: 'ES2024',
      module: moduleResolution === 'bundler' ? 'ESNext' : 'NodeNext',
      moduleResolution,
      lib: ['ES2024', 'DOM'],
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    }
    await writeFile(join(folder, 'typed.ts'), TYPED)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }))
    const { stdout } = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder]).catch(
      (error: { stdout: string }) => error,
    )
    expect(stdout).toBe('')
  })
})

/** What a customer has beside it. */
async function linkPackages(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const at = join(folder, 'node_modules', name)
    if (existsSync(at)) continue
    await mkdir(join(at, '..'), { recursive: true })
    await symlink(resolve('node_modules', name), at)
  }
}
