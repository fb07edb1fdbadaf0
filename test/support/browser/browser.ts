/** Debian's Chromium, headless, with a microphone that plays a file, and a page that a test drives. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { PATIENCE_MS } from '../patience.ts'

export const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-device-for-media-stream',
]

export interface TestBrowser {
  page: Page
  /** Errors that the page did not catch. */
  errors: string[]
  close(): Promise<void>
}

export interface ChromiumOptions {
  /** A WAV file that the fake microphone plays, again and again. @default a beep each second */
  microphone?: string
  /** Pages have the microphone only where their context has the permission. @default every page has it */
  asksForMicrophone?: boolean
  /** Further flags of the command line. */
  flags?: readonly string[]
}

export async function launchChromium({ microphone, asksForMicrophone = false, flags = [] }: ChromiumOptions = {}): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...FLAGS,
      ...flags,
      ...(asksForMicrophone ? [] : ['--use-fake-ui-for-media-stream']),
      ...(microphone ? [`--use-file-for-fake-audio-capture=${microphone}`] : []),
    ],
    timeout: PATIENCE_MS,
  })
}

/** A page in a context of its own, which waits as long as any test does. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(PATIENCE_MS)
  return await context.newPage()
}

export interface Visit {
  page: Page
  /** Errors that the page did not catch, or wrote to its console. */
  faults: string[]
}

/** A page of its own, as a visitor who was never here before. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const page = await newPage(browser, options)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  await page.goto(url)
  return { page, faults }
}

/** Closes all pages with what they remember. */
export async function closeAll(browser: Browser): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()))
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What is used of axe-core in a page. */
interface Axe {
  run(
    context: string,
    options: { resultTypes: string[] },
  ): Promise<{
    violations: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[]
  }>
}

/**
 * What axe finds of serious or critical impact: rule, and the elements. Empty: nothing.
 *
 * @param within a selector: only what stands in it is looked at
 */
export async function accessibilityFaults(page: Page, within = 'html'): Promise<string[]> {
  // in the middle of its appearance everything is pale
  await page.waitForFunction(() =>
    document
      .getAnimations()
      .every(({ playState, effect }) => playState !== 'running' || effect?.getComputedTiming().endTime === Number.POSITIVE_INFINITY),
  )
  await page.evaluate(AXE)
  return await page.evaluate(async (context) => {
    const { axe } = window as unknown as { axe: Axe }
    const { violations } = await axe.run(context, { resultTypes: ['violations'] })
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, impact, nodes }) =>
          `${id} (${impact}): ${nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`).join('; ')}`,
      )
  }, within)
}

/** @param microphone a WAV file that the fake microphone plays */
export async function openBrowser({ microphone }: { microphone?: string } = {}): Promise<TestBrowser> {
  // a page of http://127.0.0.1 may use a microphone; about:blank may not
  const server = await serveBlank()
  const address = server.address()
  const port = address && typeof address === 'object' ? address.port : 0
  let browser: Browser | undefined
  try {
    browser = await launchChromium({ ...(microphone ? { microphone } : {}) })
    const page = await newPage(browser)
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(`http://127.0.0.1:${port}/`)
    return {
      page,
      errors,
      close: async () => {
        await browser?.close()
        server.close()
      },
    }
  } catch (error) {
    await browser?.close()
    server.close()
    throw error
  }
}

async function serveBlank(): Promise<Server> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>test</title><video id="video" autoplay playsinline></video>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
