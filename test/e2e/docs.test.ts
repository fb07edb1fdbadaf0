/**
 * Every block of code in the README, in those of the SDKs and under docs/, run against one running system as a reader would paste it. What a block is, its
 * fence says: `sh`, `ts`, `python` are run; `ts browser` in Chromium; `json NAME` fits that schema; `env origin` and `env edge` are read
 * as configuration; `text` is a figure. `no-run` needs a reason in the list below.
 */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { readEnv } from '../../origin/env.ts'
import * as api from '../../shared/api.ts'
import * as avatarPack from '../../shared/avatar-pack.ts'
import * as chat from '../../shared/chat.ts'
import * as events from '../../shared/events.ts'
import * as turnDetection from '../../shared/turn-detection.ts'
import { openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import { blocksOf, type DocBlock, placeOf } from '../support/doc-blocks.ts'
import { DocRunner } from '../support/doc-runners.ts'
import { ensurePythonEnvironment } from '../support/python-environment.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import type { VendorServer } from '../support/servers/vendor-server.ts'
import { startVendorStandIn } from '../support/servers/vendor-stand-in.ts'

/** Blocks marked `no-run`: file, words of the block, and why. */
const NOT_RUN: readonly [file: string, words: string, reason: string][] = [
  ['README.md', 'npm start', 'the system that the other blocks meet was started by this very command'],
  ['docs/guides/first-call.md', 'npm start', 'as above'],
  ['docs/guides/install.md', 'npm start', 'as above; npm run test:install does it with each manager'],
  ['docs/guides/install.md', 'install:gpu', 'downloads libraries from elsewhere than the registry'],
  ['docs/guides/install.md', 'npm config set', "would change the settings of the tests' user"],
  ['docs/guides/install.md', 'npm run slim', 'would take from the tree that runs the tests; test/scripts/slim.test.ts has one of its own'],
  ['docs/guides/first-call.md', 'pip install', 'the environment of the tests is made by the same command, from the same folder'],
  [
    'docs/guides/your-own-avatar.md',
    'avatar:create',
    'needs a film of a person and weights; test/origin/avatar-tools/create-avatar.test.ts makes a pack',
  ],
  ['docs/guides/your-own-llm-and-voice.md', 'sherpa-onnx-node', 'downloads a model'],
  ['docs/guides/your-own-llm-and-voice.md', 'HTTPS_PROXY', 'test/e2e/proxy.test.ts starts it behind a proxy'],
  ['docs/guides/privacy.md', 'npm run test:connections', 'installs, and takes minutes; test/e2e/connections.test.ts records the same'],
  ['docs/guides/privacy.md', 'record-connections', 'starts a second system; test/e2e/connections.test.ts runs the command'],
  ['sdk/python/README.md', 'pip install ./sdk/python', 'as above'],
  ['sdk/python/README.md', 'pytest && mypy', 'test/sdk/python.test.ts runs both'],
  ['docs/guides/deploy.md', 'wrangler secret put', 'needs a Cloudflare account'],
  [
    'docs/guides/deploy.md',
    'custom_domain',
    'needs a Cloudflare account and its domains; the next block has the variables, which are read',
  ],
  ['docs/guides/deploy.md', 'npm run install:gpu', 'needs a GPU host'],
  ['docs/guides/deploy.md', '[Service]', 'needs systemd'],
  ['docs/guides/deploy.md', 'FROM node', 'needs a container runtime'],
  ['docs/guides/deploy.md', 'proxy_pass', 'needs nginx; test/e2e/proxy.test.ts has a proxy that says the same'],
  ['docs/guides/deploy.md', 'handle_path', 'needs Caddy; as above'],
  ['docs/guides/deploy.md', 'origins/drain', 'would drain the only origin here; test/worker/admin.test.ts drains one'],
]

const SCHEMAS: Readonly<Record<string, unknown>> = { ...api, ...avatarPack, ...chat, ...events, ...turnDetection }
const PAGES = ['README.md', 'docs/**/*.md', 'sdk/*/README.md']
/** Of the Worker, beside its variables. */
const BINDINGS = ['SESSION', 'TENANT', 'POOL', 'ASSETS']
const blocks = blocksOf(PAGES)
const notRun = blocks.filter(({ meta }) => meta.includes('no-run'))
const toRun = blocks.filter(({ meta }) => !meta.includes('no-run'))
const inBrowser = toRun.filter(({ meta }) => meta.includes('browser'))
/** Components of other people's pages: typed, not run. */
const components = toRun.filter(({ language }) => language === 'tsx')
/** Run by the package's own tests, see test/sdk/python.test.ts. */
const byPytest = toRun.filter(({ file, language }) => file === 'sdk/python/README.md' && language === 'python')
const ofLanguage = (...languages: string[]): DocBlock[] =>
  toRun.filter((block) => languages.includes(block.language) && !inBrowser.includes(block) && !byPytest.includes(block))
const perPlace = (list: readonly DocBlock[]): [string, DocBlock][] => list.map((block) => [placeOf(block), block])
/** By address: what the edge is written against are the types of another platform. */
const { parseConfig } = (await import(new URL('../../worker/env.ts', import.meta.url).href)) as { parseConfig(env: object): object }
/** Filled in where the text leaves it to the reader. */
const EDGE_SECRETS = { TOKEN_SECRET: 't'.repeat(32), ORIGIN_KEY: 'o'.repeat(16), API_KEYS: `a:${'0'.repeat(64)}` }

/** As GitHub makes them of headings. */
function anchorsOf(text: string): (string | undefined)[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

it('every block says how it is treated', () => {
  const treated = new Set([
    ...ofLanguage('sh', 'ts', 'js', 'python', 'json', 'env', 'text'),
    ...inBrowser,
    ...components,
    ...byPytest,
    ...notRun,
  ])
  expect(blocks.filter((block) => !treated.has(block)).map(placeOf)).toEqual([])
  expect(inBrowser.filter(({ language }) => !['ts', 'js'].includes(language)).map(placeOf)).toEqual([])
  const reasons = (block: DocBlock) => NOT_RUN.filter(([file, words]) => block.file === file && block.text.includes(words))
  expect(notRun.filter((block) => reasons(block).length === 0).map(placeOf), 'no reason is given').toEqual([])
  const used = new Set(notRun.flatMap(reasons))
  expect(
    NOT_RUN.filter((reason) => !used.has(reason)),
    'reasons for what is not there',
  ).toEqual([])
})

it('JSON fits the schema that it is an example of', () => {
  const faults = ofLanguage('json').flatMap((block) => {
    const schema = SCHEMAS[block.meta[0] ?? '']
    if (!(schema instanceof z.ZodType)) return [`${placeOf(block)} names no schema`]
    const { error } = schema.safeParse(JSON.parse(block.text))
    return error ? [`${placeOf(block)} is no ${block.meta[0]}: ${error.message}`] : []
  })
  expect(faults).toEqual([])
})

it('configuration is what origin and edge read', () => {
  for (const block of ofLanguage('env')) {
    const variables = parseEnv(block.text) as Record<string, string>
    expect(Object.keys(variables).length, placeOf(block)).toBeGreaterThan(0)
    const side = block.meta[0]
    const known = side === 'edge' ? parseConfig({ ...EDGE_SECRETS, ...variables }) : readEnv({ ORIGIN_KEY: 'o'.repeat(16), ...variables })
    for (const name of Object.keys(variables)) expect(known, `${placeOf(block)}: ${name} is not read`).toHaveProperty(name)
  }
})

it('the README has every variable that is read, and no other', () => {
  const read = ['worker/variables.ts', 'origin/env.ts'].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^ {2,4}([A-Z][A-Z0-9_]+): /gm)].flatMap(([, name]) => name ?? []),
  )
  const section = /## Configuration\n([\s\S]*?)\n## /.exec(readFileSync('README.md', 'utf8'))?.[1] ?? ''
  const rows = section.split('\n').flatMap((line) => /^\| (`[A-Z].*?) \|/.exec(line)?.[1] ?? [])
  const told = rows.flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].flatMap(([, name]) => name ?? []))
  const elsewhere = BINDINGS
  expect(
    read.filter((name) => !told.includes(name) && !elsewhere.includes(name)),
    'missing in the README',
  ).toEqual([])
  expect(
    told.filter((name) => !read.includes(name) && !elsewhere.includes(name)),
    'read by nobody',
  ).toEqual([])
})

it('links lead somewhere', () => {
  const dead = globSync(PAGES).flatMap((file) => {
    const text = readFileSync(file, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
    return [...text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].flatMap(([, link = '']) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? file : join(dirname(file), path)
      if (!existsSync(target)) return [`${file}: ${link}`]
      const anchors = anchor === undefined || !target.endsWith('.md') ? [anchor] : anchorsOf(readFileSync(target, 'utf8'))
      return anchors.includes(anchor) ? [] : [`${file}: ${link}`]
    })
  })
  expect(dead).toEqual([])
})

describe('blocks against the running system', () => {
  let system: RunningSystem
  let vendor: VendorServer
  let runner: DocRunner
  let browser: TestBrowser

  beforeAll(async () => {
    await ensurePythonEnvironment()
    vendor = await startVendorStandIn()
    const base = `${vendor.url}/v1`
    const limits = { RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_SPEAK: '1000', RATE_LIMIT_CHAT: '1000', TTS_PROVIDER: 'flite' }
    system = await startSystem({ ...limits, OPENAI_API_KEY: 'stand-in', OPENAI_BASE_URL: base })
    runner = new DocRunner(system)
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    runner?.close()
    await Promise.all([system?.stop(), vendor?.close()])
  })

  it.each([...new Set(ofLanguage('sh').map(({ file }) => file))])('the commands of %s', async (file) => {
    expect(await runner.shell(ofLanguage('sh').filter((block) => block.file === file))).not.toBe('')
  })
  it.concurrent.each(perPlace(ofLanguage('ts', 'js')))('%s in Node', async (_place, block) => {
    await runner.node(block)
  })
  it.concurrent.each(perPlace(ofLanguage('python')))('%s in Python', async (_place, block) => {
    await runner.python(block)
  })
  it.each(perPlace(inBrowser))('%s in a browser', async (_place, block) => {
    await runner.browser(block, browser.page)
  })
  it('/docs shows every call, every event and every guide, and its forms work', async () => {
    const { page, errors } = browser
    errors.length = 0
    await page.goto(`${system.apiUrl}/docs`)
    await page.locator('#server-pong').waitFor({ state: 'attached' })
    const { paths } = (await (await fetch(`${system.apiUrl}/openapi.json`)).json()) as { paths: Record<string, object> }
    const calls = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => method + path))
    expect(calls).toEqual(expect.arrayContaining(['post/v1/chat/completions', 'post/v1/whep/{session_id}', 'get/v1/admin/overview']))
    const ids = await page.locator('section[id]').evaluateAll((sections) => sections.map(({ id }) => id))
    expect(calls.filter((call) => !ids.includes(call))).toEqual([])
    for (const { shape } of events.ServerEvent.options) expect(ids).toContain(`server-${shape.type.value}`)

    const form = (call: string) => page.locator(`[id="${call}"]`)
    const tried = async (call: string): Promise<void> => {
      await form(call).getByRole('button').click()
      const output = form(call).locator('pre')
      await expect.poll(() => output.innerText(), { message: call }).toMatch(/^\d+ in/)
      expect(await output.innerText(), call).toMatch(/^200 in/)
    }
    for (const call of ['post/v1/streaming.new', 'post/v1/avatar.speak', 'post/v1/chat/completions', 'get/v1/voices']) await tried(call)
    await page.locator('#connect').click()
    await page.locator('#frame[src^="data:image/jpeg"]').waitFor()
    await tried('post/v1/streaming.stop')

    const guides = globSync('docs/guides/*.md').map((file) => file.slice('docs/'.length))
    const linked = await page
      .locator('#pages a')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')?.slice('#page='.length)))
    expect(linked).toEqual(expect.arrayContaining(guides))
    for (const link of linked) {
      await page.locator(`#pages a[href="#page=${link}"]`).click()
      await page.locator(`#page[data-path="${link}"] h1`).waitFor()
    }
    await page.goto(`${system.apiUrl}/docs#page=reference/events.md&at=word`)
    await page.locator('#page h3', { hasText: /^word$/ }).waitFor()
    expect(errors).toEqual([])
  })
  it('TypeScript is typed as the SDK is', async () => {
    await runner.types(blocks.filter(({ language }) => ['ts', 'tsx'].includes(language)))
  })
  it('commands that are not run can be read by a shell', async () => {
    for (const block of notRun.filter(({ language }) => language === 'sh')) await runner.shellSyntax(block)
  })
})
