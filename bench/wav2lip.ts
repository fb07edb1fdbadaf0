/** A network of Wav2Lip-96's shape with random weights: bare in onnxruntime, and through the whole render path. */
import '../origin/onnx/no-telemetry.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AudioWindow } from '../origin/face/audio-window.ts'
import { wav2lipSound } from '../origin/render/adapters/wav2lip-mel.ts'
import { createRenderer } from '../origin/render/index.ts'
import { SAMPLE_RATE, TICK_SAMPLES } from '../shared/media.ts'
import { randomWav2lip96 } from '../test/support/fakes/wav2lip-graph.ts'
import { makeWav2lipPack } from '../test/support/fakes/wav2lip-pack.ts'
import { type Figures, median } from './figures.ts'
import type { BareSetup } from './wav2lip-bare.ts'

/** Patches of one run: the renderer's largest batch on a CPU. */
const BATCH = 8
/** Threads of the model: on two cores the other one pastes and encodes. */
const THREADS = 1

/** Phases of each kind; they take turns, so that whatever else the machine does meets both alike. */
const PHASES = 6
/** Batches of one phase. */
const PHASE_RUNS = 6

/** Both, phase by phase: patches a second of each (medians), and the median of the paths' shares in the phases beside them. */
export async function benchWav2lip(): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'wav2lip-bench-'))
  try {
    const graph = randomWav2lip96().file
    await makeWav2lipPack(folder, { model: graph })
    const workerData: BareSetup = { file: join(folder, 'person/person.onnx'), batch: BATCH, threads: THREADS }
    const bare = new Worker(new URL('./wav2lip-bare.ts', import.meta.url), { workerData })
    const runBare = (runs: number): Promise<number> =>
      new Promise((resolve, reject) => {
        bare.once('message', resolve).once('error', reject)
        bare.postMessage(runs)
      })
    const path = await openPath(folder)
    await runBare(1)
    // every crop of the clip is made before the first phase
    await path.run(8)
    const bareMs: number[] = []
    const pathMs: number[] = []
    for (let phase = 0; phase < PHASES; phase++) {
      bareMs.push(await runBare(PHASE_RUNS))
      pathMs.push(await path.run(PHASE_RUNS))
    }
    await bare.terminate()
    const stats = await path.close()
    const perSecond = (ms: number): number => (PHASE_RUNS * BATCH * 1000) / ms
    return {
      bare_patches_per_s: perSecond(median(bareMs)),
      path_patches_per_s: perSecond(median(pathMs)),
      share: median(bareMs.map((ms, i) => ms / (pathMs[i] ?? Number.NaN))),
      share_best: Math.min(...bareMs) / Math.min(...pathMs),
      ...stats,
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Path {
  /** Draws this many ticks of BATCH speaking sessions, two in flight. @returns ms until the last frame is there */
  run(ticks: number): Promise<number>
  close(): Promise<Figures>
}

/** Sessions that all speak, as fast as the machine draws: features, crops, model, paste at 512 x 512 and encoding. */
async function openPath(packsDir: string): Promise<Path> {
  const renderer = await createRenderer({ packsDir, device: 'cpu', capacity: 64, maxTicksBehind: 10_000, intraOpThreads: THREADS })
  const speech = Int16Array.from({ length: SAMPLE_RATE }, (_, i) => 9_000 * Math.sin(i * 0.05 + 8 * Math.sin(i * 0.0004)))
  const feeds = Array.from({ length: BATCH }, () => new AudioWindow(wav2lipSound))
  let tick = 0
  let featureMs = 0
  const draw = async (): Promise<void> => {
    const at = (tick * TICK_SAMPLES) % (speech.length - TICK_SAMPLES)
    const started = performance.now()
    const heard = feeds.map((feed) => feed.next(speech.subarray(at, at + TICK_SAMPLES), [speech.subarray(at + TICK_SAMPLES)]))
    featureMs += performance.now() - started
    const frame = tick++
    const requests = heard.map((sound, i) => ({
      avatarId: 'person',
      quality: 'medium' as const,
      clip: 'idle' as const,
      frame: frame + 5 * i,
      ...(sound === undefined ? {} : { sound }),
    }))
    for (const result of await renderer.render(requests)) if (result.status === 'rejected') throw result.reason
  }
  return {
    async run(ticks) {
      const started = performance.now()
      let left = ticks
      const loop = async (): Promise<void> => {
        while (left-- > 0) await draw()
      }
      // so that the model runs while the tick before is pasted and encoded
      await Promise.all([loop(), loop()])
      return performance.now() - started
    },
    async close() {
      const stats = renderer.stats()
      for (const feed of feeds) feed.close()
      await renderer.close()
      return {
        batch_mean: stats.batch_mean ?? 0,
        feature_ms: featureMs / (tick * BATCH),
        compose_ms: (stats.decode_ms_p50 ?? 0) + (stats.compose_ms_p50 ?? 0) + (stats.encode_ms_p50 ?? 0),
      }
    },
  }
}
