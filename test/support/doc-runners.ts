/** Runs one block of the documentation each way that there is. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { type DocBlock, placeOf } from './doc-blocks.ts'
import { PYTHON } from './python-environment.ts'
import type { RunningSystem } from './servers/running-system.ts'

const BLOCK_TIMEOUT_MS = 100_000
/** What a page of the reader's would have: blocks for the browser find their elements in it. */
const PAGE = `<!doctype html><title>docs</title>
<video id="video" autoplay playsinline></video><img id="image" alt=""><div id="stage" style="width:360px;height:360px"></div>
<button id="talk">Talk</button>`
/** Every curl that is refused ends the script. */
const SHELL_PRELUDE = 'set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body --max-time 30 "$@"; }\n'

export class DocRunner {
  readonly #system: RunningSystem
  /** Outside of node_modules, where Node runs no TypeScript. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'avatar-docs-'))

  constructor(system: RunningSystem) {
    this.#system = system
    symlinkSync(resolve('node_modules'), join(this.#folder, 'node_modules'))
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** All of a page's blocks in one shell, as a reader pastes them. */
  async shell(blocks: readonly DocBlock[]): Promise<string> {
    const script = blocks.map((block) => `# ${placeOf(block)}\n${block.text}`).join('\n')
    return await this.#run('bash', ['-c', SHELL_PRELUDE + this.#here(script)])
  }

  async node(block: DocBlock): Promise<string> {
    const program = join(this.#folder, `${nameOf(block)}.${block.language === 'ts' ? 'mts' : 'mjs'}`)
    writeFileSync(program, this.#here(block.text))
    return await this.#run(process.execPath, ['--disable-warning=ExperimentalWarning', program])
  }

  async python(block: DocBlock): Promise<string> {
    const program = join(this.#folder, `${nameOf(block)}.py`)
    writeFileSync(program, this.#here(block.text))
    return await this.#run(PYTHON, ['-W', 'error', program])
  }

  /** As a bundler and a browser run it, on a page of another origin. @returns errors that nobody caught */
  async browser(block: DocBlock, page: Page): Promise<void> {
    const { outputFiles } = await build({
      stdin: { contents: this.#here(block.text), resolveDir: resolve('.'), loader: block.language === 'ts' ? 'ts' : 'js' },
      bundle: true,
      format: 'esm',
      target: 'es2022',
      write: false,
    })
    const failed = new Promise<never>((_, reject) => page.once('pageerror', reject))
    failed.catch(() => undefined)
    await page.setContent(PAGE)
    await page.addScriptTag({ type: 'module', content: `${outputFiles[0]?.text}\ndocument.body.dataset.done = ''` })
    // a click for what waits for the reader's
    await page.locator('#talk').click()
    await Promise.race([page.locator('body[data-done]').waitFor({ state: 'attached', timeout: BLOCK_TIMEOUT_MS }), failed])
  }

  /** Only whether a shell can read it. */
  async shellSyntax(block: DocBlock): Promise<void> {
    await this.#run('bash', ['-n', '-c', block.text])
  }

  /** Type-checks blocks against the SDK's sources. */
  async types(blocks: readonly DocBlock[]): Promise<void> {
    const folder = join(this.#folder, 'types')
    mkdirSync(folder, { recursive: true })
    for (const block of blocks) writeFileSync(join(folder, `${nameOf(block)}.${block.language === 'tsx' ? 'tsx' : 'mts'}`), block.text)
    const compilerOptions = {
      lib: ['ES2024', 'DOM', 'DOM.Iterable'],
      types: ['node'],
      typeRoots: [resolve('node_modules/@types')],
      jsx: 'react-jsx',
      // of few readers' compilers
      exactOptionalPropertyTypes: false,
      paths: {
        '@avatar/sdk': [resolve('sdk/typescript/src/index.ts')],
        '@avatar/sdk/react': [resolve('sdk/typescript/src/react/index.ts')],
      },
    }
    const config = { extends: resolve('tsconfig.base.json'), compilerOptions, include: ['*'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    await this.#run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', folder])
  }

  /** The addresses of the text are those of `npm start`; here they are this system's. */
  #here(text: string): string {
    const { apiUrl, wsUrl } = this.#system
    return text.replaceAll('http://localhost:8000', apiUrl).replaceAll('ws://localhost:8001/ws', wsUrl)
  }

  /** What it printed. @throws Error with all of it when the command fails or does not end */
  async #run(command: string, args: string[]): Promise<string> {
    const child = spawn(command, args, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: BLOCK_TIMEOUT_MS })
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (printed += data.toString()))
    const code = await new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)))
    if (code === 0) return printed
    throw new Error(`${command} ended with ${code}:\n${printed}\n${args.at(-1)}`)
  }
}

function nameOf({ file, line }: DocBlock): string {
  return `${file.replaceAll(/[^a-z0-9]+/gi, '-')}-${line}`
}
