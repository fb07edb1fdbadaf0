/** The demo page in a real browser, as somebody who has read nothing uses it; and what it does when things go away under it. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BINARY_KIND } from '../../shared/binary-media.ts'
import { accessibilityFaults, closeAll, launchChromium, newPage, type Visit, visit } from '../support/browser/browser.ts'
import { killDescendant } from '../support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { until } from '../support/until.ts'

const DESK = { viewport: { width: 1280, height: 800 } }
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
/** What a browser loads before the first frame, bytes as they are on disk: what travels is less. */
const MAX_BYTES = 150_000

let system: RunningSystem
let browser: Browser

describe('the demo page', () => {
  beforeAll(async () => {
    system = await startSystem({ RATE_LIMIT_SESSIONS: '1000' })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
  })

  // a page that is left open goes on showing frames, and takes the machine from the next
  afterEach(() => closeAll(browser))

  async function open(options: BrowserContextOptions = DESK): Promise<Visit> {
    const visited = await visit(browser, system.apiUrl, { storageState: smallFrames(), ...options })
    await visited.page.locator('body[data-phase="live"][data-seen]').waitFor()
    return visited
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.locator('#field').fill(text)
    await page.locator('#field').press('Enter')
  }

  const speaking = (page: Page): Promise<void> => page.locator('body[data-status="speaking"]').waitFor()
  const live = (page: Page): Promise<void> => page.locator('body[data-phase="live"]').waitFor()

  it.each([
    ['a desk', DESK],
    ['a phone', PHONE],
  ])('on %s: she moves, "hello" gets an answer with its words marked, Escape stops her', async (_where, options) => {
    const { page, faults } = await open(options)
    const first = await look(page)
    await expect.poll(() => look(page)).not.toBe(first)
    await say(page, 'hello')
    await speaking(page)
    await page.locator('#transcript .agent .now').waitFor()
    await page.locator('#caption .now').waitFor()
    await expect.poll(() => page.locator('#transcript').innerText()).toMatch(/hello[\s\S]*(see you|Hi there)/i)
    await page
      .locator('#timings-summary')
      .filter({ hasText: /^Answered after \d/ })
      .waitFor()
    await page.keyboard.press('Escape')
    await page.locator('body[data-status="idle"]').waitFor()
    expect(await page.locator('#transcript .now').count()).toBe(0)
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    expect(faults).toEqual([])
  })

  it('loads little, from nowhere else, and its parts are all there', async () => {
    const loaded = new Map<string, number>()
    const page = await newPage(browser, DESK)
    page.on('response', async (response) => {
      if (!['document', 'script', 'stylesheet', 'image', 'font'].includes(response.request().resourceType())) return
      loaded.set(response.url(), (await response.body()).length)
    })
    await page.goto(system.apiUrl)
    await page.locator('body[data-seen]').waitFor()
    const urls = [...loaded.keys()].filter((url) => url.startsWith('http'))
    expect(urls.sort()).toEqual([`${system.apiUrl}/`, `${system.apiUrl}/app.css`, `${system.apiUrl}/app.js`])
    expect([...loaded.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(MAX_BYTES)
  })

  it('has no serious accessibility fault, in light and dark, with its cards open', async () => {
    const { page } = await open({ ...DESK, reducedMotion: 'reduce' })
    await say(page, 'What can you do?')
    await page.locator('#timings summary').click()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await accessibilityFaults(page)).toEqual([])
      for (const [button, card] of Object.entries({
        'settings-button': '#settings',
        share: '#share-card',
        connection: '#connection-card',
      })) {
        await page.locator(`#${button}`).click()
        await page.locator(card).waitFor()
        expect(await accessibilityFaults(page, card)).toEqual([])
        await page.keyboard.press('Escape')
      }
    }
  })

  it('a shared link lets a second person see, hear and talk; its token reaches no address', async () => {
    const host = await open()
    await host.page.locator('#share').click()
    const link = new URL(await host.page.locator('#share-link').inputValue())
    await host.page.keyboard.press('Escape')
    const token = link.hash.slice('#token='.length)
    expect(token.split('.')).toHaveLength(3)
    const page = await newPage(browser, PHONE)
    const addresses: string[] = []
    let sounds = 0
    page.on('request', (request) => addresses.push(request.url()))
    page.on('websocket', (socket) => {
      addresses.push(socket.url())
      socket.on('framereceived', ({ payload }) => {
        if (typeof payload !== 'string' && payload[1] === BINARY_KIND.chunk) sounds += 1
      })
    })
    await page.goto(link.href)
    await page.locator('body[data-phase="live"][data-seen]').waitFor()
    await page.locator('#guest').waitFor()
    await say(host.page, 'Who are you?')
    await page.locator('#transcript .user.other').filter({ hasText: 'Who are you?' }).waitFor()
    await page.locator('#transcript .agent').filter({ hasText: 'Anna' }).waitFor()
    await until('sound at the second person', () => sounds > 0)
    await say(page, 'hello')
    await host.page.locator('#transcript .user.other').filter({ hasText: 'hello' }).waitFor()
    expect(addresses.filter((address) => address.split('#')[0]?.includes(token))).toEqual([])
    await page.context().close()
    // the guest has gone, the session is the host's still
    await live(host.page)
  })

  it('the microphone says what is missing: speech recognition, or the microphone', async () => {
    const { page } = await open()
    await page.locator('#microphone').click()
    await page.locator('#notice').filter({ hasText: 'OPENAI_API_KEY' }).waitFor()
    await page.locator('#microphone[data-ear="closed"]').waitFor()
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))
    })
    await page.keyboard.press('Alt+M')
    await page.locator('#notice').filter({ hasText: 'no microphone' }).waitFor()
  })

  it('says so and comes back by itself when the network, the render host and the edge go away', async () => {
    const { page } = await open()
    const veil = (text: string): Promise<void> => page.locator('#veil').filter({ hasText: text }).waitFor()

    await page.context().setOffline(true)
    await veil('You are offline')
    await page.context().setOffline(false)
    await live(page)

    killDescendant(system.pid, 'origin/index.ts')
    await veil('The render host went away')
    await live(page)
    await say(page, 'hello')
    await speaking(page)
    await page.keyboard.press('Escape')

    killDescendant(system.pid, 'wrangler.js dev')
    await veil('Connection lost')
    await say(page, 'Are you there?')
    await live(page)
    // what was sent meanwhile is not lost
    await page.locator('#transcript .agent').filter({ hasText: 'Are you there?' }).waitFor()
  })

  it('runs the example of the API reference, pasted into a page of another origin', async () => {
    const server = await serveExample(system)
    const { page, faults } = await visit(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.locator('body[data-done]').waitFor()
    const seen = await page.evaluate(() => ({ played: document.body.dataset.played, width: document.querySelector('img')?.naturalWidth }))
    expect(faults).toEqual([])
    expect(seen.width).toBe(720)
    expect(Number(seen.played)).toBeGreaterThan(0)
    server.close()
  })
})

/** The choice of the smallest frames, remembered: a busy machine has other things to do. */
function smallFrames(): Exclude<BrowserContextOptions['storageState'], string | undefined> {
  const localStorage = [{ name: 'avatar.choice', value: JSON.stringify({ quality: 'low' }) }]
  return { cookies: [], origins: [{ origin: system.apiUrl, localStorage }] }
}

/** Sum over the pixels that are seen: another frame gives another number. */
async function look(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const canvas = document.createElement('canvas')
    const [video, drawn] = [document.querySelector('video'), document.querySelector<HTMLCanvasElement>('#screen canvas')]
    canvas.width = canvas.height = 180
    const context = canvas.getContext('2d')
    const source = drawn?.style.visibility === 'hidden' ? video : drawn
    if (source) context?.drawImage(source, 0, 0, 180, 180)
    const pixels = context?.getImageData(0, 0, 180, 180).data ?? []
    let sum = 0
    for (let i = 0; i < pixels.length; i += 97) sum += (pixels[i] ?? 0) * (i % 31)
    return sum
  })
}

/** How far the page is wider than its window, px. */
async function overflow(page: Page): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
}

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
