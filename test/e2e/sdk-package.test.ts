/** The package as a customer gets it: packed, installed in an empty folder, imported where they run it. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
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
export async function main(): Promise<string> {
const session: AvatarSession = await client.createSession({ quality: 'high', turn_detection: { silence_ms: 600 }, system_prompt: 'Be brief.' })
session.on('frame', (data, { frame_id }) => console.log(data.length, frame_id + 1))
session.on('turn_metrics', ({ metrics }: EventOf<'turn_metrics'>) => console.log((metrics.first_sound ?? 0) + 1))
session.on('word', ({ word, start_ms }) => console.log(word.length, start_ms + 1))
const view: View = await session.startStream(document.querySelector('video') as HTMLVideoElement, { events: ['words'] })
const { task_id } = await session.speak('Hello', { mode: 'interrupt', cues: [{ type: 'nod', at_ms: 0, value: 4 }] })
// @ts-expect-error: no such quality
await client.createSession({ quality: 'best' })
// @ts-expect-error: no such event
session.on('no_such_event', () => undefined)
return task_id + view.transport
}
export { Avatar, useAvatar }
`
/** A program in CommonJS; prints `RESULT function`. */
const REQUIRED = `
const { AvatarClient, AvatarError, VERSION } = require('@avatar/sdk')
const { useAvatar } = require('@avatar/sdk/react')
const client = new AvatarClient({ apiUrl: 'http://localhost:8000/v1' })
let code
try { client.attachSession('nonsense') } catch (error) { code = error instanceof AvatarError && error.name + ' ' + error.code }
console.log(VERSION, code, typeof useAvatar)
`
/** Prints the exports, and which of them are not one and the same for `import` and a dependency's `require`. */
const BOTH = {
  'both.js': `
import * as sdk from '@avatar/sdk'
import * as react from '@avatar/sdk/react'
import dependency from './dependency.cjs'
const imported = { ...sdk, ...react }
const names = Object.keys({ ...imported, ...dependency })
console.log(JSON.stringify({ names, differ: names.filter((name) => imported[name] !== dependency[name]) }))
`,
  'dependency.cjs': "module.exports = { ...require('@avatar/sdk'), ...require('@avatar/sdk/react') }",
}
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
    const loadable = ['dist', 'dist/cjs'].flatMap((folder) =>
      ['index', 'react'].flatMap((name) => [`${folder}/${name}.js`, `${folder}/${name}.js.map`, `${folder}/${name}.d.ts`]),
    )
    expect(files.filter((name) => !name.startsWith('dist/types')).sort()).toEqual(
      [
        ...['README.md', 'package.json', 'react', 'react/package.json', 'dist', ...loadable],
        ...['dist/cjs', 'dist/cjs/package.json', 'dist/node', 'dist/node/index.js', 'dist/node/react.js'],
      ].sort(),
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

  it('is one copy in Node for import and require, with the same names', async () => {
    await linkPackages(['react'])
    await writeBoth()
    const { stdout } = await run(process.execPath, ['both.js'], { cwd: folder })
    expect(JSON.parse(stdout)).toEqual({ names: expect.arrayContaining(['AvatarClient', 'useAvatar']), differ: [] })
  })

  it.each([
    ['a browser', 'browser'],
    ['Node', 'node'],
  ] as const)('is one copy in a bundle for %s that has import and require in it', async (_name, platform) => {
    await writeBoth()
    const { inputs } = await bundle('both.js', { platform })
    expect(inputs).toEqual(['dist/index.js', 'dist/react.js'])
  })

  it.each([
    // what Jest 29 asks for with each of its environments
    ['Jest', ['node', 'node-addons']],
    ['Jest with jsdom', ['browser']],
    ['Metro', ['react-native']],
  ])('is CommonJS for require in %s', async (_name, conditions) => {
    await linkPackages(['react'])
    await writeFile(join(folder, 'required.cjs'), REQUIRED)
    const { inputs, file } = await bundle('required.cjs', { platform: 'neutral', conditions })
    expect(inputs).toEqual(['dist/cjs/index.js', 'dist/cjs/react.js'])
    const { stdout } = await run(process.execPath, [file], { cwd: folder })
    expect(stdout.trim()).toBe(`${RESULT} function`)
  })

  it.each([
    ['bundler', 'module', 'ESNext', 'bundler'],
    ['bundler from CommonJS', 'commonjs', 'ESNext', 'bundler'],
    ['nodenext', 'module', 'NodeNext', 'nodenext'],
    ['node16', 'module', 'Node16', 'node16'],
    ['nodenext from CommonJS', 'commonjs', 'NodeNext', 'nodenext'],
    ['node16 from CommonJS', 'commonjs', 'Node16', 'node16'],
  ])('has types that a compiler finds with moduleResolution %s', async (_name, type, module, moduleResolution) => {
    expect(await compile({ type, module, moduleResolution })).toBe('')
  })

  it('has types that are the same class for import and require', async () => {
    await writeFile(
      join(folder, 'taken.cts'),
      "import type { AvatarClient } from '@avatar/sdk'\nexport declare function take(it: AvatarClient): void",
    )
    await writeFile(
      join(folder, 'given.mts'),
      "import { AvatarClient } from '@avatar/sdk'\nimport { take } from './taken.cjs'\ntake(new AvatarClient({ apiUrl: '' }))",
    )
    expect(await typeErrors(folder, { module: 'NodeNext', moduleResolution: 'nodenext' }, ['given.mts'])).toBe('')
  })

  it('is found by what does not read exports: moduleResolution node10, Jest 27, older Metro', async () => {
    await linkPackages(['react', '@types/react', 'csstype'])
    const old = await mkdtemp(join(tmpdir(), 'avatar-old-'))
    try {
      // with no exports every tool looks as those do: at main, types, and folders with a package.json
      await cp(folder, old, { recursive: true, verbatimSymlinks: true })
      const manifest = join(old, 'node_modules/@avatar/sdk/package.json')
      const { exports: _none, ...rest } = JSON.parse(await readFile(manifest, 'utf8'))
      await writeFile(manifest, JSON.stringify(rest))
      await writeFile(join(old, 'required.cjs'), REQUIRED)
      expect((await run(process.execPath, ['required.cjs'], { cwd: old })).stdout.trim()).toBe(`${RESULT} function`)
      expect(await compile({ type: 'commonjs', module: 'ESNext', moduleResolution: 'bundler', within: old })).toBe('')
    } finally {
      await rm(old, { recursive: true })
    }
  })
})

async function writeBoth(): Promise<void> {
  for (const [name, text] of Object.entries(BOTH)) await writeFile(join(folder, name), text)
}

/** Files of the SDK that a bundle has in it, and the bundle. */
async function bundle(entry: string, options: BuildOptions): Promise<{ inputs: string[]; file: string }> {
  const file = join(folder, 'bundle.cjs')
  const { metafile } = await build({
    ...options,
    entryPoints: [join(folder, entry)],
    absWorkingDir: installed,
    bundle: true,
    format: 'cjs',
    external: ['react'],
    outfile: file,
    metafile: true,
    logLevel: 'silent',
  })
  return {
    inputs: Object.keys(metafile?.inputs ?? {})
      .filter((name) => name.startsWith('dist/'))
      .sort(),
    file,
  }
}

/** What the compiler says of a customer's program in a package of this type. */
async function compile(options: { type: string; module: string; moduleResolution: string; within?: string }): Promise<string> {
  const { type, module, moduleResolution, within = folder } = options
  await linkPackages(['react', '@types/react', 'csstype'])
  const customer = join(within, type)
  await mkdir(customer, { recursive: true })
  await writeFile(join(customer, 'package.json'), JSON.stringify({ type }))
  await writeFile(join(customer, 'typed.ts'), TYPED)
  return await typeErrors(customer, { module, moduleResolution }, ['typed.ts'])
}

async function typeErrors(at: string, options: { module: string; moduleResolution: string }, files: string[]): Promise<string> {
  const compilerOptions = {
    ...options,
    target: 'ES2024',
    lib: ['ES2024', 'DOM'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  }
  await writeFile(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const { stdout } = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', at]).catch((error: { stdout: string }) => error)
  return stdout
}

/** What a customer has beside it. */
async function linkPackages(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const at = join(folder, 'node_modules', name)
    if (existsSync(at)) continue
    await mkdir(join(at, '..'), { recursive: true })
    await symlink(resolve('node_modules', name), at)
  }
}
