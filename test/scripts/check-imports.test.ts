/** The import check: each kind of violation, planted into a small tree, is found; and this repository has none. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { brokenImports } from '../../scripts/check-imports.ts'

let root = ''

/** A tree of these files. @returns what the check says about it */
function check(files: Record<string, string>): string[] {
  root = mkdtempSync(join(tmpdir(), 'imports-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `${text}\n`)
  }
  return brokenImports(root)
}

const VIOLATIONS: [string, Record<string, string>, string[]][] = [
  [
    'a folder without a rule',
    { 'plugins/one.ts': 'export const one = 1' },
    ['plugins/one.ts: no rule in scripts/import-rules.ts is about this folder; add one'],
  ],
  [
    'a folder of the origin without a rule',
    { 'origin/beep/one.ts': 'export const one = 1' },
    ['origin/beep/one.ts: no rule in scripts/import-rules.ts is about this folder; add one'],
  ],
  [
    'an import upwards',
    { 'origin/codec/a.ts': "import { b } from '../session/b.ts'", 'origin/session/b.ts': 'export const b = 1' },
    ['origin/codec/a.ts: origin/codec/ may not import origin/session/b.ts'],
  ],
  [
    'an import upwards of a type, over several lines',
    { 'worker/objects/a.ts': "import type {\n  B,\n} from '../pool/b.ts'", 'worker/pool/b.ts': 'export type B = 1' },
    ['worker/objects/a.ts: worker/objects/ may not import worker/pool/b.ts'],
  ],
  [
    'the edge reaching into the origin',
    { 'worker/a.ts': "export * from '../origin/log.ts'", 'origin/log.ts': 'export const log = 1' },
    ['worker/a.ts: worker/ may not import origin/log.ts'],
  ],
  [
    'a dynamic import',
    { 'origin/dsp/a.ts': "export const b = await import('../edge/b.ts')", 'origin/edge/b.ts': 'export const b = 1' },
    ['origin/dsp/a.ts: origin/dsp/ may not import origin/edge/b.ts'],
  ],
  [
    'a worker thread of another part',
    { 'origin/dsp/a.ts': "new URL('../edge/b.ts', import.meta.url)", 'origin/edge/b.ts': 'export const b = 1' },
    ['origin/dsp/a.ts: origin/dsp/ may not import origin/edge/b.ts'],
  ],
  [
    'a package that a folder has no use for',
    { 'shared/api.ts': "import { readFileSync } from 'node:fs'" },
    ['shared/api.ts: shared/ may not import the package node:fs'],
  ],
  [
    'a second importer of a heavy library',
    { 'origin/media/a.ts': "const opus = createRequire(import.meta.url)('@evan/opus')" },
    ['origin/media/a.ts: @evan/opus is imported from origin/codec/ only'],
  ],
  [
    'zod in what a browser gets',
    { 'sdk/typescript/src/core/a.ts': "import { Api } from '../../../../shared/api.ts'", 'shared/api.ts': 'export const Api = 1' },
    ['sdk/typescript/src/core/a.ts: shared/api.ts brings zod: take types only'],
  ],
  [
    'a circle, of types too',
    {
      'origin/turn/a.ts': "import { b } from './b.ts'",
      'origin/turn/b.ts': "import { c } from './c.ts'",
      'origin/turn/c.ts': "import type { A } from './a.ts'",
    },
    ['these files import each other: origin/turn/a.ts, origin/turn/b.ts, origin/turn/c.ts'],
  ],
]

describe('the import check', () => {
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it.each(VIOLATIONS)('finds %s', (_what, files, expected) => {
    expect(check(files)).toEqual(expected)
  })

  it('finds nothing in a tree that keeps the rules', () => {
    const files = {
      'shared/api.ts': "import * as z from 'zod'",
      'sdk/typescript/src/core/a.ts': "import type { Api } from '../../../../shared/api.ts'",
      'origin/codec/a.ts': "import { fail } from '../../shared/errors.ts'\nimport { b } from './b.ts'",
      'origin/codec/b.ts': "const opus = createRequire(import.meta.url)('@evan/opus')",
      'shared/errors.ts': 'export const fail = 1',
    }
    expect(check(files)).toEqual([])
  })

  it('finds nothing in this repository', () => {
    expect(brokenImports('.')).toEqual([])
  })
})
