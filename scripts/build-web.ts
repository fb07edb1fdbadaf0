/**
 * Builds the SDK (`sdk/typescript/dist`: ES modules for browsers and bundlers, CommonJS for Node and `require`) and the demo page
 * (`web/dist`), which uses the SDK by its package name. `--watch` goes on with every change.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build, context, type Metafile, type Plugin } from 'esbuild'

/** Budgets, bytes gzipped. */
const MAX_SDK_BYTES = 25_000
const MAX_PAGE_BYTES = 150_000
const SDK = 'sdk/typescript/dist'
const SDK_FILES = ['index.js', 'react.js']
const PAGE = 'web/dist'
/** What a browser gets of each page. */
const PAGES = {
  'demo page': ['index.html', 'app.js', 'app.css'],
  'admin page': ['admin.html', 'admin.js', 'admin.css'],
}

const common: BuildOptions = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning', legalComments: 'none' }
/** The parts of a package share what they have in common by name: two copies would not know each other's errors. */
const shareIndex: Plugin = {
  name: 'share-index',
  setup: ({ onResolve }) => onResolve({ filter: /^\.\.\/index\.ts$/ }, () => ({ path: './index.js', external: true })),
}
const sdk: BuildOptions = {
  ...common,
  entryPoints: [
    { in: 'sdk/typescript/src/index.ts', out: 'index' },
    { in: 'sdk/typescript/src/react/index.ts', out: 'react' },
  ],
  outdir: SDK,
  external: ['react'],
  plugins: [shareIndex],
  platform: 'neutral',
  // a page may load it as it is; the map has the source for whoever reads it
  minify: true,
  sourcemap: true,
  metafile: true,
}
/** The same for `require`; in Node `import` gets this one too, so that a process has one copy of each class, however it is loaded. */
const required: BuildOptions = {
  ...sdk,
  format: 'cjs',
  outdir: `${SDK}/cjs`,
  // Node finds the names of the exports without running it
  platform: 'node',
}
const page: BuildOptions = {
  ...common,
  entryPoints: [
    { in: 'web/src/main.ts', out: 'app' },
    { in: 'web/src/styles.css', out: 'app' },
    { in: 'web/admin/main.ts', out: 'admin' },
    { in: 'web/admin/styles.css', out: 'admin' },
  ],
  outdir: PAGE,
  minify: true,
}

/** Says how large a part is that browsers load. @returns whether it is within its budget */
function fits(name: string, files: readonly string[], maxBytes: number): boolean {
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0)
  console.log(`${name}: ${(bytes / 1000).toFixed(1)} kB gzipped of ${maxBytes / 1000}`)
  return bytes <= maxBytes
}

/** The CommonJS files, and what Node's `import` loads: the names of the ES modules, out of these files. */
async function buildForNode(outputs: Metafile['outputs']): Promise<void> {
  await build(required)
  writeFileSync(`${SDK}/cjs/package.json`, '{ "type": "commonjs" }\n')
  mkdirSync(`${SDK}/node`, { recursive: true })
  for (const file of SDK_FILES) {
    const names = outputs[`${SDK}/${file}`]?.exports ?? []
    writeFileSync(`${SDK}/node/${file}`, `export { ${names.join(', ')} } from '../cjs/${file}'\n`)
  }
}

/** npm makes this link for a workspace; a tree that was not installed as one gets it here. */
function linkPackage(): void {
  if (existsSync('node_modules/@avatar/sdk')) return
  mkdirSync('node_modules/@avatar', { recursive: true })
  symlinkSync('../../sdk/typescript', 'node_modules/@avatar/sdk')
}

mkdirSync(PAGE, { recursive: true })
linkPackage()
cpSync('web/public', PAGE, { recursive: true })
// what `/docs` shows beside the calls
for (const part of ['guides', 'reference', 'design']) cpSync(`docs/${part}`, `${PAGE}/documentation/${part}`, { recursive: true })
cpSync('README.md', `${PAGE}/documentation/README.md`)
const { metafile } = await build(sdk)
await buildForNode(metafile?.outputs ?? {})
if (process.argv.includes('--watch')) {
  for (const options of [sdk, page]) {
    const watched = await context(options)
    await watched.rebuild()
    await watched.watch()
  }
} else {
  await build(page)
  const parts: [string, string[], number][] = [
    ['@avatar/sdk', SDK_FILES.map((file) => `${SDK}/${file}`), MAX_SDK_BYTES],
    ...Object.entries(PAGES).map(([name, files]): [string, string[], number] => [
      name,
      files.map((file) => `${PAGE}/${file}`),
      MAX_PAGE_BYTES,
    ]),
  ]
  const large = parts.filter((part) => !fits(...part)).map(([name]) => name)
  if (large.length > 0) {
    console.error(`too large for browsers: ${large.join(', ')}`)
    process.exitCode = 1
  }
}
