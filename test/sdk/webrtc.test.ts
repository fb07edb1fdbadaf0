/** A view's way between WebRTC and the socket, in a real browser: the server is a fake, its WebRTC end stands in the page. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchChromium, newPage } from '../support/browser/browser.ts'
import { bundleSdk } from '../support/browser/bundle.ts'
import { installFarEnd } from '../support/clients/rtc-far-end.ts'
import { FakeAvatarApi, TOKEN } from '../support/fakes/fake-avatar-api.ts'
import { FEED_SIZE, feedMedia, RED } from '../support/fakes/media-feed.ts'
import { until } from '../support/until.ts'

type Index = typeof import('../../sdk/typescript/src/index.ts')
interface Started {
  session: import('../../sdk/typescript/src/index.ts').AvatarSession
  view: import('../../sdk/typescript/src/index.ts').View
  changes: string[]
  listening?: import('../../sdk/typescript/src/index.ts').MicrophoneListening
}
declare global {
  var sdkUnderTest: Index
  var started: Started
}
/** Both ends are in this browser, and nothing answers for names here. */
const FLAGS = ['--disable-features=WebRtcHideLocalIpsWithMdns']

let browser: Browser
let script: string
let api: FakeAvatarApi
let page: Page
let stopFeed = (): void => undefined

describe('a stream', () => {
  beforeAll(async () => {
    script = await bundleSdk('sdkUnderTest')
    browser = await launchChromium({ flags: FLAGS })
  })
  afterAll(async () => browser?.close())

  beforeEach(async () => {
    api = await FakeAvatarApi.start()
    page = await newPage(browser)
    await page.goto(`http://127.0.0.1:${api.port}/`)
    await page.setContent('<video style="width: 256px; height: 256px"></video>')
    await page.addScriptTag({ content: script })
    await installFarEnd(page)
  })
  afterEach(async () => {
    stopFeed()
    await page?.context().close()
    await api?.stop()
  })

  it('shows frames of the socket until those of WebRTC come, by trickled candidates', async () => {
    stopFeed = feedMedia(api, { colour: RED })
    await start()
    await becomes('webrtc')
    const seen = await page.evaluate(() => {
      const { video, canvas, audible } = globalThis.started.view
      return { width: video.videoWidth, muted: video.muted, covered: getComputedStyle(canvas).visibility, audible }
    })
    expect(seen).toEqual({ width: FEED_SIZE, muted: false, covered: 'hidden', audible: true })
    expect(await page.evaluate(() => globalThis.started.changes[0])).toBe('webrtc connected')
    expect(await page.evaluate(() => globalThis.farEnd.candidates)).toBeGreaterThan(0)
  })

  it('holds the last frame when WebRTC fails, and comes back to it by itself', async () => {
    await start()
    await becomes('webrtc')
    api.send({ type: 'transport', active: 'webrtc', reason: 'connected' })
    await page.evaluate(() => globalThis.farEnd.connections[0]?.close())
    await becomes('socket')
    const held = await page.evaluate(() => ({
      covered: getComputedStyle(globalThis.started.view.canvas).visibility,
      pixel: [...(globalThis.started.view.canvas.getContext('2d')?.getImageData(5, 5, 1, 1).data ?? [])],
    }))
    expect(held.covered).toBe('visible')
    expect(held.pixel[1]).toBeGreaterThan(150)
    api.send({ type: 'transport', active: 'socket', reason: 'failed' })
    stopFeed = feedMedia(api, { colour: RED })
    await page.waitForFunction(() => globalThis.farEnd.connections.length >= 2)
    await becomes('webrtc')
    expect((await page.evaluate(() => globalThis.started.changes)).at(-1)).toBe('webrtc connected')
  })

  it('offers anew when another server has taken over, in the same session', async () => {
    await start()
    await becomes('webrtc')
    api.send({ type: 'session_state', state: 'reconnecting', resumed: true, missed: 0 })
    await page.evaluate(() => {
      for (const sender of globalThis.farEnd.connections[0]?.getSenders() ?? []) void sender.replaceTrack(null)
    })
    await becomes('socket')
    api.send({ type: 'session_state', state: 'live', resumed: false, missed: 0 })
    await page.waitForFunction(() => globalThis.farEnd.connections.length === 2)
    await becomes('webrtc')
    expect(await page.evaluate(() => globalThis.started.changes)).toContain('socket server_lost')
    expect(api.upgrades).toHaveLength(1)
  })

  it('goes on where the server was away and WebRTC was not', async () => {
    await start()
    await becomes('webrtc')
    api.send({ type: 'session_state', state: 'reconnecting', resumed: true, missed: 0 })
    api.send({ type: 'session_state', state: 'live', resumed: true, missed: 0 })
    await page.waitForFunction(() => globalThis.started.changes.includes('socket server_lost'))
    await page.waitForFunction(() => globalThis.started.changes.length >= 3 && globalThis.started.view.transport === 'webrtc')
    expect(await page.evaluate(() => globalThis.farEnd.connections.length)).toBe(1)
  })

  it.each(['silent', 'refuse'] as const)('stays with the socket where WebRTC does not come about (%s)', async (mode) => {
    await page.evaluate((wanted) => {
      globalThis.farEnd.mode = wanted
    }, mode)
    stopFeed = feedMedia(api, { colour: RED })
    await start()
    await page.waitForFunction(() => globalThis.started.view.stats.framesShown >= 10)
    expect(await page.evaluate(() => globalThis.started.view.transport)).toBe('socket')
    expect(await page.evaluate(() => globalThis.started.changes)).toEqual([])
  })

  it('leaves WebRTC to whoever else of the session took it over, and has its frames beside that', async () => {
    await start()
    await becomes('webrtc')
    api.send({ type: 'transport', active: 'webrtc', reason: 'connected' })
    api.send({ type: 'transport', active: 'webrtc', reason: 'connected' })
    await becomes('socket')
    const { url } = await until('the other socket', () => api.upgrades[1])
    expect(url.searchParams.get('webrtc')).toBe('beside')
    stopFeed = feedMedia(api, { colour: RED })
    await page.waitForFunction(() => globalThis.started.view.stats.framesShown >= 10)
    expect(await page.evaluate(() => globalThis.started.changes.at(-1))).toBe('socket taken_over')
    expect(await page.evaluate(() => globalThis.farEnd.connections.length)).toBe(1)
  })

  it('takes the microphone along by WebRTC without another offer, and over the socket when that is gone', async () => {
    await start()
    await becomes('webrtc')
    await page.evaluate(async () => {
      globalThis.started.listening = await globalThis.started.session.listen({ mode: 'vad' })
    })
    await page.waitForFunction(() => globalThis.farEnd.heard() > 0.01)
    expect(await page.evaluate(() => globalThis.farEnd.connections.length)).toBe(1)
    expect(api.received.find(({ type }) => type === 'start_listening')).toEqual({ type: 'start_listening', data: { mode: 'vad' } })
    expect(api.received.some(({ type }) => type === 'user_audio_append')).toBe(false)

    await page.evaluate(() => {
      globalThis.farEnd.mode = 'refuse'
      globalThis.farEnd.connections[0]?.close()
    })
    await until('the voice on the socket', () => api.received.some(({ type }) => type === 'user_audio_append'))
    await page.evaluate(() => globalThis.started.listening?.stop())
    await until('the end', () => api.received.at(-1)?.type === 'stop_listening')
  })

  it('is gone without a trace when it is stopped', async () => {
    await start()
    await becomes('webrtc')
    await page.evaluate(() => globalThis.started.view.stop())
    await page.waitForFunction(() => ['closed', 'failed', 'disconnected'].includes(globalThis.farEnd.connections[0]?.connectionState ?? ''))
    const left = await page.evaluate(() => ({
      elements: [...document.body.children].map(({ tagName }) => tagName),
      source: document.querySelector('video')?.srcObject ?? null,
      connection: globalThis.started.session.connection,
    }))
    expect(left).toEqual({ elements: ['VIDEO'], source: null, connection: 'open' })
  })
})

async function start(): Promise<void> {
  await page.evaluate(async (token) => {
    const client = new sdkUnderTest.AvatarClient({
      apiUrl: `${location.origin}/v1`,
      wsUrl: `ws://${location.host}/ws`,
      fetch: globalThis.farEnd.fetch,
    })
    const session = client.attachSession(token)
    const video = document.querySelector('video')
    if (!video) throw new Error('no video element')
    const changes: string[] = []
    const starting = session.startStream(video)
    const view = session.view
    view?.on('transportchange', ({ transport, reason }) => changes.push(`${transport} ${reason}`))
    globalThis.started = { session, view: await starting, changes }
  }, TOKEN)
}

async function becomes(transport: string): Promise<void> {
  await page.waitForFunction((wanted) => globalThis.started.view.transport === wanted, transport)
}
