/** onnxruntime reports nothing, whoever loads it. Where it does, its store of what it will report lies in the user's home from its first session on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** Loaded past our own module, which nothing else may do. */
const PACKAGE = './node_modules/onnxruntime-node/dist/index.js'
const HERE = pathToFileURL(`${resolve('.')}/`).href
const STORE = '.cache/Microsoft/DeveloperTools/.onnxruntime'
const MODEL = resolve('models/lipsync/lipsync.onnx')
const SESSION = `await InferenceSession.create(${JSON.stringify(MODEL)}, { executionProviders: ['cpu'] })`

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'onnx-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** Runs a program as a user who never ran one, and was told of no variable; nothing of it can leave this machine. */
async function run(program: string): Promise<void> {
  const nowhere = 'http://127.0.0.1:9'
  const env = { PATH: process.env.PATH ?? '', HOME: home, http_proxy: nowhere, https_proxy: nowhere, all_proxy: nowhere }
  const file = join(home, 'program.mts')
  writeFileSync(file, program.replaceAll(" from './", ` from '${HERE}`))
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code).toBe(0)
}

describe('onnxruntime', { timeout: 60_000 }, () => {
  it('by itself keeps a store of what it reports', async () => {
    await run(`import { InferenceSession } from '${PACKAGE}'; ${SESSION}; process.exit()`)
    expect(existsSync(join(home, STORE))).toBe(true)
  })

  it('has none on the main thread', async () => {
    await run(`import { InferenceSession } from './origin/onnx/runtime.ts'; ${SESSION}; process.exit()`)
    expect(existsSync(join(home, STORE))).toBe(false)
  })

  it('has none in a worker of the lip sync, nor in one of the renderer', async () => {
    await run(`
      import { createLipSync } from './origin/lipsync/net.ts'
      const lipSync = await createLipSync({ modelPath: ${JSON.stringify(MODEL)} })
      await lipSync.close()
    `)
    await run(`
      import { createRenderer } from './origin/render/index.ts'
      const renderer = await createRenderer({ packsDir: 'avatars', device: 'cpu', capacity: 1, intraOpThreads: 1 })
      await renderer.close()
    `)
    expect(existsSync(join(home, STORE))).toBe(false)
  })

  it('does not load in a worker whose process was not told', async () => {
    const worker = new Worker(new URL('../../../origin/onnx/runtime.ts', import.meta.url), { env: {} })
    const [error] = (await once(worker, 'error')) as [Error]
    expect(error.message).toContain('must import origin/onnx/no-telemetry.ts')
  })
})
