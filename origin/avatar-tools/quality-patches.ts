/** Draws and times patches of a pack's models, for its quality report. */
import { performance } from 'node:perf_hooks'
import { FACE_PARAMS, VISEMES } from '../../shared/face.ts'
import { matchRim, rimColour, rimOf } from '../render/compose/rim-color-match.ts'
import type { InferJob, InferResult } from '../render/infer/infer-worker.ts'
import type { PackLayer } from '../render/pack/pack.ts'
import { modelInputs } from '../render/patches/face-mix.ts'
import type { WorkerClient } from '../workers/worker-client.ts'
import { silence, soundWindow, vowel } from './quality-sound.ts'

/** Runs of which the median counts. */
const TIMED_RUNS = 8

/** How much each input of a layer's model moves the patch. */
export async function measureMotion(
  layer: PackLayer,
  model: number,
  infer: WorkerClient<InferJob, InferResult>,
  reference: Uint8Array | undefined,
): Promise<{ layer: string; input: string; levels: number }[]> {
  if (layer.kind !== 'decoder') {
    const [closed, open] = await draw(infer, model, layer, [soundWindow(layer, silence), soundWindow(layer, vowel)], reference)
    return [{ layer: layer.name, input: 'vowel', levels: maskedChange(layer, closed, open) }]
  }
  const rest = new Float32Array(FACE_PARAMS.length)
  rest[VISEMES.indexOf('sil')] = 1
  const faces = layer.inputs.map((input) => {
    const face = input < VISEMES.length ? new Float32Array(FACE_PARAMS.length) : rest.slice()
    face[input] = 1
    return face
  })
  const patches = await draw(
    infer,
    model,
    layer,
    [rest, ...faces].map((face) => modelInputs(layer.inputs, layer.visemeGain, face)),
  )
  const [still] = patches
  return layer.inputs.map((input, i) => ({
    layer: layer.name,
    input: FACE_PARAMS[input] ?? '',
    levels: maskedChange(layer, still, patches[i + 1]),
  }))
}

/** Mean difference of two patches in levels, where the mask is at least half. */
function maskedChange(layer: PackLayer, still: Float32Array = new Float32Array(0), patch: Float32Array = still): number {
  let sum = 0
  let count = 0
  for (let at = 0; at < still.length; at++) {
    if ((layer.mask[at % layer.mask.length] ?? 0) < 128) continue
    sum += 255 * Math.abs((patch[at] ?? 0) - (still[at] ?? 0))
    count++
  }
  return round(sum / Math.max(1, count))
}

/** Patches of these inputs, one run each, in the colours of their rim where the model sees the clip. */
export async function draw(
  infer: WorkerClient<InferJob, InferResult>,
  model: number,
  layer: PackLayer,
  rows: readonly Float32Array[],
  reference?: Uint8Array,
): Promise<Float32Array[]> {
  const patches: Float32Array[] = []
  for (const row of rows) {
    const slot = new Float32Array(new SharedArrayBuffer(12 * layer.width * layer.height))
    await infer.run({ kind: 'run', model, rows: row, slots: [slot], references: reference === undefined ? [] : [reference] })
    if (reference !== undefined) {
      const rim = rimOf(layer.mask)
      matchRim(slot, rim, rimColour(reference, rim), slot)
    }
    patches.push(slot)
  }
  return patches
}

/** Median ms a patch on one core. */
export async function timePatches(
  layer: PackLayer,
  model: number,
  infer: WorkerClient<InferJob, InferResult>,
  batch: number,
  reference: Uint8Array | undefined,
): Promise<number> {
  const rowLength = layer.kind === 'decoder' ? layer.inputs.length : soundWindow(layer, silence).length
  const references = reference === undefined ? [] : Array.from({ length: batch }, () => reference)
  const slots = Array.from({ length: batch }, () => new Float32Array(new SharedArrayBuffer(12 * layer.width * layer.height)))
  const times: number[] = []
  for (let run = 0; run < TIMED_RUNS; run++) {
    const started = performance.now()
    await infer.run({ kind: 'run', model, rows: new Float32Array(batch * rowLength).fill(0.1 * run), slots, references })
    times.push((performance.now() - started) / batch)
  }
  return round(times.toSorted((a, b) => a - b)[TIMED_RUNS >> 1] ?? 0)
}

/** Two decimals. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}
