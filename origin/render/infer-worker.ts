/** Worker: runs the models. onnxruntime-node blocks its thread for the length of a run, so it has one of its own. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import ort from 'onnxruntime-node'
import { serveJobs } from './worker-host.ts'

export interface InferModel {
  /** Absolute path; error messages name it. */
  file: string
  inputs: number
  width: number
  height: number
}
export interface InferSetup {
  models: InferModel[]
  device: 'auto' | 'cpu' | 'cuda' | 'tensorrt'
  intraOpThreads: number
}
export type InferJob =
  | { kind: 'device' }
  | {
      kind: 'run'
      model: number
      /** [slots.length, inputs] */
      rows: Float32Array
      /** Shared memory, one [3, height, width] patch each. */
      slots: Float32Array[]
    }
export interface InferResult {
  device: string
  /** What was tried and failed before `device`, in words. */
  fallback: string | undefined
  /** ms of the run. */
  runMs: number
}

/** Batch sizes on an accelerator, whose kernels are tuned per shape. A CPU takes any size, and padding would cost it real time. */
const BUCKETS = [1, 2, 4, 8, 16, 32]

// a missing accelerator would be written to stderr by the library itself; failures are thrown, and told by us
ort.env.logLevel = 'fatal'

await serveJobs<InferJob, InferResult>(async (data) => {
  const { models, device: wanted, intraOpThreads } = data as InferSetup
  const { sessions, device, fallback } = await createSessions(models, wanted, intraOpThreads)
  const pads = device !== 'cpu'
  return async (job) => {
    if (job.kind === 'device') return { result: { device, fallback, runMs: 0 } }
    const model = models[job.model]
    const session = sessions[job.model]
    if (model === undefined || session === undefined) throw new Error(`no model ${job.model}`)
    const started = performance.now()
    const count = job.slots.length
    const batch = pads ? (BUCKETS.find((size) => size >= count) ?? count) : count
    const rows = batch === count ? job.rows : padded(job.rows, batch * model.inputs)
    const patches = await runModel(session, model, rows, batch)
    const length = 3 * model.width * model.height
    for (const [i, slot] of job.slots.entries()) slot.set(patches.subarray(i * length, (i + 1) * length))
    return { result: { device, fallback, runMs: performance.now() - started } }
  }
})

function padded(rows: Float32Array, length: number): Float32Array {
  const longer = new Float32Array(length)
  longer.set(rows)
  return longer
}

async function runModel(session: ort.InferenceSession, model: InferModel, rows: Float32Array, batch: number): Promise<Float32Array> {
  const results = await session.run({ params: new ort.Tensor('float32', rows, [batch, model.inputs]) })
  const { patch } = results
  const expected = [batch, 3, model.height, model.width]
  if (patch === undefined || patch.type !== 'float32' || patch.dims.join() !== expected.join()) {
    const got = patch === undefined ? 'no output named patch' : `patch ${patch.type} [${patch.dims.join(', ')}]`
    throw new Error(`${model.file} gives ${got}; the manifest says float32 [${expected.join(', ')}]`)
  }
  return patch.data as Float32Array
}

async function createSessions(
  models: InferModel[],
  wanted: InferSetup['device'],
  intraOpThreads: number,
): Promise<{ sessions: ort.InferenceSession[]; device: string; fallback: string | undefined }> {
  const attempts = wanted === 'auto' ? ['cuda', 'cpu'] : wanted === 'tensorrt' ? ['tensorrt', 'cuda', 'cpu'] : [wanted]
  const bundled = new Set(ort.listSupportedBackends().map((backend) => backend.name))
  let fallback: string | undefined
  for (const device of attempts) {
    try {
      if (!bundled.has(device)) throw new Error(`onnxruntime has no ${device} support on this platform`)
      requireProviderLibrary(device)
      const sessions: ort.InferenceSession[] = []
      for (const model of models) sessions.push(await createSession(model, device, intraOpThreads))
      return { sessions, device, fallback }
    } catch (error) {
      if (device === attempts.at(-1)) throw error
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
      fallback = fallback === undefined ? `${device}: ${why}` : `${fallback}; ${device}: ${why}`
    }
  }
  throw new Error('no execution provider to try')
}

/**
 * onnxruntime prints an error of its own when a provider's library is missing, so that is looked up first.
 *
 * @throws Error when it is missing
 */
function requireProviderLibrary(device: string): void {
  if (device === 'cpu' || process.platform !== 'linux') return
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
    'bin',
    'napi-v6',
    process.platform,
    process.arch,
  )
  const library = `libonnxruntime_providers_${device}.so`
  if (!existsSync(join(folder, library))) throw new Error(`${library} is not installed`)
}

/** One session, warmed by a first run that also proves the model's names and shapes. */
async function createSession(model: InferModel, device: string, intraOpThreads: number): Promise<ort.InferenceSession> {
  let session: ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(model.file, {
      executionProviders: device === 'tensorrt' ? ['tensorrt', 'cuda', 'cpu'] : device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      graphOptimizationLevel: 'all',
      // patterns keep one block per batch size seen: 160 MB more for a 1.4 GFLOP decoder, and no faster
      enableMemPattern: false,
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
  } catch (error) {
    throw new Error(`${model.file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  if (!session.inputNames.includes('params') || session.inputNames.length !== 1) {
    throw new Error(`${model.file} has the inputs [${session.inputNames.join(', ')}]; a decoder has one, named params`)
  }
  try {
    await runModel(session, model, new Float32Array(model.inputs), 1)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new Error(what.startsWith(model.file) ? what : `${model.file} does not run with ${model.inputs} inputs: ${what}`, {
      cause: error,
    })
  }
  return session
}
