/** The demo page in a real browser, as somebody who has read nothing uses it. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM } from '../support/browser.ts'
import { type RunningSystem, startSystem } from '../support/running-system.ts'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync']

let system: RunningSystem
let browser: Browser

describe.skipIf(NO_CHROMIUM)(`the demo page${NO_CHROMIUM ? ` (${NO_CHROMIUM})` : ''}`, { timeout: 60_000 }, () => {
  beforeAll(async () => {
    system = await startSystem({ RATE_LIMIT_SESSIONS: '1000' })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, '--autoplay-policy=no-user-gesture-required'] })
  }, 90_000)
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
  })

  async function visit(viewport: { width: number; height: number }): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage({ viewport })
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    await page.goto(system.apiUrl)
    await page.locator('body[data-phase="live"]').waitFor()
    return { page, faults }
  }

  /** Sum over the picture's pixels: another picture gives another number. */
  const look = (page: Page): Promise<number> =>
    page.evaluate(() => {
      const canvas = document.querySelector('canvas')
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
      let sum = 0
      for (let i = 0; i < pixels.length; i += 97) sum += (pixels[i] ?? 0) * (i % 31)
      return sum
    })

  it.each([
    ['a desk', { width: 1280, height: 800 }],
    ['a phone', { width: 390, height: 844 }],
  ])('on %s: she is there and moves, "hello" gets an answer, Escape stops her', async (_where, viewport) => {
    const { page, faults } = await visit(viewport)
    const first = await look(page)
    await expect.poll(() => look(page), { timeout: 5_000 }).not.toBe(first)
    await page.keyboard.press('Tab')
    await page.locator('#field').fill('hello')
    await page.locator('#field').press('Enter')
    await page.locator('body[data-status="speaking"]').waitFor()
    await expect.poll(() => page.locator('#transcript').innerText(), { timeout: 10_000 }).toMatch(/hello[\s\S]*(see you|Hi there)/i)
    await page.keyboard.press('Escape')
    await page.locator('body[data-status="idle"]').waitFor()
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect(overflow).toBeLessThanOrEqual(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('runs the example of the API reference, pasted into a page of another origin', async () => {
    const server = await serveExample(system)
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.locator('body[data-done]').waitFor({ timeout: 30_000 })
    const seen = await page.evaluate(() => ({ played: document.body.dataset.played, width: document.querySelector('img')?.naturalWidth }))
    expect(faults).toEqual([])
    expect(seen.width).toBe(720)
    expect(Number(seen.played)).toBeGreaterThan(0)
    await page.close()
    server.close()
  })
})

/** A customer's page: the example as it stands in the API reference, between the names it takes for granted and a mark at its end. */
async function serveExample({ apiUrl, wsUrl }: RunningSystem): Promise<Server> {
  const example = `
import { AvatarClient } from '@avatar/sdk';

// Initialize client
const client = new AvatarClient({
    apiUrl: '${apiUrl}/v1',
    wsUrl: '${wsUrl}'
});

// Create session
const session = await client.createSession({
    quality: 'high',
    voice_id: 'EXAVITQu4vr4xnSDxMaL'
});

// Connect to WebSocket
await session.connect();

// Handle events
session.on('frame', (frameData) => {
    // Display video frame
    videoElement.src = \`data:image/jpeg;base64,\${frameData}\`;
});

session.on('audio', (audioData) => {
    // Play audio
    const audioBlob = base64ToBlob(audioData);
    audioElement.src = URL.createObjectURL(audioBlob);
    audioElement.play();
});

// Send chat message
await session.chat('Hello, how are you?');

// Make avatar speak
await session.speak('Welcome to our demo!');
`
  const page = `<!doctype html><title>a customer's page</title><img><audio></audio>
<script type="importmap">{ "imports": { "@avatar/sdk": "/sdk.js" } }</script>
<script>
  const videoElement = document.querySelector('img')
  const audioElement = document.querySelector('audio')
  const base64ToBlob = (text) => new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: 'audio/wav' })
  audioElement.addEventListener('playing', () => { document.body.dataset.played = Number(document.body.dataset.played ?? 0) + 1 })
</script>
<script type="module">${example}
await new Promise((resolve) => { let ends = 0; session.on('speech_finished', () => { ends += 1; if (ends === 2) resolve() }) })
// Clean up
await session.disconnect();
document.body.dataset.done = ''
</script>`
  const server = createServer((request, response) => {
    const isSdk = request.url === '/sdk.js'
    response.setHeader('content-type', isSdk ? 'text/javascript' : 'text/html')
    response.end(isSdk ? readFileSync('sdk/typescript/dist/index.js') : page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
