/** Who may import whom. Prints every import that breaks a rule and ends with 1 if there is one. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import process from 'node:process'

interface Rule {
  /** Files that the rule is about: a path prefix. */
  in: string
  /** Folders or files of ours that they may import, besides their own folder. */
  may: readonly string[]
  /** Packages that they may import; undefined: any. */
  packages?: RegExp
}

/** The first rule whose prefix fits is the one that counts. */
const RULES: readonly Rule[] = [
  ...['errors', 'media', 'version', 'face', 'binary-media'].map((name) => ({ in: `shared/${name}.ts`, may: [], packages: /^$/ })),
  { in: 'shared/', may: [], packages: /^zod$/ },
  { in: 'worker/', may: ['shared/'], packages: /^(hono|@hono\/zod-openapi|zod|jose|cloudflare:.*)(\/.*)?$/ },
  { in: 'origin/pipeline/', may: [], packages: /^node:/ },
  { in: 'origin/onnx/', may: [], packages: /^(node:.*|onnxruntime-node)$/ },
  { in: 'origin/net/', may: ['origin/log.ts'], packages: /^node:/ },
  { in: 'origin/workers/', may: ['shared/', 'origin/log.ts'], packages: /^node:/ },
  { in: 'origin/dsp/', may: ['shared/'], packages: /^fft\.js$/ },
  {
    in: 'origin/codec/',
    may: ['shared/', 'origin/dsp/', 'origin/log.ts', 'origin/workers/'],
    packages: /^(node:.*|node-av(\/.*)?|@evan\/opus)$/,
  },
  {
    in: 'origin/rtc/',
    may: ['shared/', 'origin/codec/', 'origin/pipeline/', 'origin/workers/', 'origin/log.ts'],
    packages: /^(node:.*|werift)$/,
  },
  {
    in: 'origin/lipsync/',
    may: ['shared/', 'origin/codec/', 'origin/dsp/', 'origin/onnx/', 'origin/workers/', 'origin/log.ts', 'origin/providers/tts/types.ts'],
  },
  {
    in: 'origin/providers/',
    may: ['shared/', 'origin/codec/', 'origin/dsp/', 'origin/net/', 'origin/workers/', 'origin/log.ts', 'origin/env.ts'],
  },
  { in: 'origin/render/', may: ['shared/', 'origin/codec/', 'origin/dsp/', 'origin/onnx/', 'origin/workers/', 'origin/log.ts'] },
  { in: 'origin/avatar-tools/', may: ['shared/', 'origin/'] },
  { in: 'origin/', may: ['shared/', 'origin/'], packages: /^(node:.*|ws|pino|pino-pretty|zod)$/ },
  { in: 'sdk/typescript/src/core/', may: ['shared/', 'sdk/typescript/src/'], packages: /^$/ },
  { in: 'sdk/typescript/src/react/', may: ['shared/', 'sdk/typescript/src/'], packages: /^react$/ },
  { in: 'sdk/typescript/', may: ['shared/'], packages: /^$/ },
  { in: 'web/', may: ['shared/admin.ts'], packages: /^(@avatar\/sdk(\/.*)?|node:.*|esbuild)$/ },
]

/** Packages that one folder only may import. */
const ONE_IMPORTER: Readonly<Record<string, string>> = {
  'node-av': 'origin/codec/',
  '@evan/opus': 'origin/codec/',
  werift: 'origin/rtc/',
  ws: 'origin/',
  openai: 'origin/providers/',
  '@elevenlabs/elevenlabs-js': 'origin/providers/tts/elevenlabs/',
  '@julusian/jpeg-turbo': 'origin/render/',
  hono: 'worker/',
  jose: 'worker/',
}
/** Packages that no other file loads in any way, tests and tools included: what must be done first is done there. */
const ONE_LOADER: Readonly<Record<string, string>> = { 'onnxruntime-node': 'origin/onnx/' }
/** The SDK takes values only from shared files without zod. */
const ZOD_FREE = /^shared\/(errors|media|version|face|binary-media)\.ts$/
const FOLDERS = ['shared', 'worker', 'origin', 'sdk', 'web']
const TOOLS = ['bench', 'scripts', 'test']
const IMPORT = /^\s*(import|export)\s+(type\s+)?[^'"]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]/gm

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !['node_modules', 'dist', 'generated'].includes(entry.name)) yield* sources(path)
    else if (/\.tsx?$/.test(entry.name)) yield path
  }
}

function problem(file: string, target: string, typeOnly: boolean): string | undefined {
  const rule = RULES.find((candidate) => file.startsWith(candidate.in))
  if (!rule) return undefined
  if (!target.startsWith('.')) {
    const name = target
      .split('/')
      .slice(0, target.startsWith('@') ? 2 : 1)
      .join('/')
    const only = ONE_IMPORTER[name]
    if (only && !file.startsWith(only)) return `${name} is imported from ${only} only`
    return rule.packages && !rule.packages.test(target) ? `${rule.in} may not import the package ${target}` : undefined
  }
  const path = relative('.', resolve(dirname(file), target))
  const home = rule.in.endsWith('/') ? rule.in : `${dirname(rule.in)}/`
  const allowed = rule.in.endsWith('/') ? [home, ...rule.may] : rule.may
  if (!allowed.some((prefix) => path.startsWith(prefix))) return `${rule.in} may not import ${path}`
  if (/^(sdk|web)\//.test(file) && path.startsWith('shared/') && !typeOnly && !ZOD_FREE.test(path))
    return `${path} brings zod: take types only`
  return undefined
}

function loaderProblems(file: string, text: string): string[] {
  return Object.entries(ONE_LOADER).flatMap(([name, folder]) => {
    const loads = new RegExp(String.raw`\b(from|import|require|resolve)\b\s*\(?\s*['"\`]${name}(/[^'"\`]*)?['"\`]`)
    return !file.startsWith(folder) && loads.test(text) ? [`${name} is loaded in ${folder} only`] : []
  })
}

let broken = 0
for (const folder of [...FOLDERS, ...TOOLS]) {
  for (const file of sources(folder)) {
    const text = readFileSync(file, 'utf8')
    const imports = TOOLS.includes(folder) ? [] : [...text.matchAll(IMPORT)]
    const problems = imports.map((match) => problem(file, match[3] ?? match[4] ?? '', match[2] !== undefined))
    for (const why of [...problems, ...loaderProblems(file, text)]) {
      if (why === undefined) continue
      broken += 1
      console.log(`${file}: ${why}`)
    }
  }
}
console.log(broken === 0 ? 'imports: all rules kept' : `imports: ${broken} broken`)
process.exitCode = broken === 0 ? 0 : 1
