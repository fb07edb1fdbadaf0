/** A flash with a beep, again and again, straight into a session's way out; and how far apart a browser shows and sounds them. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { PeerOutput } from '../../../origin/media/peer-output.ts'
import { Clock } from '../../../origin/pipeline/clock.ts'
import { RtcEngine } from '../../../origin/rtc/rtc-engine.ts'
import { QUALITIES, TICK_MS, TICK_SAMPLES } from '../../../shared/media.ts'
import { applyAnswer, heardSince, makeOffer, pageNow, watchFlashes } from '../browser/rtc-page.ts'
import { createLogger } from '../fakes/silent-log.ts'
import { type LossyRelay, openRelay } from '../servers/lossy-relay.ts'

/** Ticks from one marker to the next, and for which one lasts. */
const EVERY_TICKS = 20
const ON_TICKS = 4
/** ms from the connection to the first marker: someone is greeted, and answered. */
const FIRST_MS = 1_000
/** RMS above which sound is sound. */
const AUDIBLE = 0.05

interface Skew {
  /** ms since the first marker. */
  atMs: number
  /** ms that its sound comes after its flash. */
  skewMs: number
}

export interface MarkedStream {
  /** ms from the offer to the first decoded frame. */
  firstFrameMs: number
  /** @returns one for each flash so far */
  skews(): Promise<Skew[]>
  /** Sounds for a second in place of markers, then is interrupted. @returns ms to the last sound that was heard */
  cut(): Promise<number>
  close(): Promise<void>
}

/** @param network a bad line in between */
export async function startMarkedStream(
  page: Page,
  { onMic = () => undefined, network }: { onMic?: (pcm: Int16Array) => void; network?: { loss: number; delayMs: number } } = {},
): Promise<MarkedStream> {
  const encoders = new EncoderPool({ threads: 1, onCrash: () => undefined })
  const rtc = new RtcEngine({
    settings: { publicAddresses: [], portRange: undefined, relayOnly: false, loopback: true },
    onSlowStun: () => undefined,
  })
  const out = new PeerOutput({
    services: { answer: (offer, options) => rtc.answer(offer, options), encoders },
    quality: 'low',
    iceServers: [],
    log: createLogger(),
    onTransport: () => undefined,
    onMic,
  })
  const { size } = QUALITIES.low
  let connectedTick: number | undefined
  let mode: 'markers' | 'sounds' | 'cut' | 'silent' = 'markers'
  const clock = new Clock({
    periodMs: TICK_MS,
    onTick: (tick, atMs) => {
      if (out.active) connectedTick ??= tick
      const since = tick - (connectedTick ?? tick)
      const marked = mode === 'markers' && since * TICK_MS >= FIRST_MS && since % EVERY_TICKS < ON_TICKS
      const sounds = marked || mode === 'sounds' || mode === 'cut'
      const pcm = sounds ? Int16Array.from({ length: TICK_SAMPLES }, (_, i) => 12_000 * Math.sin(i / 4)) : undefined
      out.sound(pcm, atMs, { stale: mode === 'cut' })
      if (mode === 'cut') mode = 'silent'
      out.frame(new Uint8Array(3 * size * size).fill(marked ? 235 : 20), atMs)
    },
  })
  let relay: LossyRelay | undefined
  const close = async (): Promise<void> => {
    clock.stop()
    relay?.close()
    out.close()
    await page.evaluate(() => globalThis.rtc.pc.close())
    await encoders.close()
  }
  let firstFrameMs: number
  try {
    const offer = await makeOffer(page, { microphone: true })
    const offeredMs = performance.now()
    const sdp = await out.start(offer)
    if (network) relay = await openRelay(sdp, network)
    await applyAnswer(page, relay?.sdp ?? sdp)
    firstFrameMs = performance.now() - offeredMs
    await watchFlashes(page)
  } catch (thrown) {
    await close()
    throw thrown
  }
  return {
    firstFrameMs,
    close,
    skews: async () => {
      const flashes = await page.evaluate(() => globalThis.rtc.flashes)
      const heard = await heardSince(page, 0)
      const beeps = heard.flatMap(({ atMs, rms }, i) => (rms > AUDIBLE && (heard[i - 1]?.rms ?? 1) <= AUDIBLE ? [atMs] : []))
      return flashes.map((flash) => ({
        atMs: flash - (flashes[0] ?? flash),
        skewMs: beeps.reduce((best, beep) => (Math.abs(beep - flash) < Math.abs(best) ? beep - flash : best), Number.POSITIVE_INFINITY),
      }))
    },
    cut: async () => {
      mode = 'sounds'
      await delay(1_000 + Math.random() * TICK_MS)
      const askedMs = await pageNow(page)
      mode = 'cut'
      out.cutOff()
      // long enough for sound that goes on to be heard
      await delay(500)
      const last = (await heardSince(page, askedMs)).filter(({ rms }) => rms > AUDIBLE).at(-1)
      mode = 'silent'
      return last ? last.atMs - askedMs : 0
    },
  }
}
