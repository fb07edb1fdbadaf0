/** The SDK's view in a browser over the socket: how far apart it shows and sounds what belongs together. */
import { launchChromium, newPage } from '../test/support/browser/browser.ts'
import { bundleSdk } from '../test/support/browser/bundle.ts'
import { FakeAvatarApi, TOKEN } from '../test/support/fakes/fake-avatar-api.ts'
import { feedMedia, RED } from '../test/support/fakes/media-feed.ts'
import { until } from '../test/support/until.ts'
import { type Figures, quantile } from './figures.ts'

/** 20 s of them. */
const FRAMES = 500

type Sdk = typeof import('../sdk/typescript/src/index.ts')

export async function benchSocketView(): Promise<Figures> {
  const browser = await launchChromium()
  const api = await FakeAvatarApi.start()
  let stop = (): void => undefined
  try {
    const page = await newPage(browser)
    await page.goto(`http://127.0.0.1:${api.port}/`)
    await page.setContent('<div id="stage"></div>')
    await page.addScriptTag({ content: await bundleSdk('benchedSdk') })
    await page.evaluate((token) => {
      const { benchedSdk } = globalThis as unknown as { benchedSdk: Sdk }
      const client = new benchedSdk.AvatarClient({ apiUrl: `${location.origin}/v1`, wsUrl: `ws://${location.host}/ws` })
      const stage = document.querySelector<HTMLElement>('#stage')
      if (!stage) throw new Error('no stage')
      const skews: number[] = []
      Object.assign(globalThis, { skews })
      client.attachSession(token).attach(stage, { transport: 'socket', onFrame: (_at, skewMs) => skews.push(skewMs ?? 0) })
    }, TOKEN)
    await until('the socket', () => api.upgrades.length === 1)
    stop = feedMedia(api, { colour: RED, sound: true })
    await page.waitForFunction((count) => (globalThis as unknown as { skews: number[] }).skews.length >= count, FRAMES)
    const skews = await page.evaluate(() => (globalThis as unknown as { skews: number[] }).skews)
    const apart = skews.map(Math.abs)
    return {
      socket_view_skew_p50_ms: Math.round(quantile(apart, 0.5)),
      socket_view_skew_p80_ms: Math.round(quantile(apart, 0.8)),
      socket_view_skew_p95_ms: Math.round(quantile(apart, 0.95)),
    }
  } finally {
    stop()
    await browser.close()
    await api.stop()
  }
}
