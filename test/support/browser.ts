/** Debian's Chromium, headless, with a microphone that plays a file, and a page that a test drives. */
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type Browser, chromium, type Page } from 'playwright-core'

export const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
/** Undefined where the browser is there; else what to do about it. */
export const NO_CHROMIUM = existsSync(CHROMIUM) ? undefined : `no ${CHROMIUM}: apt-get install chromium, or set CHROMIUM_PATH`

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
  '--use-fake-ui-for-media-stream',
]

export interface TestBrowser {
  page: Page
  /** Errors that the page did not catch. */
  errors: string[]
  close(): Promise<void>
}

/** @param microphone a WAV file that the fake microphone plays */
export async function openBrowser({ microphone }: { microphone?: string } = {}): Promise<TestBrowser> {
  // a page of http://127.0.0.1 may use a microphone; about:blank may not
  const server = await serveBlank()
  const address = server.address()
  const port = address && typeof address === 'object' ? address.port : 0
  let browser: Browser | undefined
  try {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [...FLAGS, ...(microphone ? [`--use-file-for-fake-audio-capture=${microphone}`] : [])],
    })
    const page = await browser.newPage()
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
