/** The SDK in a real browser against the whole system: WebRTC, the way back to the socket, and forward again. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import { killDescendant } from '../support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'

type Sdk = typeof import('../../sdk/typescript/src/index.ts')
interface Shown {
  session: import('../../sdk/typescript/src/index.ts').AvatarSession
  view: import('../../sdk/typescript/src/index.ts').View
  /** Shown so far. */
  frames: number
  /** Of `session_state`, in order. */
  states: string[]
}
declare global {
  var sdk: Sdk
  var shown: Shown
}

let system: RunningSystem
let browser: TestBrowser

beforeAll(async () => {
  system = await startSystem({ RATE_LIMIT_SESSIONS: '1000' })
  browser = await openBrowser()
  const body = readFileSync('sdk/typescript/dist/index.js', 'utf8')
  await browser.page.route('**/sdk.js', (route) => route.fulfill({ contentType: 'text/javascript', body }))
})
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
      const states: Shown['states'] = []
      session.on('session_state', ({ state }) => states.push(state))
      const shown = { session, states, frames: 0 }
      const onFrame = (): void => {
        shown.frames += 1
      }
      globalThis.shown = Object.assign(shown, { view: await session.startStream(video, { ...options, onFrame }) })
    },
    { apiUrl: system.apiUrl, wsUrl: system.wsUrl, options },
  )
}

async function transportBecomes(page: Page, transport: string): Promise<void> {
  await page.waitForFunction((wanted) => globalThis.shown.view.transport === wanted, transport)
}

/** Waits for so many more frames. */
async function moreFrames(page: Page, count: number): Promise<void> {
  const before = await page.evaluate(() => globalThis.shown.frames)
  await page.waitForFunction((wanted) => globalThis.shown.frames >= wanted, before + count)
}

describe('startStream', () => {
  it('shows her by WebRTC, and after the end of the host again, in the same session', async () => {
    const { page } = browser
    await start(page)
    await transportBecomes(page, 'webrtc')
    await moreFrames(page, 25)
    const before = await page.evaluate(() => ({
      id: globalThis.shown.session.session_id,
      muted: globalThis.shown.view.video.muted,
      width: globalThis.shown.view.video.videoWidth,
    }))
    expect(before).toMatchObject({ muted: false, width: 512 })

    killDescendant(system.pid, 'origin/index.ts')
    await page.waitForFunction(() => globalThis.shown.states.includes('reconnecting'))
    await page.waitForFunction(() => globalThis.shown.states.at(-1) === 'live')
    await moreFrames(page, 10)
    await transportBecomes(page, 'webrtc')
    const back = await page.evaluate(() => {
      const { session } = globalThis.shown
      return { id: session.session_id, connection: session.connection }
    })
    expect(back).toEqual({ id: before.id, connection: 'open' })
    expect(browser.errors).toEqual([])
  })

  it('falls back to the socket where UDP is blocked', async () => {
    const { page } = browser
    await start(page, { rtcConfiguration: { iceTransportPolicy: 'relay' } })
    await moreFrames(page, 25)
    expect(await page.evaluate(() => globalThis.shown.view.transport)).toBe('socket')
    expect(browser.errors).toEqual([])
  })
})
