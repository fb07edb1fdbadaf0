/** Runs the models for all sessions in batches, and caches the last patches for faces that recur. */

import type { WorkerClient } from '../../workers/worker-client.ts'
import type { RenderStats } from '../stats.ts'
import type { InferJob, InferResult } from './infer-worker.ts'

interface PatchModel {
  kind: 'decoder' | 'wav2lip'
  width: number
  height: number
}
export type InferClient = WorkerClient<InferJob, InferResult>

export interface PatchSourceOptions {
  /** Threads that draw; the first has all models, the others the decoders. */
  clients: readonly [InferClient, ...InferClient[]]
  models: readonly PatchModel[]
  stats: RenderStats
  /** onnxruntime execution provider. */
  device: string
  /** What is known of how long patches take, by model. */
  patchMs?: readonly number[]
  /** Patches kept for reuse, all models together. @default 32 */
  keeps?: number
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
  kind: PatchModel['kind']
  patchLength: number
  wanted: Wanted[]
  free: Float32Array[]
  /** ms of one patch, averaged over the last runs; 0 before the first. */
  patchMs: number
}

/** A thread that draws. */
interface Lane {
  client: InferClient
  /** The run under way. */
  current: { expectedMs: number; startedMs: number } | undefined
}

/**
 * Largest batch under way. On a CPU larger ones are no faster, and a 1.4 GFLOP decoder holds 33 MB more for every patch of its
 * largest batch; several threads share it.
 */
const MAX_BATCH = { cpu: 8, accelerator: 32 }
/** A closed mouth in a pause is the face that comes again. Patches of 256 x 256 take 0.8 MB each. */
const KEPT_PATCHES = 32

/** Share of the newest run in the average of what a patch takes. */
const NEW_SHARE = 0.2

export class PatchSource {
  readonly #lanes: readonly Lane[]
  readonly #stats: RenderStats
  readonly #queues: ModelQueue[]
  /** By model and inputs, oldest use first; a patch still being drawn is here too, so that two sessions share it. */
  readonly #kept = new Map<string, { slot: Slot; ready: Promise<void>; queue: ModelQueue }>()
  readonly #maxBatch: number
  readonly #keeps: number
  #scheduled = false
  /** The queue that the next free thread looks at first, so that none waits for ever. */
  #nextQueue = 0

  constructor({ clients, models, stats, device, patchMs = [], keeps = KEPT_PATCHES }: PatchSourceOptions) {
    this.#keeps = keeps
    this.#maxBatch = device === 'cpu' ? Math.ceil(MAX_BATCH.cpu / clients.length) : MAX_BATCH.accelerator
    this.#lanes = clients.map((client) => ({ client, current: undefined }))
    this.#stats = stats
    this.#queues = models.map(({ kind, width, height }, i) => ({
      kind,
      patchLength: 3 * width * height,
      wanted: [],
      free: [],
      patchMs: patchMs[i] ?? 0,
    }))
  }

  /**
   * The patch that a model draws for these inputs. Requests of one turn of the event loop, and those that come while a run is
   * under way, are drawn together.
   *
   * @param row the model's inputs, in steps of FACE_STEP where face parameters drive it
   * @param reference the clip's own frame under the patch, for models that see it; such patches are not drawn twice
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

  /** ms until one more patch of a model would be drawn, by what the last ones took; 0 where none is before it. */
  waitMs(model: number): number {
    const queue = this.#queues[model]
    if (queue === undefined) return 0
    const lanes = this.#lanes.filter((lane) => draws(lane, this.#lanes, queue))
    const waiting = this.#queues.reduce((sum, { wanted, patchMs }) => sum + wanted.length * patchMs, 0)
    const now = performance.now()
    const left = lanes.reduce(
      (sum, { current }) => sum + Math.max(0, current === undefined ? 0 : current.expectedMs - (now - current.startedMs)),
      0,
    )
    const before = (waiting + left) / lanes.length
    return before === 0 ? 0 : before + queue.patchMs
  }

  /** ms of one patch by model, averaged over the last runs. */
  get patchMs(): number[] {
    return this.#queues.map(({ patchMs }) => patchMs)
  }

  #giveBack(queue: ModelQueue, slot: Slot): void {
    slot.loans--
    if (slot.loans === 0 && !slot.lost) queue.free.push(slot.values)
  }

  #forgetOldest(): void {
    for (const [key, { slot, queue }] of this.#kept) {
      if (this.#kept.size <= this.#keeps) return
      this.#kept.delete(key)
      this.#giveBack(queue, slot)
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#dispatch()
    })
  }

  /**
   * Gives what is wanted to the threads that are free, in equal parts: on a CPU, eight patches in two threads took 4.9 ms each, in
   * one run with two threads of its own 7.3 ms, and one by one 9.0 ms.
   */
  #dispatch(): void {
    for (let looked = 0; looked < this.#queues.length; looked++) {
      const model = this.#nextQueue
      const queue = this.#queues[model]
      this.#nextQueue = (model + 1) % this.#queues.length
      if (queue === undefined) continue
      const free = this.#lanes.filter((lane) => lane.current === undefined && draws(lane, this.#lanes, queue))
      const part = Math.min(this.#maxBatch, Math.ceil(queue.wanted.length / Math.max(1, free.length)))
      for (const lane of free) {
        const batch = queue.wanted.splice(0, part)
        if (batch.length > 0) void this.#run(lane, model, queue, batch)
      }
    }
  }

  /** Never rejects. */
  async #run(lane: Lane, model: number, queue: ModelQueue, batch: Wanted[]): Promise<void> {
    const inputs = batch[0]?.row.length ?? 0
    const rows = new Float32Array(batch.length * inputs)
    for (const [i, { row }] of batch.entries()) rows.set(row, i * inputs)
    lane.current = { expectedMs: batch.length * queue.patchMs, startedMs: performance.now() }
    try {
      const { runMs } = await lane.client.run({
        kind: 'run',
        model,
        rows,
        slots: batch.map(({ slot }) => slot.values),
        references: batch.flatMap(({ reference }) => (reference === undefined ? [] : [reference])),
      })
      const patchMs = runMs / batch.length
      queue.patchMs = queue.patchMs === 0 ? patchMs : queue.patchMs + NEW_SHARE * (patchMs - queue.patchMs)
      this.#stats.batch.add(batch.length)
      this.#stats.patches += batch.length
      for (const { resolve } of batch) {
        this.#stats.patch.add(patchMs)
        resolve()
      }
    } catch (error) {
      for (const wanted of batch) {
        wanted.slot.lost = true
        if (wanted.key !== undefined && this.#kept.get(wanted.key)?.slot === wanted.slot) this.#kept.delete(wanted.key)
        wanted.reject(error)
      }
    }
    lane.current = undefined
    this.#forgetOldest()
    this.#dispatch()
  }
}

/** Published networks are in the first thread alone: they share a run out over their own threads, and one copy of them is enough. */
function draws(lane: Lane, lanes: readonly Lane[], { kind }: ModelQueue): boolean {
  return kind === 'decoder' || lane === lanes[0]
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * 4))
}
