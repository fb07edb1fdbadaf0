/** Measures an avatar pack: does the drawn face fit the clip, does the loop close, does the mouth move. */
import '../onnx/no-telemetry.ts'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { ClipName } from '../../shared/avatar-pack.ts'
import { FACE_PARAMS } from '../../shared/face.ts'
import { countFrames, readVideo } from '../codec/video.ts'
import { patchMap } from '../render/compose/crop.ts'
import { type MaskLevel, maskLevels, pastePatch } from '../render/compose/paste.ts'
import type { InferJob, InferResult, InferSetup } from '../render/infer/infer-worker.ts'
import { type AvatarPack, CLIP_NAMES, inferModel, PackError, type PackLayer } from '../render/pack/pack.ts'
import { modelInputs } from '../render/patches/face-mix.ts'
import { startRenderWorker } from '../render/render-worker.ts'
import type { WorkerClient } from '../workers/worker-client.ts'
import { draw, measureMotion, round, timePatches } from './quality-patches.ts'
import { referenceOf, silence, soundWindow } from './quality-sound.ts'

/** Levels are of 255. */
export interface QualityReport {
  avatar_id: string
  total_bytes: number
  /** Bytes by path inside the pack. */
  files: Record<string, number>
  clips: {
    clip: ClipName
    frames: number
    seconds: number
    /** Mean change from one frame to the next, and from the last to the first. */
    step_levels: number
    loop_step_levels: number
  }[]
  layers: {
    layer: string
    /** What drives the layer's model. */
    driven_by: 'face' | 'sound'
    clip: ClipName
    /** Clip pixels to one pixel of the patch: above about 2 the drawn part is softer than the clip. */
    clip_pixels_per_patch_pixel: number
    /** The patch drawn with the clip's own face (in silence, where sound drives it) against the clip, where the mask is at least half. */
    rest_mean_levels: number
    rest_worst_frame_levels: number
    rest_psnr_db: number
    /** The same in the rim, where the mask is between 2 % and half: a seam shows here. */
    rim_mean_levels: number
  }[]
  /** Mean change of the patch from rest, where the mask is at least half, per input at full strength; a vowel where sound drives it. */
  motion_levels: { layer: string; input: string; levels: number }[]
  models: { layer: string; patch_ms_batch_1: number; patch_ms_batch_8: number }[]
}

/** Frames of a clip that are compared with the drawn rest: enough for its whole motion, quick enough to wait for. */
const COMPARED_FRAMES = 50

/** @throws PackError or Error naming the file that does not fit */
export async function measurePack(pack: AvatarPack, onProgress: (what: string) => void): Promise<QualityReport> {
  const setup: InferSetup = {
    models: pack.layers.map(inferModel),
    device: 'cpu',
    intraOpThreads: 1,
  }
  onProgress('loading the models')
  const infer = await startRenderWorker<InferJob, InferResult>({
    entry: new URL('../render/infer/infer-worker.ts', import.meta.url),
    name: 'infer',
    data: setup,
    timeoutMs: 60_000,
  })
  try {
    const { files, total } = await fileSizes(pack)
    const report: QualityReport = {
      avatar_id: pack.manifest.id,
      total_bytes: total,
      files,
      clips: [],
      layers: [],
      motion_levels: [],
      models: [],
    }
    let references: (Uint8Array | undefined)[] = []
    for (const name of CLIP_NAMES) {
      if (pack.clips[name] === undefined) continue
      onProgress(`comparing the ${name} clip with the drawn face at rest`)
      const measured = await measureClip(pack, name, infer)
      report.clips.push(measured.clip)
      report.layers.push(...measured.layers)
      if (name === 'idle') references = measured.references
    }
    for (const [model, layer] of pack.layers.entries()) {
      onProgress(`drawing every input of the ${layer.name} layer`)
      report.motion_levels.push(...(await measureMotion(layer, model, infer, references[model])))
      const time = (batch: number): Promise<number> => timePatches(layer, model, infer, batch, references[model])
      report.models.push({ layer: layer.name, patch_ms_batch_1: await time(1), patch_ms_batch_8: await time(8) })
    }
    return report
  } finally {
    await infer.close()
  }
}

async function fileSizes(pack: AvatarPack): Promise<{ files: Record<string, number>; total: number }> {
  const files: Record<string, number> = {}
  for (const entry of await readdir(pack.folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    files[relative(pack.folder, path)] = (await stat(path)).size
  }
  return { files, total: Object.values(files).reduce((sum, bytes) => sum + bytes, 0) }
}

interface Sums {
  difference: number
  squared: number
  count: number
  rim: number
  rimCount: number
  worst: number
}

async function measureClip(
  pack: AvatarPack,
  name: ClipName,
  infer: WorkerClient<InferJob, InferResult>,
): Promise<{
  clip: QualityReport['clips'][number]
  layers: QualityReport['layers']
  /** A crop of the clip for each layer whose model sees it. */
  references: (Uint8Array | undefined)[]
}> {
  const clip = pack.clips[name]
  if (clip === undefined) throw new PackError(`avatar pack ${pack.folder}: no ${name} clip`)
  const found = countFrames(clip.file)
  if (found !== clip.frames) throw new PackError(`${clip.file} has ${found} frames, the manifest says ${clip.frames}`)
  const { size } = pack.manifest
  const every = Math.max(1, Math.floor(clip.frames / COMPARED_FRAMES))
  const masks = pack.layers.map(({ mask, width, height }) => maskLevels(mask, width, height))
  const sums = pack.layers.map((): Sums => ({ difference: 0, squared: 0, count: 0, rim: 0, rimCount: 0, worst: 0 }))
  const references: (Uint8Array | undefined)[] = pack.layers.map(() => undefined)
  let index = 0
  let steps = 0
  let first: Buffer | undefined
  let last: Buffer | undefined
  for (const frame of readVideo(clip.file)) {
    if (frame.width !== size || frame.height !== size) {
      throw new PackError(`${clip.file} is ${frame.width} x ${frame.height}, the manifest says ${size} x ${size}`)
    }
    const rgb = Buffer.from(frame.rgb(size))
    if (last !== undefined) steps += meanDifference(last, rgb)
    if (index % every === 0) {
      for (const [model, layer] of pack.layers.entries()) {
        const shown = clip.tracks.subarray(index * FACE_PARAMS.length, (index + 1) * FACE_PARAMS.length)
        const placement = placementOf(layer, name, index)
        const reference = layer.kind === 'decoder' || placement === undefined ? undefined : referenceOf(layer, rgb, size, placement)
        const row = layer.kind === 'decoder' ? modelInputs(layer.inputs, layer.visemeGain, shown) : soundWindow(layer, silence)
        const [patch] = await draw(infer, model, layer, [row], reference)
        if (reference !== undefined) references[model] ??= reference
        const sum = sums[model]
        if (patch !== undefined && sum !== undefined) compare({ rgb, size, layer, name, index, patch, masks: masks[model] ?? [], sum })
      }
    }
    first ??= rgb
    last = rgb
    index++
  }
  const loopStep = first === undefined || last === undefined ? 0 : meanDifference(last, first)
  return {
    clip: {
      clip: name,
      frames: index,
      seconds: index / pack.manifest.fps,
      step_levels: round(steps / Math.max(1, index - 1)),
      loop_step_levels: round(loopStep),
    },
    layers: pack.layers.map((layer, model) => ({
      layer: layer.name,
      driven_by: layer.kind === 'decoder' ? ('face' as const) : ('sound' as const),
      clip: name,
      clip_pixels_per_patch_pixel: pixelsPerPatchPixel(layer, name),
      ...summary(sums[model]),
    })),
    references,
  }
}

function placementOf(layer: PackLayer, name: ClipName, index: number): Float32Array | undefined {
  const row = 4 + 2 * layer.grid * layer.grid
  return layer.placements[name]?.subarray(index * row, (index + 1) * row)
}

function pixelsPerPatchPixel(layer: PackLayer, name: ClipName): number {
  const placement = placementOf(layer, name, 0)
  if (placement === undefined) return 0
  const { xu, yu } = patchMap(placement, layer.grid)
  return round(Math.hypot(xu, yu))
}

/** Pastes the resting patch fully opaque, then compares where the mask is strong and along its rim. */
function compare(options: {
  rgb: Buffer
  size: number
  layer: PackLayer
  name: ClipName
  index: number
  patch: Float32Array
  masks: readonly MaskLevel[]
  sum: Sums
}): void {
  const { rgb, size, layer, name, index, patch, masks, sum } = options
  const placement = placementOf(layer, name, index)
  if (placement === undefined) return
  const common = { size, clipSize: size, placement, grid: layer.grid, blend: 1 }
  const opaque = maskLevels(new Uint8Array(layer.width * layer.height).fill(255), layer.width, layer.height)
  const drawn = Uint8ClampedArray.from(rgb)
  pastePatch({ ...common, rgb: drawn, patch, masks: opaque })
  // the mask as the frame sees it: white pasted through it over black
  const shares = new Uint8ClampedArray(rgb.length)
  pastePatch({ ...common, rgb: shares, patch: new Float32Array(patch.length).fill(1), masks })
  let difference = 0
  let count = 0
  for (let i = 0; i < rgb.length; i++) {
    const share = shares[i] ?? 0
    if (share < 5) continue
    const off = Math.abs((drawn[i] ?? 0) - (rgb[i] ?? 0))
    if (share >= 128) {
      difference += off
      sum.squared += off * off
      count++
    } else {
      sum.rim += off
      sum.rimCount++
    }
  }
  sum.difference += difference
  sum.count += count
  sum.worst = Math.max(sum.worst, difference / Math.max(1, count))
}

function summary(
  sum: Sums | undefined,
): Omit<QualityReport['layers'][number], 'layer' | 'clip' | 'driven_by' | 'clip_pixels_per_patch_pixel'> {
  const { difference, squared, count, rim, rimCount, worst } = sum ?? { difference: 0, squared: 0, count: 0, rim: 0, rimCount: 0, worst: 0 }
  return {
    rest_mean_levels: round(difference / Math.max(1, count)),
    rest_worst_frame_levels: round(worst),
    rest_psnr_db: round(10 * Math.log10(255 ** 2 / Math.max(1e-6, squared / Math.max(1, count)))),
    rim_mean_levels: round(rim / Math.max(1, rimCount)),
  }
}

function meanDifference(a: Buffer, b: Buffer): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}
