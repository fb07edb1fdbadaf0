/** The thread that the lip-sync network runs in. It keeps nothing between jobs: the state travels with them. */
import { VISEMES } from '../../shared/face.ts'
import { logMel, MEL_BANDS } from '../dsp/log-mel.ts'
import { InferenceSession, Tensor } from '../onnx/runtime.ts'
import { serveJobs } from '../workers/serve-jobs.ts'

/** What the network carries from one piece of sound to the next; sizes as in models/lipsync/README.md. */
export interface NetState {
  c1: Float32Array
  c2: Float32Array
  h: Float32Array
}
/** `pcm`: see `logMel`; its new samples are whole rows of 20 ms. `state`: of the piece before, undefined at the start. */
export interface NetJob {
  pcm: Int16Array
  state: NetState | undefined
}
/** `rows`: probabilities [rows, VISEMES], each for the sound DELAY_ROWS (net.ts) before its own place. */
export interface NetResult {
  rows: Float32Array
  state: NetState
}
export interface NetWorkerData {
  modelPath: string
}

/**
 * Outputs of the network look 0, 40, 80 and 200 ms ahead. The third is shown: on the development voices it follows best, 0.853 the
 * jaw and 0.818 the closures against 0.838 and 0.791 of the last one (`studio/lipsync`), and sound waits for it no longer.
 */
const HEADS = 4
const HEAD = 2
const CONV1_STATE = [1, MEL_BANDS, 2]
const CONV2_STATE = [1, 96, 2]
const GRU_STATE = [1, 1, 128]

async function run(session: InferenceSession, { pcm, state }: NetJob): Promise<NetResult> {
  const mel = logMel(pcm)
  const frames = mel.length / MEL_BANDS
  const outputs = await session.run({
    mel: new Tensor('float32', mel, [1, frames, MEL_BANDS]),
    c1: stateTensor(state?.c1, CONV1_STATE),
    c2: stateTensor(state?.c2, CONV2_STATE),
    h: stateTensor(state?.h, GRU_STATE),
  })
  const rows = softmaxHead(floats(outputs.logits))
  return { rows, state: { c1: floats(outputs.c1o), c2: floats(outputs.c2o), h: floats(outputs.ho) } }
}

function stateTensor(values: Float32Array | undefined, dims: number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1)
  return new Tensor('float32', values ?? new Float32Array(size), dims)
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error('The lip-sync model has other outputs than expected.')
  return tensor.data
}

/** @param logits row-major [rows, HEADS, VISEMES] */
function softmaxHead(logits: Float32Array): Float32Array {
  const width = VISEMES.length
  const rows = logits.length / (HEADS * width)
  const out = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) {
    const from = (row * HEADS + HEAD) * width
    const head = logits.subarray(from, from + width)
    const highest = Math.max(...head)
    let sum = 0
    for (let i = 0; i < width; i++) sum += out[row * width + i] = Math.exp((head[i] ?? 0) - highest)
    for (let i = 0; i < width; i++) out[row * width + i] = (out[row * width + i] ?? 0) / sum
  }
  return out
}

await serveJobs<NetJob, NetResult>(async (data) => {
  const { modelPath } = data as NetWorkerData
  const session = await InferenceSession.create(modelPath, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
  return async (job) => ({ result: await run(session, job) })
})
