/** A network of Wav2Lip-96's shape with random weights: bare in onnxruntime, and through the whole render path. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { wav2lipSound } from '../origin/render/adapters/wav2lip-mel.ts'
import { createRenderer } from '../origin/render/index.ts'
import { SoundFeed } from '../origin/sound-feed.ts'
import { SAMPLE_RATE, TICK_SAMPLES } from '../shared/media.ts'
import { randomWav2lip96 } from '../test/support/wav2lip-graph.ts'
import { makeWav2lipPack } from '../test/support/wav2lip-pack.ts'

export type Figures = Record<string, number>

/** Patches of one run: the renderer's largest batch on a CPU. */
const BATCH = 8
/** Threads of the model: on two cores the other one pastes and encodes. */
const THREADS = 1

/** Runs of one slice. Whatever else the machine does can only slow a slice down, so the best one is compared. */
const SLICE_RUNS = 3

/** @param ends when each run of BATCH patches was done, ms */
function rates(ends: readonly number[]): Figures {
  const rate = (from: number, to: number): number => ((to - from) * BATCH * 1000) / Math.max(1e-9, (ends[to] ?? 0) - (ends[from] ?? 0))
  const slices = ends.slice(SLICE_RUNS).map((_, i) => rate(i, i + SLICE_RUNS))
  return { patches_per_s: rate(0, ends.length - 1), patches_per_s_best: Math.max(0, ...slices) }
}

/** onnxruntime alone, in a thread of its own as in the renderer, the same options and inputs as large. */
const BARE = `
const { parentPort, workerData } = require('node:worker_threads')
const ort = require('onnxruntime-node')
const { file, batch, seconds, threads } = workerData
ort.InferenceSession.create(file, {
  executionProviders: ['cpu'], graphOptimizationLevel: 'all', enableMemPattern: false, intraOpNumThreads: threads, interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
}).then(async (session) => {
  const noise = (length, scale) => Float32Array.from({ length }, (_, i) => scale * Math.sin(i * i))
  const feeds = {
    mel_spectrogram: new ort.Tensor('float32', noise(batch * 1280, 4), [batch, 1, 80, 16]),
    video_frames: new ort.Tensor('float32', noise(batch * 6 * 96 * 96, 1).map(Math.abs), [batch, 6, 96, 96]),
  }
  await session.run(feeds)
  const started = performance.now()
  const ends = [started]
  while (performance.now() - started < seconds * 1000) { await session.run(feeds); ends.push(performance.now()) }
  parentPort.postMessage(ends)
})`

async function withGraph<T>(work: (graph: Buffer, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'wav2lip-bench-'))
  try {
    return await work(randomWav2lip96().file, folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

export function benchBareWav2lip(seconds: number): Promise<Figures> {
  return withGraph(async (graph, folder) => {
    const file = join(folder, 'graph.onnx')
    await writeFile(file, graph)
    const ends = await new Promise<number[]>((resolve, reject) => {
      const worker = new Worker(BARE, { eval: true, workerData: { file, batch: BATCH, seconds, threads: THREADS } })
      worker.once('message', resolve).once('error', reject)
    })
    return rates(ends)
  })
}

/** Sessions that all speak, as fast as the machine draws: features, crops, model, paste at 512 x 512 and encoding. */
export function benchWav2lipPath(seconds: number): Promise<Figures> {
  return withGraph(async (model, folder) => {
    await makeWav2lipPack(folder, { model })
    const renderer = await createRenderer({
      packsDir: folder,
      device: 'cpu',
      capacity: 64,
      maxTicksBehind: 10_000,
      intraOpThreads: THREADS,
    })
    const speech = Int16Array.from({ length: SAMPLE_RATE }, (_, i) => 9_000 * Math.sin(i * 0.05 + 8 * Math.sin(i * 0.0004)))
    const feeds = Array.from({ length: BATCH }, () => new SoundFeed(wav2lipSound))
    let tick = 0
    let featureMs = 0
    const draw = async (): Promise<void> => {
      const at = (tick * TICK_SAMPLES) % (speech.length - TICK_SAMPLES)
      const started = performance.now()
      const heard = feeds.map((feed) => feed.next(speech.subarray(at, at + TICK_SAMPLES), [speech.subarray(at + TICK_SAMPLES)]))
      featureMs += performance.now() - started
      const picture = tick++
      const requests = heard.map((sound, i) => ({
        avatarId: 'person',
        quality: 'medium' as const,
        clip: 'idle' as const,
        picture: picture + 5 * i,
        ...(sound === undefined ? {} : { sound }),
      }))
      for (const result of await renderer.render(requests)) if (result.status === 'rejected') throw result.reason
    }
    for (let i = 0; i < 4; i++) await draw()
    const started = performance.now()
    const ends = [started]
    const tickBefore = tick
    featureMs = 0
    const loop = async (): Promise<void> => {
      while (performance.now() - started < seconds * 1000) {
        await draw()
        ends.push(performance.now())
      }
    }
    // two ticks in flight, so that the model runs while the tick before is pasted and encoded
    await Promise.all([loop(), loop()])
    const stats = renderer.stats()
    const features = featureMs / ((tick - tickBefore) * BATCH)
    for (const feed of feeds) feed.close()
    await renderer.close()
    return {
      ...rates(ends),
      patch_ms: stats.patch_ms_p50 ?? 0,
      batch_mean: stats.batch_mean ?? 0,
      feature_ms: features,
      compose_ms: (stats.decode_ms_p50 ?? 0) + (stats.compose_ms_p50 ?? 0) + (stats.encode_ms_p50 ?? 0),
    }
  })
}
