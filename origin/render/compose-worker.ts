/** Worker: decodes a clip's picture, pastes the drawn patches and encodes the result; cuts out what lies under a patch. */
import { QUALITIES } from '../../shared/media.ts'
import { cropPatch } from './crop.ts'
import { decodeJpeg, encodeJpeg, jpegBound } from './jpeg.ts'
import { type MaskLevel, maskLevels, pastePatch } from './paste.ts'
import { matchRim, rimColour, rimOf } from './ring-match.ts'
import { serveJobs, type WorkerHost } from './worker-host.ts'

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
}
export interface ComposePatch {
  /** Index into `ComposeSetup.layers`. */
  layer: number
  /** The row of this clip's picture. */
  placement: Float32Array
  /** Shared memory, [3, height, width]. */
  patch: Float32Array
  blend: number
  /** Mean colour that the patch must have along its rim, RGB 0..1; undefined where the model draws the right colours. */
  rim?: Float32Array
}
export type ComposeJob = PictureJob | CropJob
export interface PictureJob {
  kind: 'picture'
  /** The clip's picture, shared memory. */
  base: Uint8Array
  size: number
  /** Undefined: no JPEG is wanted. */
  jpegQuality: number | undefined
  /** Hand the pixels out. */
  raw: boolean
  patches: ComposePatch[]
}
export interface CropJob {
  kind: 'crop'
  /** The clip's picture at high quality, shared memory. */
  base: Uint8Array
  layer: number
  placement: Float32Array
}
export type ComposeResult = Composed | Crop
export interface Composed {
  kind: 'picture'
  /** Empty where none was wanted. */
  jpeg: Uint8Array<ArrayBuffer>
  rgb: Uint8Array<ArrayBuffer> | undefined
  decodeMs: number
  pasteMs: number
  encodeMs: number
}
/** The clip's own picture under a patch. */
export interface Crop {
  kind: 'crop'
  /** RGB, [height, width, 3], in shared memory. */
  reference: Uint8Array
  /** Its mean colour along the mask's rim, RGB 0..1. */
  rim: Float32Array
}
export type ComposeHost = WorkerHost<ComposeJob, ComposeResult>

await serveJobs<ComposeJob, ComposeResult>(async (data) => {
  const { layers } = data as ComposeSetup
  const masks: MaskLevel[][] = layers.map(({ mask, width, height }) => maskLevels(mask, width, height))
  const rims = layers.map(({ mask }) => rimOf(mask))
  const matched = layers.map(({ width, height }) => new Float32Array(3 * width * height))
  const scratch = new Map<number, { rgb: Buffer<ArrayBuffer>; out: Buffer }>()
  const memoryFor = (size: number): { rgb: Buffer<ArrayBuffer>; out: Buffer } => {
    let memory = scratch.get(size)
    if (memory === undefined) {
      memory = { rgb: Buffer.alloc(3 * size * size), out: Buffer.alloc(jpegBound(size)) }
      scratch.set(size, memory)
    }
    return memory
  }

  const crop = ({ base, layer, placement }: CropJob): Crop => {
    const about = layers[layer]
    if (about === undefined) throw new Error(`no layer ${layer}`)
    const { clipSize, grid, width, height } = about
    const { size } = QUALITIES.high
    const { rgb } = memoryFor(size)
    decodeJpeg(Buffer.from(base.buffer, base.byteOffset, base.length), rgb)
    const reference = new Uint8Array(new SharedArrayBuffer(3 * width * height))
    cropPatch({ rgb, size, clipSize, placement, grid, width, height, out: reference })
    return { kind: 'crop', reference, rim: rimColour(reference, rims[layer] ?? new Uint32Array(0)) }
  }

  return (job) => {
    if (job.kind === 'crop') return { result: crop(job) }
    const { base, size, jpegQuality, raw, patches } = job
    const memory = memoryFor(size)
    // what is handed out cannot be used again
    const rgb = raw ? Buffer.from(new ArrayBuffer(3 * size * size)) : memory.rgb
    const started = performance.now()
    decodeJpeg(Buffer.from(base.buffer, base.byteOffset, base.length), rgb)
    const decoded = performance.now()
    const clamped = new Uint8ClampedArray(rgb.buffer, rgb.byteOffset, rgb.length)
    for (const { layer, placement, patch, blend, rim } of patches) {
      const { clipSize, grid } = layers[layer] ?? { clipSize: size, grid: 2 }
      const shown = rim === undefined ? patch : (matched[layer] ?? patch)
      if (rim !== undefined) matchRim(patch, rims[layer] ?? new Uint32Array(0), rim, shown)
      pastePatch({ rgb: clamped, size, clipSize, placement, grid, patch: shown, masks: masks[layer] ?? [], blend })
    }
    const pasted = performance.now()
    const jpeg = jpegQuality === undefined ? new Uint8Array(0) : Uint8Array.from(encodeJpeg(rgb, size, jpegQuality, memory.out))
    const encodeMs = performance.now() - pasted
    const pixels = raw ? new Uint8Array(rgb.buffer) : undefined
    return {
      result: { kind: 'picture', jpeg, rgb: pixels, decodeMs: decoded - started, pasteMs: pasted - decoded, encodeMs },
      transfer: [jpeg.buffer, ...(pixels ? [pixels.buffer] : [])],
    }
  }
})
