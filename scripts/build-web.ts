/**
 * Builds what a browser gets: the SDK (`sdk/typescript/dist`, one ES module) and the demo page (`web/dist`), which uses the SDK
 * by its package name. `--watch` goes on with every change.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import process from 'node:process'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build, context } from 'esbuild'

/** Budgets, bytes gzipped. */
const MAX_SDK_BYTES = 25_000
const MAX_PAGE_BYTES = 150_000
const SDK = 'sdk/typescript/dist/index.js'
const PAGE = 'web/dist'

const common: BuildOptions = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning', legalComments: 'none' }
const sdk: BuildOptions = {
  ...common,
  entryPoints: ['sdk/typescript/src/index.ts'],
  outfile: SDK,
  platform: 'neutral',
  // a page may load it as it is; the map has the source for whoever reads it
  minify: true,
  sourcemap: true,
}
const page: BuildOptions = {
  ...common,
  entryPoints: [
    { in: 'web/src/main.ts', out: 'app' },
    { in: 'web/src/styles.css', out: 'app' },
  ],
  outdir: PAGE,
  minify: true,
}

/** Fails when what a browser loads has grown past its budget. */
function report(name: string, files: readonly string[], maxBytes: number): void {
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0)
  console.log(`${name}: ${(bytes / 1000).toFixed(1)} kB gzipped of ${maxBytes / 1000}`)
  if (bytes > maxBytes) process.exitCode = 1
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
if (process.argv.includes('--watch')) {
  for (const options of [sdk, page]) {
    const watched = await context(options)
    await watched.rebuild()
    await watched.watch()
  }
} else {
  await build(sdk)
  await build(page)
  report('@avatar/sdk', [SDK], MAX_SDK_BYTES)
  report(
    'page',
    ['index.html', 'app.js', 'app.css'].map((file) => `${PAGE}/${file}`),
    MAX_PAGE_BYTES,
  )
}
