/** Drawn patches: gathers what all sessions need into batches, and keeps the last ones for faces that come again. */
import type { InferJob, InferResult } from './infer-worker.ts'
import type { RenderStats } from './stats.ts'
import type { WorkerHost } from './worker-host.ts'

export interface PatchModel {
  width: number
  height: number
}

export interface PatchSourceOptions {
  host: WorkerHost<InferJob, InferResult>
  models: readonly PatchModel[]
  stats: RenderStats
  /** onnxruntime execution provider. */
  device: string
}

/** A patch on loan: its memory is not reused before `release`. */
export interface PatchLoan {
  /** [3, height, width] in shared memory. */
  readonly values: Float32Array
  release(): void
}

interface Slot {
  values: Float32Array
  loans: number
  /** Its run failed: a dying worker may still write to the memory, so it is not used again. */
  lost: boolean
}
interface Wanted {
  /** Undefined where the same patch will not be wanted again. */
  key: string | undefined
  row: Float32Array
  reference: Uint8Array | undefined
  slot: Slot
  resolve(): void
  reject(error: unknown): void
}
interface ModelQueue {
  patchLength: number
  wanted: Wanted[]
  free: Float32Array[]
}

/**
 * Largest batch of one run. On a CPU larger ones are no faster, and a 1.4 GFLOP decoder holds 33 MB more for every patch of its
 * largest batch.
 */
const MAX_BATCH = { cpu: 8, accelerator: 32 }
/** Patches kept for reuse, all models together. A closed mouth in a pause is the face that comes again. */
const KEPT_PATCHES = 32

export class PatchSource {
  readonly #host: WorkerHost<InferJob, InferResult>
  readonly #stats: RenderStats
  readonly #queues: ModelQueue[]
  /** By model and inputs, oldest use first; a patch still being drawn is here too, so that two sessions share it. */
  readonly #kept = new Map<string, { slot: Slot; ready: Promise<void>; queue: ModelQueue }>()
  readonly #maxBatch: number
  #running = false
  #scheduled = false

  constructor({ host, models, stats, device }: PatchSourceOptions) {
    this.#maxBatch = device === 'cpu' ? MAX_BATCH.cpu : MAX_BATCH.accelerator
    this.#host = host
    this.#stats = stats
    this.#queues = models.map(({ width, height }) => ({ patchLength: 3 * width * height, wanted: [], free: [] }))
  }

  /**
   * The patch that a model draws for these inputs. Requests of one turn of the event loop, and those that come while a run is
   * under way, are drawn together.
   *
   * @param row the model's inputs, in steps of FACE_STEP where face parameters drive it
   * @param reference the clip's own picture under the patch, for models that see it; such patches are not drawn twice
   */
  async patch(model: number, row: Float32Array, reference?: Uint8Array): Promise<PatchLoan> {
    const queue = this.#queues[model]
    if (queue === undefined) throw new Error(`no model ${model}`)
    const { slot, ready } =
      reference === undefined ? this.#shared(model, queue, row) : this.#want(queue, { row, reference, key: undefined })
    slot.loans++
    try {
      await ready
    } catch (error) {
      this.#giveBack(queue, slot)
      throw error
    }
    let released = false
    return {
      values: slot.values,
      release: () => {
        if (released) return
        released = true
        this.#giveBack(queue, slot)
      },
    }
  }

  /** The patch of these inputs that was drawn, or is being drawn, else a new one; one loan of it is the store's own. */
  #shared(model: number, queue: ModelQueue, row: Float32Array): { slot: Slot; ready: Promise<void> } {
    const key = `${model}:${row.join()}`
    let kept = this.#kept.get(key)
    if (kept === undefined) {
      kept = { ...this.#want(queue, { key, row, reference: undefined }), queue }
      kept.slot.loans++
    } else {
      this.#kept.delete(key)
      this.#stats.reusedPatches++
    }
    this.#kept.set(key, kept)
    return kept
  }

  #want(queue: ModelQueue, wanted: Pick<Wanted, 'key' | 'row' | 'reference'>): { slot: Slot; ready: Promise<void> } {
    const slot: Slot = { values: queue.free.pop() ?? sharedFloats(queue.patchLength), loans: 0, lost: false }
    const ready = new Promise<void>((resolve, reject) => queue.wanted.push({ ...wanted, slot, resolve, reject }))
    this.#schedule()
    return { slot, ready }
  }

  #giveBack(queue: ModelQueue, slot: Slot): void {
    slot.loans--
    if (slot.loans === 0 && !slot.lost) queue.free.push(slot.values)
  }

  #forgetOldest(): void {
    for (const [key, { slot, queue }] of this.#kept) {
      if (this.#kept.size <= KEPT_PATCHES) return
      this.#kept.delete(key)
      this.#giveBack(queue, slot)
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      void this.#drain()
    })
  }

  /** Runs batches until nothing is wanted; never rejects. */
  async #drain(): Promise<void> {
    if (this.#running) return
    this.#running = true
    for (let worked = true; worked; ) {
      worked = false
      for (const [model, queue] of this.#queues.entries()) {
        const batch = queue.wanted.splice(0, this.#maxBatch)
        if (batch.length === 0) continue
        worked = true
        await this.#run(model, batch)
      }
    }
    this.#running = false
  }

  async #run(model: number, batch: Wanted[]): Promise<void> {
    const inputs = batch[0]?.row.length ?? 0
    const rows = new Float32Array(batch.length * inputs)
    for (const [i, { row }] of batch.entries()) rows.set(row, i * inputs)
    try {
      const { runMs } = await this.#host.request({
        kind: 'run',
        model,
        rows,
        slots: batch.map(({ slot }) => slot.values),
        references: batch.flatMap(({ reference }) => (reference === undefined ? [] : [reference])),
      })
      this.#stats.batch.add(batch.length)
      this.#stats.patches += batch.length
      for (const { resolve } of batch) {
        this.#stats.patch.add(runMs / batch.length)
        resolve()
      }
    } catch (error) {
      for (const wanted of batch) {
        wanted.slot.lost = true
        if (wanted.key !== undefined && this.#kept.get(wanted.key)?.slot === wanted.slot) this.#kept.delete(wanted.key)
        wanted.reject(error)
      }
    }
    this.#forgetOldest()
  }
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * 4))
}
