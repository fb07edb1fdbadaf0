/** The SDK in a real browser against the whole system: WebRTC, the way back to the socket, and forward again. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { NO_CHROMIUM, openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import { descendantsOf } from '../support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'

type Sdk = typeof import('../../sdk/typescript/src/index.ts')
interface Shown {
  session: import('../../sdk/typescript/src/index.ts').AvatarSession
  view: import('../../sdk/typescript/src/index.ts').View
  /** `performance.now()` of every picture. */
  pictures: number[]
  /** Of `session_state`. */
  states: { state: string; atMs: number }[]
}
declare global {
  var sdk: Sdk
  var shown: Shown
}

let system: RunningSystem
let browser: TestBrowser

beforeAll(async () => {
  if (NO_CHROMIUM !== undefined) return
  system = await startSystem({ RATE_LIMIT_SESSIONS: '1000' })
  browser = await openBrowser()
  const body = readFileSync('sdk/typescript/dist/index.js', 'utf8')
  await browser.page.route('**/sdk.js', (route) => route.fulfill({ contentType: 'text/javascript', body }))
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})
afterEach(async () => {
  await browser?.page.evaluate(() => globalThis.shown?.session.disconnect())
})

/** Opens a session in the page's video element. */
async function start(page: Page, options: import('../../sdk/typescript/src/index.ts').ViewOptions = {}): Promise<void> {
  await page.reload()
  await page.addScriptTag({ type: 'module', content: "import * as sdk from '/sdk.js'; globalThis.sdk = sdk" })
  await page.waitForFunction(() => globalThis.sdk)
  await page.evaluate(
    async ({ apiUrl, wsUrl, options }) => {
      const video = document.querySelector('video')
      if (!video) throw new Error('the page has no video element')
      const client = new globalThis.sdk.AvatarClient({ apiUrl: `${apiUrl}/v1`, wsUrl })
      const session = await client.createSession()
      const pictures: number[] = []
      const states: Shown['states'] = []
      session.on('session_state', ({ state }) => states.push({ state, atMs: performance.now() }))
      const view = await session.startStream(video, { ...options, onPicture: () => pictures.push(performance.now()) })
      globalThis.shown = { session, view, pictures, states }
    },
    { apiUrl: system.apiUrl, wsUrl: system.wsUrl, options },
  )
}

async function transportBecomes(page: Page, transport: string, timeout = 40_000): Promise<void> {
  await page.waitForFunction((wanted) => globalThis.shown.view.transport === wanted, transport, { timeout })
}

/** Waits for so many more pictures. */
async function morePictures(page: Page, count: number, timeout = 40_000): Promise<void> {
  const before = await page.evaluate(() => globalThis.shown.pictures.length)
  await page.waitForFunction((wanted) => globalThis.shown.pictures.length >= wanted, before + count, { timeout })
}

describe.skipIf(NO_CHROMIUM !== undefined)(`startStream (${NO_CHROMIUM ?? 'Chromium'})`, { timeout: 180_000 }, () => {
  it('shows her by WebRTC, and after the end of the host again, in the same session', async () => {
    const { page } = browser
    await start(page)
    await transportBecomes(page, 'webrtc')
    await morePictures(page, 25)
    const before = await page.evaluate(() => ({
      id: globalThis.shown.session.session_id,
      muted: globalThis.shown.view.video.muted,
      width: globalThis.shown.view.video.videoWidth,
    }))
    expect(before).toMatchObject({ muted: false, width: 512 })

    const origin = descendantsOf(system.pid).find(({ command }) => command.includes('origin/index.ts'))
    process.kill(origin?.pid ?? 0, 'SIGKILL')
    await page.waitForFunction(() => globalThis.shown.states.some(({ state }) => state === 'reconnecting'))
    await page.waitForFunction(() => globalThis.shown.states.at(-1)?.state === 'live', undefined, { timeout: 60_000 })
    await morePictures(page, 10)
    await transportBecomes(page, 'webrtc')
    const back = await page.evaluate(() => {
      const { session, states, pictures } = globalThis.shown
      const liveMs = states.at(-1)?.atMs ?? Number.NaN
      // how long the host takes to start is not the client's doing
      return { id: session.session_id, connection: session.connection, ms: (pictures.find((atMs) => atMs > liveMs) ?? Number.NaN) - liveMs }
    })
    expect(back).toMatchObject({ id: before.id, connection: 'open' })
    expect(back.ms).toBeLessThan(10_000)
    expect(browser.errors).toEqual([])
  })

  it('falls back to the socket where UDP is blocked', async () => {
    const { page } = browser
    await start(page, { rtcConfiguration: { iceTransportPolicy: 'relay' } })
    await morePictures(page, 25)
    expect(await page.evaluate(() => globalThis.shown.view.transport)).toBe('socket')
    expect(browser.errors).toEqual([])
  })
})
