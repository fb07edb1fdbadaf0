/** WebRTC as a browser has it: how soon it is seen and silent, how far apart sound and video are, and what a bad line does. */
import { setTimeout as delay } from 'node:timers/promises'
import { openBrowser, type TestBrowser } from '../test/support/browser/browser.ts'
import { inboundStats, longestPause, pageNow } from '../test/support/browser/rtc-page.ts'
import { type MarkedStream, startMarkedStream } from '../test/support/signals/rtc-marker.ts'
import { type Figures, quantile } from './figures.ts'

/** Tries from an offer to a frame, and of interrupts. */
const STARTS = 10
const CUTS = 20
/** ms of markers, and of those the first. */
const MARKED_MS = 30_000
const EARLY_MS = 10_000
/** A bad line, and ms of it. */
const BAD_LINE = { loss: 0.05, delayMs: 50 }
const BAD_LINE_MS = 15_000

async function withStream<T>(
  use: (stream: MarkedStream, browser: TestBrowser) => Promise<T>,
  options: Parameters<typeof startMarkedStream>[1] = {},
): Promise<T> {
  const browser = await openBrowser()
  try {
    const stream = await startMarkedStream(browser.page, options)
    const result = await use(stream, browser)
    await stream.close()
    return result
  } finally {
    await browser.close()
  }
}

/** From an offer to its first decoded frame, each in a new browser. */
export async function benchStarts(): Promise<Figures> {
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) times.push(await withStream(async ({ firstFrameMs }) => firstFrameMs))
  return {
    offer_to_frame_p50_ms: Math.round(quantile(times, 0.5)),
    offer_to_frame_p95_ms: Math.round(quantile(times, 0.95)),
  }
}

export async function benchSync(): Promise<Figures> {
  return await withStream(async (stream, { page }) => {
    await delay(MARKED_MS)
    const skews = await stream.skews()
    const quantiles = (name: string, part: typeof skews): Figures => {
      const values = part.map(({ skewMs }) => Math.abs(skewMs))
      const shares = { p50: 0.5, p80: 0.8, p95: 0.95 }
      return Object.fromEntries(
        Object.entries(shares).map(([q, share]) => [`av_skew_${name}_${q}_ms`, Math.round(quantile(values, share))]),
      )
    }
    const early = skews.filter(({ atMs }) => atMs < EARLY_MS)
    const late = skews.filter(({ atMs }) => atMs >= EARLY_MS)
    const cuts: number[] = []
    for (let i = 0; i < CUTS; i++) cuts.push(await stream.cut())
    const { audioJitterBufferMs } = await inboundStats(page)
    return {
      ...quantiles('first_10_s', early),
      ...quantiles('after', late),
      interrupt_to_silence_p50_ms: Math.round(quantile(cuts, 0.5)),
      interrupt_to_silence_p95_ms: Math.round(quantile(cuts, 0.95)),
      of_it_held_by_the_browser_ms: Math.round(audioJitterBufferMs),
    }
  })
}

export async function benchLoss(): Promise<Figures> {
  return await withStream(
    async (_stream, { page }) => {
      const fromMs = await pageNow(page)
      const from = await inboundStats(page)
      await delay(BAD_LINE_MS)
      const to = await inboundStats(page)
      return {
        loss_longest_pause_ms: Math.round(await longestPause(page, fromMs)),
        loss_fps: Math.round(((to.framesDecoded - from.framesDecoded) * 1000) / BAD_LINE_MS),
        loss_packets_asked_again: to.nackCount - from.nackCount,
      }
    },
    { network: BAD_LINE },
  )
}
