/** Worker: runs the models. onnxruntime-node blocks its thread for the length of a run, so it has one of its own. */
import { existsSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { env, InferenceSession, libraryFolder, listSupportedBackends } from '../../onnx/runtime.ts'
import { serveJobs } from '../../workers/serve-jobs.ts'
import { decoderFile, decoderGraph } from '../adapters/decoder.ts'
import { firstRun, fixedBatchOf, runModel } from '../adapters/first-run.ts'
import type { GraphAdapter, GraphShape } from '../adapters/types.ts'
import { wav2lipGraph } from '../adapters/wav2lip.ts'

export type InferModel = GraphShape & ({ kind: 'decoder'; inputs: number; halfFile?: string | undefined } | { kind: 'wav2lip' })
export interface InferSetup {
  /** Undefined for those that this thread need not load. */
  models: (InferModel | undefined)[]
  device: 'auto' | 'cpu' | 'cuda' | 'tensorrt'
  /** Threads inside one run of a published network. Our decoders have one each on a CPU, see PatchSource. */
  intraOpThreads: number
  /** Gives way to sound and sockets. */
  yields?: boolean
}
export type InferJob =
  | { kind: 'device' }
  | {
      kind: 'run'
      model: number
      /** [slots.length, the adapter's rowLength] */
      rows: Float32Array
      /** Shared memory, the clip's frame under each patch, RGB [height, width, 3]; empty for models that need none. */
      references?: Uint8Array[]
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

/** Priority of a drawing thread (nice value of this thread alone): a frame may come a little later, sound may not. */
const DRAWING_NICE = 2

// a missing accelerator would be written to stderr by the library itself; failures are thrown, and told by us
env.logLevel = 'fatal'

/** A loaded model. */
interface Loaded {
  model: InferModel
  adapter: GraphAdapter
  session: InferenceSession
  /** Patches that one run takes: exports with a fixed batch take no other number. */
  fixedBatch: number | undefined
}

await serveJobs<InferJob, InferResult>(async (data) => {
  const { models, device: wanted, intraOpThreads, yields = false } = data as InferSetup
  if (yields && process.platform === 'linux') setPriority(0, DRAWING_NICE)
  const { loaded, device, fallback } = await createSessions(models, wanted, intraOpThreads)
  const pads = device !== 'cpu'
  return async (job) => {
    if (job.kind === 'device') return { result: { device, fallback, runMs: 0 } }
    const model = loaded[job.model]
    if (model === undefined) throw new Error(`no model ${job.model}`)
    const started = performance.now()
    const { rows, slots, references = [] } = job
    const { rowLength } = model.adapter
    const step = model.fixedBatch ?? slots.length
    for (let from = 0; from < slots.length; from += step) {
      const count = Math.min(step, slots.length - from)
      const size = model.fixedBatch ?? (pads ? (BUCKETS.find((bucket) => bucket >= count) ?? count) : count)
      const part = rows.subarray(from * rowLength, (from + count) * rowLength)
      const read = await runModel(model.adapter, model.session, {
        size,
        rows: size === count ? part : padded(part, size * rowLength),
        references: references.slice(from, from + count),
      })
      for (let i = 0; i < count; i++) read(i, slots[from + i] ?? new Float32Array(0))
    }
    return { result: { device, fallback, runMs: performance.now() - started } }
  }
})

function padded(rows: Float32Array, length: number): Float32Array {
  const longer = new Float32Array(length)
  longer.set(rows)
  return longer
}

function adapterOf(model: InferModel): GraphAdapter {
  return model.kind === 'decoder' ? decoderGraph(model) : wav2lipGraph(model)
}

async function createSessions(
  models: InferSetup['models'],
  wanted: InferSetup['device'],
  intraOpThreads: number,
): Promise<{ loaded: (Loaded | undefined)[]; device: string; fallback: string | undefined }> {
  const attempts = wanted === 'auto' ? ['cuda', 'cpu'] : wanted === 'tensorrt' ? ['tensorrt', 'cuda', 'cpu'] : [wanted]
  const bundled = new Set(listSupportedBackends().map((backend) => backend.name))
  let fallback: string | undefined
  for (const device of attempts) {
    try {
      if (!bundled.has(device)) throw new Error(`onnxruntime has no ${device} support on this platform`)
      requireProviderLibrary(device)
      const loaded: (Loaded | undefined)[] = []
      for (const model of models) loaded.push(model && (await loadModel(model, device, intraOpThreads)))
      return { loaded, device, fallback }
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
  const library = `libonnxruntime_providers_${device}.so`
  if (!existsSync(join(libraryFolder(), library))) throw new Error(`${library} is not installed`)
}

/** One session, warmed by a first run that also proves the model's names and shapes. */
async function loadModel(given: InferModel, device: string, intraOpThreads: number): Promise<Loaded> {
  const model = given.kind === 'decoder' ? { ...given, file: decoderFile(given, device) } : given
  const adapter = adapterOf(model)
  let session: InferenceSession
  try {
    session = await InferenceSession.create(model.file, {
      executionProviders: device === 'tensorrt' ? ['tensorrt', 'cuda', 'cpu'] : device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      graphOptimizationLevel: 'all',
      // patterns keep one block per batch size seen: 160 MB more for a 1.4 GFLOP decoder, and no faster
      enableMemPattern: false,
      intraOpNumThreads: model.kind === 'decoder' && device === 'cpu' ? 1 : intraOpThreads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
  } catch (error) {
    throw new Error(`${model.file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  adapter.check(session)
  await firstRun(model.file, adapter, session)
  return { model, adapter, session, fixedBatch: fixedBatchOf(session) }
}
