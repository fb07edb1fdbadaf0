/** The run that warms a model up and proves that it does what its adapter takes it for. */
import type { InferenceSession } from '../../onnx/runtime.ts'
import type { GraphAdapter, PatchBatch } from './types.ts'

/** Patches of one run, where the export takes no other number. */
export function fixedBatchOf({ inputMetadata }: InferenceSession): number | undefined {
  const sizes = inputMetadata.map((about) => (about.isTensor ? about.shape[0] : undefined))
  return sizes.find((size) => typeof size === 'number' && size > 0) as number | undefined
}

/** @param adapter checked with this session @throws Error in one line with the file's name */
export async function firstRun(file: string, adapter: GraphAdapter, session: InferenceSession): Promise<void> {
  const size = fixedBatchOf(session) ?? 1
  const { firstReference, rowLength } = adapter
  const references = firstReference === undefined ? [] : Array.from({ length: size }, () => firstReference)
  try {
    await runModel(adapter, session, { size, rows: new Float32Array(size * rowLength), references })
  } catch (error) {
    const what = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
    throw new Error(what.startsWith(file) ? what : `${file} does not run with ${rowLength} inputs: ${what}`, { cause: error })
  }
}

/** Answers what puts patch `index` into a slot. */
export async function runModel(
  adapter: GraphAdapter,
  session: InferenceSession,
  batch: PatchBatch,
): Promise<(index: number, slot: Float32Array) => void> {
  return adapter.read(await session.run(adapter.feeds(batch)), batch.size)
}
