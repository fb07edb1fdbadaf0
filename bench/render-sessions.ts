/** Speaking sessions in real time: one call per tick with a face for each, as the host makes it. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createRenderer } from '../origin/render/index.ts'
import type { Renderer } from '../origin/render/types.ts'
import { FACE_PARAMS, VISEMES } from '../shared/face.ts'
import { FPS, type Quality, TICK_MS } from '../shared/media.ts'
import { type Figures, median } from './figures.ts'

/** ms within which a frame must be there to be shown in time, and the share of ticks that must. */
export const DEADLINE_MS = 2 * TICK_MS
export const CARRIED_SHARE = 0.95
/** Sessions at medium quality that are tried. */
export const SESSIONS = [1, 2, 3, 4, 5, 6]
/** ms between samples of the event loop; Node counts them into the delay. */
const DELAY_RESOLUTION_MS = 5
/** Ticks before the clock counts: memory is taken, threads wake up. */
const WARM_TICKS = 10

/** All numbers of sessions in one process, in an order that turns round each round: medians by "quality x sessions", `in_time_share` of the worst round. */
export async function benchSessions(
  packsDir: string,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Record<string, Figures>> {
  const startedMs = performance.now()
  const renderer = await createRenderer({ packsDir, capacity: 64, maxTicksBehind: 25 })
  const startMs = performance.now() - startedMs
  await untilFilled(() => renderer.stats().clip_bytes ?? 0)
  const variants = [
    ...SESSIONS.map((sessions) => ({ quality: 'medium' as Quality, sessions })),
    { quality: 'high' as Quality, sessions: 2 },
  ]
  const runs = new Map<string, Figures[]>(variants.map(({ quality, sessions }) => [`${quality} x ${sessions}`, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { quality, sessions } of round % 2 === 0 ? variants : variants.toReversed()) {
      runs.get(`${quality} x ${sessions}`)?.push(await speak(renderer, sessions, quality, seconds))
    }
  }
  const { patch_ms_p50 = 0, decode_ms_p50 = 0, compose_ms_p50 = 0, encode_ms_p50 = 0 } = renderer.stats()
  await renderer.close()
  const results: Record<string, Figures> = {
    renderer: { start_ms: startMs, rss_mb: process.memoryUsage().rss / 1e6, patch_ms_p50, decode_ms_p50, compose_ms_p50, encode_ms_p50 },
  }
  for (const [name, figures] of runs) {
    const middle = Object.fromEntries(Object.keys(figures[0] ?? {}).map((key) => [key, median(figures.map((run) => run[key] ?? 0))]))
    results[name] = { ...middle, in_time_share: Math.min(...figures.map((run) => run.in_time_share ?? 0)) }
  }
  return results
}

async function speak(renderer: Renderer, sessions: number, quality: Quality, seconds: number): Promise<Figures> {
  const avatarId = renderer.avatars[0]?.avatar_id ?? ''
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  const latencies: number[] = []
  const running: Promise<void>[] = []
  let failed = 0
  let bytes = 0
  const ask = async (tick: number): Promise<void> => {
    const asked = performance.now()
    const requests = Array.from({ length: sessions }, (_, i) => ({
      avatarId,
      quality,
      clip: 'idle' as const,
      frame: tick + 61 * i,
      face: speakingFace(tick + 17 * i),
    }))
    for (const result of await renderer.render(requests)) {
      if (result.status === 'rejected') failed++
      else bytes += result.value.jpeg.length
    }
    latencies.push(performance.now() - asked)
  }
  for (let tick = 0; tick < WARM_TICKS; tick++) await ask(tick)
  latencies.length = 0
  failed = 0
  bytes = 0
  const ticks = Math.round(seconds * FPS)
  const cpuBefore = process.cpuUsage()
  delay.enable()
  const began = performance.now()
  for (let tick = 0; tick < ticks; tick++) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + tick * TICK_MS - performance.now())))
    running.push(ask(WARM_TICKS + tick))
  }
  await Promise.all(running)
  const elapsedMs = performance.now() - began
  delay.disable()
  const cpu = process.cpuUsage(cpuBefore)
  latencies.sort((a, b) => a - b)
  const frames = ticks * sessions
  return {
    frames_per_s: frames / (elapsedMs / 1000),
    latency_ms_p50: latencies[latencies.length >> 1] ?? 0,
    latency_ms_p95: latencies[Math.floor(latencies.length * 0.95)] ?? 0,
    in_time_share: failed > 0 ? 0 : latencies.filter((ms) => ms <= DEADLINE_MS).length / ticks,
    failed,
    cpu_ms_per_frame: (cpu.user + cpu.system) / 1000 / Math.max(1, frames - failed),
    cores_used: (cpu.user + cpu.system) / 1000 / elapsedMs,
    event_loop_delay_ms_p90: delay.percentile(90) / 1e6 - DELAY_RESOLUTION_MS,
    event_loop_delay_ms_p99: delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS,
    jpeg_kb: bytes / 1000 / Math.max(1, frames - failed),
  }
}

/** A mouth that moves like speech: from one viseme to the next in four frames. */
function speakingFace(tick: number): Float32Array {
  const face = new Float32Array(FACE_PARAMS.length)
  const step = tick >> 2
  const viseme = (at: number): number => (at * 7 + ((at * at) % 5)) % VISEMES.length
  const share = (tick & 3) / 4
  face[viseme(step)] = 1 - share
  face[viseme(step + 1)] = (face[viseme(step + 1)] ?? 0) + share
  // so that no two frames have quite the same face, as in speech
  face[FACE_PARAMS.indexOf('jaw')] = ((tick * 29) % 64) / 512
  return face
}

async function untilFilled(size: () => number): Promise<void> {
  for (let before = -1; before !== size(); await new Promise((resolve) => setTimeout(resolve, 400))) before = size()
}
