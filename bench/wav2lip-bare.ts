/** Worker: onnxruntime alone, the same options and inputs as large as in the renderer. Answers a number of runs with their ms. */
import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from '../origin/onnx/runtime.ts'

export interface BareSetup {
  file: string
  batch: number
  threads: number
}

const { file, batch, threads } = workerData as BareSetup

function noise(length: number, scale: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => scale * Math.sin(i * i))
}

const session = await InferenceSession.create(file, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  enableMemPattern: false,
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
})
const feeds = {
  mel_spectrogram: new Tensor('float32', noise(batch * 1280, 4), [batch, 1, 80, 16]),
  video_frames: new Tensor('float32', noise(batch * 6 * 96 * 96, 1).map(Math.abs), [batch, 6, 96, 96]),
}
parentPort?.on('message', async (runs: number) => {
  const started = performance.now()
  for (let i = 0; i < runs; i++) await session.run(feeds)
  parentPort?.postMessage(performance.now() - started)
})
