/** The view in a real browser: Chromium against a server of the documented API that sends pictures and a tone. */
import jpeg from '@julusian/jpeg-turbo'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { encodeBinaryMedia } from '../../shared/binary-media.ts'
import { CHUNK_MS, FPS, SAMPLE_RATE } from '../../shared/media.ts'
import { launchChromium, newPage } from '../support/browser/browser.ts'
import { bundleSdk } from '../support/browser/bundle.ts'
import { FakeAvatarApi, TOKEN } from '../support/fakes/fake-avatar-api.ts'
import { until } from '../support/until.ts'

const SIZE = 64
const RED = picture(220, 30, 30)
const GREEN = picture(30, 200, 30)
const TONE = new Uint8Array(Int16Array.from({ length: (CHUNK_MS / 1000) * SAMPLE_RATE }, (_, i) => 6_000 * Math.sin(i / 8)).buffer)

interface Probe {
  skews: number[]
  speech: number[]
  view: { audible: boolean; stats: { picturesShown: number; picturesDropped: number; soundUnderruns: number } }
}
declare global {
  var probe: Probe
  var avatarSdk: typeof import('../../sdk/typescript/src/index.ts')
}

let browser: Browser
let script: string
let api: FakeAvatarApi
let page: Page
let clock: ReturnType<typeof setInterval> | undefined

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
      const probe: Omit<Probe, 'view'> = { skews: [], speech: [] }
      const view = client.attachSession(token).attach(stage, {
        transport: 'socket',
        onPicture: (_at, skewMs) => probe.skews.push(skewMs ?? 0),
        onSpeech: (atMs) => probe.speech.push(atMs - performance.now()),
      })
      globalThis.probe = { ...probe, view }
    }, TOKEN)
    await until('the socket', () => api.upgrades.length === 1)
  })
  afterEach(async () => {
    clearInterval(clock)
    await page?.context().close()
    await api?.stop()
  })

  it('shows pictures and sound of one moment together', async () => {
    play({ colour: RED, generation: 0, sound: true })
    await page.waitForFunction(() => globalThis.probe.view.stats.picturesShown >= 40)
    const { skews, speech, audible, stats } = await page.evaluate(() => {
      const { view, ...rest } = globalThis.probe
      return { ...rest, audible: view.audible, stats: view.stats }
    })
    expect(audible).toBe(true)
    expect(speech).toHaveLength(1)
    const late = skews.map(Math.abs).sort((a, b) => a - b)
    expect(late[Math.floor(late.length * 0.8)]).toBeLessThan(40)
    expect(stats.picturesDropped).toBeLessThan(stats.picturesShown)
    expect(await colour()).toBe('red')
  })

  it('never shows or plays what is older than an interrupt', async () => {
    play({ colour: RED, generation: 0, sound: true })
    await page.waitForFunction(() => globalThis.probe.view.stats.picturesShown >= 5)
    clearInterval(clock)
    api.send({ type: 'interrupted', task_id: null, played_ms: 100, spoken_text: '', dropped_ms: 0, generation: 1 })
    const before = await page.evaluate(() => globalThis.probe.view.stats.picturesShown)
    play({ colour: GREEN, generation: 1, sound: false, stale: RED })
    await page.waitForFunction((count) => globalThis.probe.view.stats.picturesShown >= count + 8, before)
    expect(await colour()).toBe('green')
    expect(await page.evaluate(() => globalThis.probe.speech)).toHaveLength(1)
  })

  it('acknowledges what it gets', async () => {
    play({ colour: RED, generation: 0, sound: false })
    await until('acknowledgements', () => api.received.filter(({ type }) => type === 'frame_ack').length >= 5)
  })
})

/** 25 pictures a second, and 100 ms of a tone with every fifth of two. @param stale a picture of an older generation, sent in between */
function play({ colour, generation, sound, stale }: { colour: Uint8Array; generation: number; sound: boolean; stale?: Uint8Array }): void {
  const startedMs = Date.now()
  let frameId = 0
  let ptsMs = 0
  clock = setInterval(() => {
    const elapsedMs = Date.now() - startedMs
    for (; ptsMs <= elapsedMs && sound; ptsMs += CHUNK_MS) {
      const about = { frameId: 0, ptsMs, sampleRate: SAMPLE_RATE, samples: TONE.length / 2 }
      api.sendBinary(
        encodeBinaryMedia({ kind: 'chunk', seq: 0, generation, timestamp: (startedMs + ptsMs) / 1000, ...about, payload: TONE }),
      )
    }
    for (; (frameId * 1000) / FPS <= elapsedMs; frameId++) {
      const timestamp = (startedMs + (frameId * 1000) / FPS) / 1000
      const about = { kind: 'frame', seq: 0, frameId, timestamp, ptsMs: 0, sampleRate: 0, samples: 0 } as const
      api.sendBinary(encodeBinaryMedia({ ...about, generation, payload: colour }))
      if (stale) api.sendBinary(encodeBinaryMedia({ ...about, generation: generation - 1, payload: stale }))
    }
  }, 10)
}

async function colour(): Promise<string> {
  return await page.evaluate(() => {
    const [red = 0, green = 0] = document.querySelector('canvas')?.getContext('2d')?.getImageData(5, 5, 1, 1).data ?? []
    return red > green ? 'red' : 'green'
  })
}

function picture(red: number, green: number, blue: number): Uint8Array {
  const rgb = Buffer.alloc(SIZE * SIZE * 3)
  for (let at = 0; at < rgb.length; at += 3) rgb.set([red, green, blue], at)
  return jpeg.compressSync(rgb, { format: jpeg.FORMAT_RGB, width: SIZE, height: SIZE, quality: 80, subsampling: jpeg.SAMP_420 })
}
