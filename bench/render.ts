/**
 * What does a speaking face cost, and how many does this machine carry?
 *
 *     node bench/render.ts [--packs avatars] [--rounds 3] [--seconds 3]
 *
 * Every variant runs in a fresh process, in an order that turns round each round. Prints the rounds, their medians and one JSON line.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createRenderer } from '../origin/render/index.ts'
import type { InferJob, InferResult, InferSetup } from '../origin/render/infer-worker.ts'
import { findPacks, inferModel, loadPack } from '../origin/render/pack.ts'
import { WorkerHost } from '../origin/render/worker-host.ts'
import { FACE_PARAMS, VISEMES } from '../shared/face.ts'
import { FPS, type Quality, TICK_MS } from '../shared/media.ts'
import { benchWav2lip, type Figures } from './wav2lip.ts'

/** ms within which a picture must be there to be shown in time: two ticks. */
const DEADLINE_MS = 2 * TICK_MS
/** ms between samples of the event loop; Node counts them into the delay. */
const DELAY_RESOLUTION_MS = 5

const { values: args } = parseArgs({
  options: {
    packs: { type: 'string', default: 'avatars' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    variant: { type: 'string' },
  },
})

/** Model alone on one core: ms a patch in batches of 1 and 8. */
async function benchModel(packsDir: string): Promise<Figures> {
  const [folder = ''] = await findPacks(packsDir)
  const { layers } = await loadPack(folder)
  const setup: InferSetup = {
    models: layers.map(inferModel),
    device: 'cpu',
    intraOpThreads: 1,
  }
  const host = await WorkerHost.start<InferJob, InferResult>({
    url: new URL('../origin/render/infer-worker.ts', import.meta.url),
    name: 'infer',
    data: setup,
  })
  const figures: Figures = {}
  for (const [model, layer] of layers.entries()) {
    if (layer.kind !== 'decoder') continue
    const { name, width, height, inputs } = layer
    for (const batch of [1, 8]) {
      const slots = Array.from({ length: batch }, () => new Float32Array(new SharedArrayBuffer(12 * width * height)))
      const times: number[] = []
      for (let run = 0; run < 24; run++) {
        const rows = Float32Array.from({ length: batch * inputs.length }, (_, i) => ((i * 7 + run * 13) % 32) / 64)
        const { runMs } = await host.request({ kind: 'run', model, rows, slots })
        times.push(runMs / batch)
      }
      figures[`${name}_patch_ms_batch_${batch}`] = median(times.slice(4))
    }
  }
  await host.close()
  return figures
}

/** Speaking sessions in real time: one call per tick with a face for each. */
async function benchSessions(packsDir: string, sessions: number, quality: Quality, seconds: number): Promise<Figures> {
  const startedMs = performance.now()
  const renderer = await createRenderer({ packsDir, capacity: 64, maxTicksBehind: 25 })
  const startMs = performance.now() - startedMs
  const avatarId = renderer.avatars[0]?.avatar_id ?? ''
  await untilFilled(() => renderer.stats().clip_bytes ?? 0)
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  const cpuBefore = process.cpuUsage()
  const latencies: number[] = []
  const running: Promise<void>[] = []
  let failed = 0
  let bytes = 0
  delay.enable()
  const began = performance.now()
  const ticks = Math.round(seconds * FPS)
  for (let tick = 0; tick < ticks; tick++) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + tick * TICK_MS - performance.now())))
    const asked = performance.now()
    const requests = Array.from({ length: sessions }, (_, i) => ({
      avatarId,
      quality,
      clip: 'idle' as const,
      picture: tick + 61 * i,
      face: speakingFace(tick + 17 * i),
    }))
    running.push(
      renderer.render(requests).then((results) => {
        for (const result of results) {
          if (result.status === 'rejected') failed++
          else bytes += result.value.jpeg.length
        }
        latencies.push(performance.now() - asked)
      }),
    )
  }
  await Promise.all(running)
  const elapsedMs = performance.now() - began
  delay.disable()
  const cpu = process.cpuUsage(cpuBefore)
  const stats = renderer.stats()
  const rssMb = process.memoryUsage().rss / 1e6
  await renderer.close()
  latencies.sort((a, b) => a - b)
  const pictures = ticks * sessions
  return {
    start_ms: startMs,
    pictures_per_s: pictures / (elapsedMs / 1000),
    latency_ms_p50: latencies[latencies.length >> 1] ?? 0,
    latency_ms_p95: latencies[Math.floor(latencies.length * 0.95)] ?? 0,
    in_time_share: latencies.filter((ms) => ms <= DEADLINE_MS).length / ticks,
    failed,
    cpu_ms_per_picture: (cpu.user + cpu.system) / 1000 / pictures,
    cores_used: (cpu.user + cpu.system) / 1000 / elapsedMs,
    event_loop_delay_ms_p99: delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS,
    rss_mb: rssMb,
    jpeg_kb: bytes / 1000 / Math.max(1, pictures - failed),
    patch_ms_p50: stats.patch_ms_p50 ?? 0,
    decode_ms_p50: stats.decode_ms_p50 ?? 0,
    compose_ms_p50: stats.compose_ms_p50 ?? 0,
    encode_ms_p50: stats.encode_ms_p50 ?? 0,
    batch_mean: stats.batch_mean ?? 0,
    reused_share: (stats.reused_patches ?? 0) / Math.max(1, (stats.reused_patches ?? 0) + (stats.patches ?? 0)),
  }
}

/** A mouth that moves like speech: from one viseme to the next in four pictures. */
function speakingFace(tick: number): Float32Array {
  const face = new Float32Array(FACE_PARAMS.length)
  const step = tick >> 2
  const viseme = (at: number): number => (at * 7 + ((at * at) % 5)) % VISEMES.length
  const share = (tick & 3) / 4
  face[viseme(step)] = 1 - share
  face[viseme(step + 1)] = (face[viseme(step + 1)] ?? 0) + share
  // so that no two pictures have quite the same face, as in speech
  face[FACE_PARAMS.indexOf('jaw')] = ((tick * 29) % 64) / 512
  return face
}

async function untilFilled(size: () => number): Promise<void> {
  for (let before = -1; before !== size(); await new Promise((resolve) => setTimeout(resolve, 400))) before = size()
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

async function runVariant(name: string): Promise<Figures> {
  if (name === 'wav2lip') return benchWav2lip()
  if (name === 'model') return benchModel(args.packs)
  const [quality, sessions] = name.split('x')
  return benchSessions(args.packs, Number(sessions), quality as Quality, Number(args.seconds))
}

function runAll(): void {
  const variants = [
    'model',
    'mediumx1',
    'mediumx2',
    'mediumx3',
    'mediumx4',
    'mediumx6',
    'mediumx8',
    'lowx4',
    'highx4',
    'wav2lip_bare',
    'wav2lip_path',
  ]
  const rounds = new Map<string, Figures[]>(variants.map((name) => [name, []]))
  for (let round = 0; round < Number(args.rounds); round++) {
    for (const name of round % 2 === 0 ? variants : variants.toReversed()) {
      const self = fileURLToPath(import.meta.url)
      const child = spawnSync(process.execPath, [self, '--packs', args.packs, '--seconds', args.seconds, '--variant', name], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      if (child.status !== 0) throw new Error(`variant ${name} ended with code ${child.status}`)
      const figures = JSON.parse(child.stdout) as Figures
      rounds.get(name)?.push(figures)
      console.log(`round ${round + 1} ${name}: ${show(figures)}`)
    }
  }
  const results: Record<string, Figures> = {}
  console.log('\nmedians')
  for (const [name, runs] of rounds) {
    const keys = Object.keys(runs[0] ?? {})
    results[name] = Object.fromEntries(keys.map((key) => [key, Math.round(1000 * median(runs.map((run) => run[key] ?? 0))) / 1000]))
    console.log(`${name}: ${show(results[name])}`)
  }
  const carried = [1, 2, 3, 4, 6, 8].filter((n) => {
    const figures = results[`mediumx${n}`]
    return figures !== undefined && figures.failed === 0 && (figures.in_time_share ?? 0) >= 0.95
  })
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = { cpu: cpus()[0]?.model ?? '', cores: availableParallelism() }
  const sessions = Math.max(0, ...carried)
  console.log(`\nspeaking sessions at 512 x 512, ${FPS} a second, 95 % of ticks within ${DEADLINE_MS} ms: ${sessions} (of at most 8 tried)`)
  const share = results.wav2lip?.share ?? 0
  console.log(`Wav2Lip-96 through the whole path: ${(100 * share).toFixed(1)} % of the patches a second of bare onnxruntime`)
  console.log(
    JSON.stringify({ bench: 'render', commit, device: 'cpu', precision: 'fp32', ...machine, sessions_carried: sessions, results }),
  )
}

function show(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    .join(', ')
}

if (args.variant === undefined) runAll()
else process.stdout.write(JSON.stringify(await runVariant(args.variant)))
