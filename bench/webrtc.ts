/**
 * WebRTC in figures: encoding by codec and quality, what one stream costs, how a browser sees it, how soon it is seen and
 * silent, how far apart sound and video are, also over the socket, and what a bad line does. Three to four minutes.
 * `node bench/webrtc.ts [seconds of a stream]`; needs Chromium.
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
import { openBrowser } from '../test/support/browser/browser.ts'
import { applyAnswer, inboundStats, longestPause, makeOffer, pageNow } from '../test/support/browser/rtc-page.ts'
import { createLogger } from '../test/support/fakes/silent-log.ts'
import { type Figures, hundredths, quantile, type Threshold, tell, watchIdle } from './figures.ts'
import { benchSocketView } from './socket-view.ts'
import { benchLoss, benchStarts, benchSync } from './webrtc-browser.ts'

const CLIP = 'avatars/avatar_1/clips/idle.mp4'
const FRAMES = 100
const ENCODED = 250
/** Share of a core that sessions may take. */
const CORE_SHARE = 0.7
const seconds = Number(process.argv[2] ?? 30)
const figures: Figures = {}
const THRESHOLDS: readonly Threshold[] = [
  { name: 'vp8_fps', unit: 'frames/s', atLeast: 24 },
  { name: 'h264_fps', unit: 'frames/s', atLeast: 24 },
  { name: 'vp8_freezes', unit: 'freezes', atMost: 0 },
  { name: 'h264_freezes', unit: 'freezes', atMost: 0 },
  { name: 'vp8_dropped_share', unit: 'share', atMost: 0.01 },
  { name: 'h264_dropped_share', unit: 'share', atMost: 0.01 },
  { name: 'vp8_concealed_share', unit: 'share', atMost: 0.05 },
  { name: 'h264_concealed_share', unit: 'share', atMost: 0.05 },
  { name: 'offer_to_frame_p50_ms', unit: 'ms', atMost: 500 },
  { name: 'av_skew_first_10_s_p80_ms', unit: 'ms', atMost: 40 },
  { name: 'av_skew_first_10_s_p95_ms', unit: 'ms', atMost: 80 },
  { name: 'av_skew_after_p95_ms', unit: 'ms', atMost: 40 },
  { name: 'interrupt_to_silence_p50_ms', unit: 'ms', atMost: 150 },
  { name: 'interrupt_to_silence_p95_ms', unit: 'ms', atMost: 200 },
  { name: 'loss_longest_pause_ms', unit: 'ms', atMost: 1_000 },
  { name: 'socket_view_skew_p80_ms', unit: 'ms', atMost: 40 },
]

function clip(size: number): Buffer[] {
  const frames: Buffer[] = []
  for (const frame of readVideo(CLIP)) {
    // the reader uses its memory again
    frames.push(Buffer.from(frame.rgb(size)))
    if (frames.length === FRAMES) break
  }
  // there and back, so that the loop has no cut
  return [...frames, ...frames.toReversed()]
}

const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

function benchEncoding(): void {
  for (const quality of Object.keys(QUALITIES) as Quality[]) {
    const { size, bitrateBps } = QUALITIES[quality]
    const frames = clip(size)
    for (const codec of ['vp8', 'h264'] as VideoCodec[]) {
      const encoder = new VideoEncoder({ codec, size, bitrateBps })
      const times: number[] = []
      let bytes = 0
      const before = process.cpuUsage()
      for (let i = 0; i < ENCODED; i++) {
        const startMs = performance.now()
        bytes += encoder.encode(frames[i % frames.length] ?? Buffer.alloc(0), i, { keyframe: false })?.data.length ?? 0
        times.push(performance.now() - startMs)
      }
      figures[`encode_${codec}_${quality}_cpu_ms`] = hundredths(cpuMs(before) / ENCODED)
      figures[`encode_${codec}_${quality}_p50_ms`] = hundredths(quantile(times, 0.5))
      figures[`encode_${codec}_${quality}_p95_ms`] = hundredths(quantile(times, 0.95))
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
  const frames = clip(size)
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
      const rgb = Uint8Array.from(frames[index % frames.length] ?? [])
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
  figures[`${codec}_mbps`] = hundredths(bps / 1e6)
  figures[`${codec}_cpu_percent_of_core`] = hundredths((100 * usedMs) / spentMs)
  figures[`${codec}_cpu_percent_per_mbps`] = hundredths((100 * usedMs) / spentMs / (bps / 1e6))
  figures[`${codec}_sessions_per_core`] = Math.floor(CORE_SHARE / (usedMs / spentMs))
  figures[`${codec}_fps`] = hundredths(((to.framesDecoded - from.framesDecoded) * 1000) / spentMs)
  figures[`${codec}_dropped_share`] = hundredths((to.framesDropped - from.framesDropped) / (to.framesDecoded - from.framesDecoded))
  figures[`${codec}_concealed_share`] = hundredths(to.concealedSamples / to.totalSamples)
  figures[`${codec}_freezes`] = to.freezeCount - from.freezeCount
  figures[`${codec}_longest_pause_ms`] = Math.round(await longestPause(browser.page, fromPageMs))
  figures[`${codec}_audio_jitter_buffer_ms`] = Math.round(to.audioJitterBufferMs)
  figures[`${codec}_video_jitter_buffer_ms`] = Math.round(to.videoJitterBufferMs)
  clock.stop()
  out.close()
  await browser.close()
  await encoders.close()
}

const idleShare = watchIdle()
await engine.warmUp()
benchEncoding()
for (const codec of ['vp8', 'h264'] as const) await benchStream(codec)
Object.assign(figures, await benchStarts(), await benchSync(), await benchLoss(), await benchSocketView())
// where it is small, the figures are those of a machine that others use
figures.machine_idle_share = hundredths(idleShare())
tell('webrtc', { seconds }, figures, THRESHOLDS)
process.exit()
