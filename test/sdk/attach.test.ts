/** The view in a real browser: Chromium against a server of the documented API that sends frames and a tone. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { encodeBinaryMedia } from '../../shared/binary-media.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { launchChromium, newPage } from '../support/browser/browser.ts'
import { bundleSdk } from '../support/browser/bundle.ts'
import { FakeAvatarApi, TOKEN } from '../support/fakes/fake-avatar-api.ts'
import { feedMedia, GREEN, RED, TONE } from '../support/fakes/media-feed.ts'
import { until } from '../support/until.ts'

interface Probe {
  skews: number[]
  /** Server time of the last frame that was shown, and of the last that came, ms. */
  shownAtMs: number
  cameAtMs: number
  speech: number[]
  session: import('../../sdk/typescript/src/index.ts').AvatarSession
  view: { audible: boolean; stats: { framesShown: number; framesDropped: number; soundUnderruns: number } }
}
declare global {
  var probe: Probe
  var avatarSdk: typeof import('../../sdk/typescript/src/index.ts')
}

const BLOCKED_MS = 1_500

let browser: Browser
let script: string
let api: FakeAvatarApi
let page: Page
let stopFeed = (): void => undefined

describe('a view in the browser', () => {
  beforeAll(async () => {
    script = await bundleSdk('avatarSdk')
    browser = await launchChromium()
  })
  afterAll(async () => browser?.close())

  beforeEach(async () => {
    api = await FakeAvatarApi.start()
    page = await newPage(browser)
    // a page of the server's own: what is made up has no address, and may not open local sockets
    await page.goto(`http://127.0.0.1:${api.port}/`)
    await page.setContent('<div id="stage"></div>')
    await page.addScriptTag({ content: script })
    await page.evaluate((token) => {
      const client = new avatarSdk.AvatarClient({ apiUrl: `${location.origin}/v1`, wsUrl: `ws://${location.host}/ws` })
      const stage = document.querySelector<HTMLElement>('#stage')
      if (!stage) throw new Error('no stage')
      const session = client.attachSession(token)
      const probe: Omit<Probe, 'view'> = { skews: [], shownAtMs: 0, cameAtMs: 0, speech: [], session }
      session.on('media', ({ timestampMs }) => (probe.cameAtMs = timestampMs))
      const view = session.attach(stage, {
        transport: 'socket',
        onFrame: (atMs, skewMs) => {
          probe.shownAtMs = atMs ?? 0
          probe.skews.push(skewMs ?? 0)
        },
        onSpeech: (atMs) => probe.speech.push(atMs - performance.now()),
      })
      globalThis.probe = Object.assign(probe, { view })
    }, TOKEN)
    await until('the socket', () => api.upgrades.length === 1)
  })
  afterEach(async () => {
    stopFeed()
    await page?.context().close()
    await api?.stop()
  })

  it('shows frames with sound, and says of each how far apart they are', async () => {
    stopFeed = feedMedia(api, { colour: RED, sound: true })
    await page.waitForFunction(() => globalThis.probe.view.stats.framesShown >= 40)
    const { skews, speech, audible } = await page.evaluate(() => {
      const { view, ...rest } = globalThis.probe
      return { ...rest, audible: view.audible }
    })
    expect(audible).toBe(true)
    expect(speech).toHaveLength(1)
    // how small they are is the bench's to say
    expect(skews.length).toBeGreaterThanOrEqual(40)
    expect(skews.every(Number.isFinite)).toBe(true)
    expect(await colour()).toBe('red')
  })

  // Broke: frames that had to wait for late sound were thrown away after half a second, so she stood still until the speech ended.
  it('goes on showing frames with their sound after the page was blocked', async () => {
    stopFeed = feedMedia(api, { colour: RED, sound: true })
    await page.waitForFunction(() => globalThis.probe.view.stats.framesShown >= 10)
    const shown = await page.evaluate((blockedMs) => {
      const sinceMs = performance.now()
      while (performance.now() < sinceMs + blockedMs);
      return globalThis.probe.view.stats.framesShown
    }, BLOCKED_MS)
    await page.waitForFunction((before) => globalThis.probe.view.stats.framesShown >= before + 50, shown)
    const waitedMs = await page.evaluate(() => globalThis.probe.cameAtMs - globalThis.probe.shownAtMs)
    // the sound is late by what could not be played meanwhile, and the frames with it
    expect(waitedMs).toBeGreaterThan(BLOCKED_MS / 2)
  })

  it('never shows or plays what is older than an interrupt', async () => {
    stopFeed = feedMedia(api, { colour: RED, sound: true })
    await page.waitForFunction(() => globalThis.probe.view.stats.framesShown >= 5)
    stopFeed()
    api.send({ type: 'interrupted', task_id: null, played_ms: 100, spoken_text: '', dropped_ms: 0, generation: 1 })
    const before = await page.evaluate(() => globalThis.probe.view.stats.framesShown)
    stopFeed = feedMedia(api, { colour: GREEN, generation: 1, stale: RED })
    await page.waitForFunction((count) => globalThis.probe.view.stats.framesShown >= count + 8, before)
    expect(await colour()).toBe('green')
    expect(await page.evaluate(() => globalThis.probe.speech)).toHaveLength(1)
  })

  it('falls silent with a task that takes the floor, and plays that one', async () => {
    stopFeed = feedMedia(api, { colour: RED })
    await page.waitForFunction(() => globalThis.probe.view.stats.framesShown >= 3)
    await page.evaluate(() => void globalThis.probe.session.speak('Next.', { mode: 'interrupt' }))
    await until('the task', () => api.calls.some(({ path, body }) => path === '/avatar.speak' && body.mode === 'interrupt'))
    const begin = (task_id: string): void => api.send({ type: 'speech_started', task_id, latency_ms: 100 })
    // what was on its way before the server knew; nothing was interrupted there, so the new task has the same generation
    const about = { frameId: 0, ptsMs: 0, sampleRate: SAMPLE_RATE, samples: TONE.length / 2, seq: 0, generation: 0 }
    const tone = (): Uint8Array => encodeBinaryMedia({ kind: 'chunk', timestamp: Date.now() / 1000, ...about, payload: TONE })
    api.sendBinary(tone())
    begin('task_000002')
    api.sendBinary(tone())
    await page.waitForFunction(() => globalThis.probe.speech.length > 0)
    const shown = await page.evaluate(() => globalThis.probe.view.stats.framesShown)
    await page.waitForFunction((before) => globalThis.probe.view.stats.framesShown >= before + 8, shown)
    expect(await page.evaluate(() => globalThis.probe.speech)).toHaveLength(1)
  })

  it('acknowledges what it gets', async () => {
    stopFeed = feedMedia(api, { colour: RED })
    await until('acknowledgements', () => api.received.filter(({ type }) => type === 'frame_ack').length >= 5)
  })
})

async function colour(): Promise<string> {
  return await page.evaluate(() => {
    const [red = 0, green = 0] = document.querySelector('canvas')?.getContext('2d')?.getImageData(5, 5, 1, 1).data ?? []
    return red > green ? 'red' : 'green'
  })
}
