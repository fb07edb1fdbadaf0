/**
 * WebRTC in figures: encoding by codec and quality, what one stream costs, how a browser sees it, how soon it is seen and
 * silent, how far apart sound and picture are, and what 50 connections leave behind. Three to four minutes.
 * `node bench/webrtc.ts [seconds of a stream]`; the browser's part needs Chromium.
 */
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { EncoderPool } from '../origin/codec/encoder-pool.ts'
import { readVideo } from '../origin/codec/video.ts'
import { type VideoCodec, VideoEncoder } from '../origin/codec/video-encoder.ts'
import { PeerOutput } from '../origin/media/peer-output.ts'
import { Clock } from '../origin/pipeline/clock.ts'
import { RtcEngine } from '../origin/rtc/rtc-engine.ts'
import { FPS, QUALITIES, type Quality, SAMPLE_RATE, TICK_MS, TICK_SAMPLES } from '../shared/media.ts'
import { NO_CHROMIUM, openBrowser } from '../test/support/browser/browser.ts'
import { applyAnswer, inboundStats, longestPause, makeOffer, pageNow } from '../test/support/browser/rtc-page.ts'
import { RtcClient } from '../test/support/clients/rtc-client.ts'
import { createLogger } from '../test/support/fakes/silent-log.ts'
import { watchLoad } from '../test/support/machine-load.ts'
import { startMarkedStream } from '../test/support/signals/rtc-marker.ts'

const CLIP = 'avatars/avatar_1/clips/idle.mp4'
const PICTURES = 100
const ENCODED = 250
const CONNECTIONS = 50
/** Tries from an offer to a picture, and of interrupts. */
const STARTS = 10
const CUTS = 20
/** ms of markers, and of those the first. */
const MARKED_MS = 30_000
const EARLY_MS = 10_000
/** Share of a core that sessions may take. */
const CORE_SHARE = 0.7
const seconds = Number(process.argv[2] ?? 30)
const figures: Record<string, number> = {}

function clip(size: number): Buffer[] {
  const pictures: Buffer[] = []
  for (const picture of readVideo(CLIP)) {
    // the reader uses its memory again
    pictures.push(Buffer.from(picture.rgb(size)))
    if (pictures.length === PICTURES) break
  }
  // there and back, so that the loop has no cut
  return [...pictures, ...pictures.toReversed()]
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
const round = (value: number): number => Math.round(value * 100) / 100
const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

function benchEncoding(): void {
  for (const quality of Object.keys(QUALITIES) as Quality[]) {
    const { size, bitrateBps } = QUALITIES[quality]
    const pictures = clip(size)
    for (const codec of ['vp8', 'h264'] as VideoCodec[]) {
      const encoder = new VideoEncoder({ codec, size, bitrateBps })
      const times: number[] = []
      let bytes = 0
      const before = process.cpuUsage()
      for (let i = 0; i < ENCODED; i++) {
        const startMs = performance.now()
        bytes += encoder.encode(pictures[i % pictures.length] ?? Buffer.alloc(0), i, { keyframe: false })?.data.length ?? 0
        times.push(performance.now() - startMs)
      }
      figures[`encode_${codec}_${quality}_cpu_ms`] = round(cpuMs(before) / ENCODED)
      figures[`encode_${codec}_${quality}_p50_ms`] = round(quantile(times, 0.5))
      figures[`encode_${codec}_${quality}_p95_ms`] = round(quantile(times, 0.95))
      figures[`encode_${codec}_${quality}_kbps`] = Math.round((bytes * 8 * FPS) / ENCODED / 1000)
      encoder.close()
    }
  }
}

const engine = new RtcEngine({
  settings: { publicAddresses: [], portRange: undefined, relayOnly: false, loopback: true },
  onSlowStun: () => undefined,
})

/** One medium stream to a browser: what the origin's process spends on encoding, packets and encryption, and what arrives. */
async function benchStream(codec: VideoCodec): Promise<void> {
  const { size } = QUALITIES.medium
  const pictures = clip(size)
  const encoders = new EncoderPool({ threads: 1, onCrash: (why) => console.error(why) })
  const browser = await openBrowser()
  const out = new PeerOutput({
    services: { answer: (offer, options) => engine.answer(offer, options), encoders },
    quality: 'medium',
    iceServers: [],
    log: createLogger(),
    onTransport: () => undefined,
    onMic: () => undefined,
  })
  let tick = 0
  let copyMs = 0
  const clock = new Clock({
    periodMs: TICK_MS,
    onTick: (_tick, atMs) => {
      const index = tick++
      const pcm = Int16Array.from(
        { length: TICK_SAMPLES },
        (_, i) => 6_000 * Math.sin((2 * Math.PI * 220 * (index * TICK_SAMPLES + i)) / SAMPLE_RATE),
      )
      out.sound(pcm, atMs, { stale: false })
      const startMs = performance.now()
      const rgb = Uint8Array.from(pictures[index % pictures.length] ?? [])
      copyMs += performance.now() - startMs
      out.frame(rgb, atMs)
    },
  })
  const sdp = await out.start(await makeOffer(browser.page, { codec, microphone: true }))
  await applyAnswer(browser.page, sdp)
  await delay(3_000)
  const from = await inboundStats(browser.page)
  const fromPageMs = await pageNow(browser.page)
  const fromMs = performance.now()
  const cpu = process.cpuUsage()
  const sentFrom = out.stats()?.bytesSent ?? 0
  copyMs = 0
  await delay(seconds * 1_000)
  const spentMs = performance.now() - fromMs
  const usedMs = cpuMs(cpu) - copyMs
  const to = await inboundStats(browser.page)
  const bps = (((out.stats()?.bytesSent ?? 0) - sentFrom) * 8_000) / spentMs
  figures[`${codec}_mbps`] = round(bps / 1e6)
  figures[`${codec}_cpu_percent_of_core`] = round((100 * usedMs) / spentMs)
  figures[`${codec}_cpu_percent_per_mbps`] = round((100 * usedMs) / spentMs / (bps / 1e6))
  figures[`${codec}_sessions_per_core`] = Math.floor(CORE_SHARE / (usedMs / spentMs))
  figures[`${codec}_fps`] = round(((to.framesDecoded - from.framesDecoded) * 1000) / spentMs)
  figures[`${codec}_dropped`] = to.framesDropped - from.framesDropped
  figures[`${codec}_freezes`] = to.freezeCount - from.freezeCount
  figures[`${codec}_longest_pause_ms`] = Math.round(await longestPause(browser.page, fromPageMs))
  figures[`${codec}_audio_jitter_buffer_ms`] = Math.round(to.audioJitterBufferMs)
  figures[`${codec}_video_jitter_buffer_ms`] = Math.round(to.videoJitterBufferMs)
  clock.stop()
  out.close()
  await browser.close()
  await encoders.close()
}

/** From an offer to its first decoded picture, each in a new browser. */
async function benchStarts(): Promise<void> {
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const browser = await openBrowser()
    const stream = await startMarkedStream(browser.page)
    times.push(stream.firstPictureMs)
    await stream.close()
    await browser.close()
  }
  figures.offer_to_picture_p50_ms = Math.round(quantile(times, 0.5))
  figures.offer_to_picture_p95_ms = Math.round(quantile(times, 0.95))
}

async function benchSync(): Promise<void> {
  const browser = await openBrowser()
  const stream = await startMarkedStream(browser.page)
  await delay(MARKED_MS)
  const skews = await stream.skews()
  const figure = (name: string, part: typeof skews): void => {
    const values = part.map(({ skewMs }) => Math.abs(skewMs))
    figures[`av_skew_${name}_p50_ms`] = Math.round(quantile(values, 0.5))
    figures[`av_skew_${name}_p95_ms`] = Math.round(quantile(values, 0.95))
  }
  figure(
    'first_10_s',
    skews.filter(({ atMs }) => atMs < EARLY_MS),
  )
  figure(
    'after',
    skews.filter(({ atMs }) => atMs >= EARLY_MS),
  )
  const cuts: number[] = []
  for (let i = 0; i < CUTS; i++) cuts.push(await stream.cut())
  figures.interrupt_to_silence_p50_ms = Math.round(quantile(cuts, 0.5))
  figures.interrupt_to_silence_p95_ms = Math.round(quantile(cuts, 0.95))
  const { audioJitterBufferMs } = await inboundStats(browser.page)
  figures.of_it_held_by_the_browser_ms = Math.round(audioJitterBufferMs)
  await stream.close()
  await browser.close()
}

/** Connections one after another, each with some media; both sides are in this process. */
async function benchLeaks(): Promise<void> {
  const ignore = (): void => undefined
  const once = async (): Promise<number> => {
    const client = new RtcClient()
    const startMs = performance.now()
    const { peer, sdp } = await engine.answer(await client.offer(), {
      iceServers: [],
      onState: ignore,
      onKeyframeRequest: ignore,
      onMic: ignore,
    })
    await client.connect(sdp)
    for (let i = 0; i < 10; i++) peer.sendVideo(new Uint8Array(5_000), performance.now() + i * TICK_MS)
    const connectedMs = performance.now() - startMs
    await Promise.all([client.close(), peer.close()])
    return connectedMs
  }
  const held = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'UDPWrap' || kind === 'Timeout').length
  const settled = async (): Promise<{ rss: number; held: number }> => {
    // the test's own waiters end after 5 s
    await delay(6_000)
    globalThis.gc?.()
    return { rss: process.memoryUsage.rss() / 1e6, held: held() }
  }
  for (let i = 0; i < 20; i++) await once()
  const before = await settled()
  const times: number[] = []
  for (let i = 0; i < CONNECTIONS; i++) times.push(await once())
  const after = await settled()
  figures.connections = CONNECTIONS
  figures.connection_p50_ms = Math.round(quantile(times, 0.5))
  figures.connections_rss_growth_mb = round(after.rss - before.rss)
  figures.connections_sockets_and_timers_left = after.held - before.held
}

const machine = watchLoad()
await engine.warmUp()
benchEncoding()
await benchLeaks()
if (NO_CHROMIUM === undefined) {
  for (const codec of ['vp8', 'h264'] as const) await benchStream(codec)
  await benchStarts()
  await benchSync()
} else console.log(`without a browser: ${NO_CHROMIUM}`)
// where it is small, the figures are those of a machine that others use
figures.machine_idle_share = round(machine.idleShare())
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(40)} ${value}`)
console.log(JSON.stringify({ bench: 'webrtc', seconds, ...figures }))
process.exit()
