/**
 * Worker: decodes a clip's frame, pastes the drawn patches, turns the head, mixes with a second frame and encodes the result;
 * cuts out what lies under a patch.
 */
import { QUALITIES } from '../../../shared/media.ts'
import { serveJobs } from '../../workers/serve-jobs.ts'
import type { WorkerClient } from '../../workers/worker-client.ts'
import { cropPatch } from './crop.ts'
import { blendInto, type HeadFields, warpHead } from './head-warp.ts'
import { decodeJpeg, encodeJpeg, jpegBound } from './jpeg.ts'
import { type MaskLevel, maskLevels, pastePatch } from './paste.ts'
import { matchRim, rimColour, rimOf } from './rim-color-match.ts'

/** What stays the same of a layer; arrays are in shared memory. */
export interface ComposeLayer {
  clipSize: number
  grid: number
  width: number
  height: number
  mask: Uint8Array
}
export interface ComposeSetup {
  layers: ComposeLayer[]
  /** Of the packs that have one. */
  heads: ComposeHead[]
}
export type ComposeHead = HeadFields & { clipSize: number }
export interface ComposePatch {
  /** Index into `ComposeSetup.layers`. */
  layer: number
  /** The row of this clip's frame. */
  placement: Float32Array
  /** Shared memory, [3, height, width]. */
  patch: Float32Array
  blend: number
  /** Mean colour that the patch must have along its rim, RGB 0..1; undefined where the model draws the right colours. */
  rim?: Float32Array
}
export type ComposeJob = FrameJob | CropJob
/** A clip's frame and what is done to it. */
export interface ComposeSource {
  /** Shared memory. */
  base: Uint8Array
  patches: ComposePatch[]
  /** Index into `ComposeSetup.heads`, the stance that the frame shows and the one wanted. */
  turn?: { head: number; from: Float32Array; to: Float32Array } | undefined
}
export interface FrameJob {
  kind: 'frame'
  source: ComposeSource
  /** A second frame and its share, 0..1. */
  second?: { source: ComposeSource; share: number } | undefined
  size: number
  /** Undefined: no JPEG is wanted. */
  jpegQuality: number | undefined
  /** Hand the pixels out. */
  raw: boolean
}
export interface CropJob {
  kind: 'crop'
  /** The clip's frame at high quality, shared memory. */
  base: Uint8Array
  layer: number
  placement: Float32Array
}
export type ComposeResult = Composed | Crop
export interface Composed {
  kind: 'frame'
  /** Empty where none was wanted. */
  jpeg: Uint8Array<ArrayBuffer>
  rgb: Uint8Array<ArrayBuffer> | undefined
  decodeMs: number
  pasteMs: number
  encodeMs: number
}
/** The clip's own frame under a patch. */
export interface Crop {
  kind: 'crop'
  /** RGB, [height, width, 3], in shared memory. */
  reference: Uint8Array
  /** Its mean colour along the mask's rim, RGB 0..1. */
  rim: Float32Array
}
export type ComposeClient = WorkerClient<ComposeJob, ComposeResult>

await serveJobs<ComposeJob, ComposeResult>(async (data) => {
  const { layers, heads } = data as ComposeSetup
  const masks: MaskLevel[][] = layers.map(({ mask, width, height }) => maskLevels(mask, width, height))
  const rims = layers.map(({ mask }) => rimOf(mask))
  const matched = layers.map(({ width, height }) => new Float32Array(3 * width * height))
  const scratch = new Map<string, Buffer<ArrayBuffer>>()
  const memory = (use: string, bytes: number): Buffer<ArrayBuffer> => {
    const key = `${use} ${bytes}`
    const buffer = scratch.get(key) ?? Buffer.from(new ArrayBuffer(bytes))
    scratch.set(key, buffer)
    return buffer
  }

  const crop = ({ base, layer, placement }: CropJob): Crop => {
    const about = layers[layer]
    if (about === undefined) throw new Error(`no layer ${layer}`)
    const { clipSize, grid, width, height } = about
    const { size } = QUALITIES.high
    const rgb = memory('first', 3 * size * size)
    decodeJpeg(Buffer.from(base.buffer, base.byteOffset, base.length), rgb)
    const reference = new Uint8Array(new SharedArrayBuffer(3 * width * height))
    cropPatch({ rgb, size, clipSize, placement, grid, width, height, out: reference })
    return { kind: 'crop', reference, rim: rimColour(reference, rims[layer] ?? new Uint32Array(0)) }
  }

  /** The frame with everything drawn into it, in `use`'s memory or, turned, in memory of its own. @returns when it was decoded */
  const compose = ({ base, patches, turn }: ComposeSource, size: number, use: string): { rgb: Buffer<ArrayBuffer>; decodedMs: number } => {
    const rgb = memory(use, 3 * size * size)
    decodeJpeg(Buffer.from(base.buffer, base.byteOffset, base.length), rgb)
    const decodedMs = performance.now()
    const clamped = new Uint8ClampedArray(rgb.buffer, rgb.byteOffset, rgb.length)
    for (const { layer, placement, patch, blend, rim } of patches) {
      const { clipSize, grid } = layers[layer] ?? { clipSize: size, grid: 2 }
      const shown = rim === undefined ? patch : (matched[layer] ?? patch)
      if (rim !== undefined) matchRim(patch, rims[layer] ?? new Uint32Array(0), rim, shown)
      pastePatch({ rgb: clamped, size, clipSize, placement, grid, patch: shown, masks: masks[layer] ?? [], blend })
    }
    const head = turn && heads[turn.head]
    if (turn === undefined || head === undefined) return { rgb, decodedMs }
    const out = memory(`${use}, turned`, rgb.length)
    warpHead({ rgb, size, clipSize: head.clipSize, head, from: turn.from, to: turn.to, out })
    return { rgb: out, decodedMs }
  }

  return (job) => {
    if (job.kind === 'crop') return { result: crop(job) }
    const { source, second, size, jpegQuality, raw } = job
    const started = performance.now()
    const { rgb, decodedMs } = compose(source, size, 'first')
    if (second !== undefined) blendInto(rgb, compose(second.source, size, 'second').rgb, second.share)
    const pasted = performance.now()
    const out = memory('jpeg', jpegBound(size))
    const jpeg = jpegQuality === undefined ? new Uint8Array(0) : Uint8Array.from(encodeJpeg(rgb, size, jpegQuality, out))
    const encodeMs = performance.now() - pasted
    // what is handed out cannot be used again
    const pixels = raw ? Uint8Array.from(rgb) : undefined
    return {
      result: { kind: 'frame', jpeg, rgb: pixels, decodeMs: decodedMs - started, pasteMs: pasted - decodedMs, encodeMs },
      transfer: [jpeg.buffer, ...(pixels ? [pixels.buffer] : [])],
    }
  }
})
