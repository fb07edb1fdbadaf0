/** Worker: decodes a clip's picture, pastes the drawn patches and encodes the result. */
import { decodeJpeg, encodeJpeg, jpegBound } from './jpeg.ts'
import { type MaskLevel, maskLevels, pastePatch } from './paste.ts'
import { serveJobs } from './worker-host.ts'

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
}
export interface ComposeJob {
  /** The clip's picture, shared memory. */
  base: Uint8Array
  size: number
  /** Undefined: no JPEG is wanted. */
  jpegQuality: number | undefined
  /** Hand the pixels out. */
  raw: boolean
  patches: ComposePatch[]
}
export interface ComposeResult {
  /** Empty where none was wanted. */
  jpeg: Uint8Array<ArrayBuffer>
  rgb: Uint8Array<ArrayBuffer> | undefined
  decodeMs: number
  pasteMs: number
  encodeMs: number
}

await serveJobs<ComposeJob, ComposeResult>(async (data) => {
  const { layers } = data as ComposeSetup
  const masks: MaskLevel[][] = layers.map(({ mask, width, height }) => maskLevels(mask, width, height))
  const scratch = new Map<number, { rgb: Buffer<ArrayBuffer>; out: Buffer }>()

  return ({ base, size, jpegQuality, raw, patches }) => {
    let memory = scratch.get(size)
    if (memory === undefined) {
      memory = { rgb: Buffer.alloc(3 * size * size), out: Buffer.alloc(jpegBound(size)) }
      scratch.set(size, memory)
    }
    // what is handed out cannot be used again
    const rgb = raw ? Buffer.from(new ArrayBuffer(3 * size * size)) : memory.rgb
    const started = performance.now()
    decodeJpeg(Buffer.from(base.buffer, base.byteOffset, base.length), rgb)
    const decoded = performance.now()
    const clamped = new Uint8ClampedArray(rgb.buffer, rgb.byteOffset, rgb.length)
    for (const { layer, placement, patch, blend } of patches) {
      const { clipSize, grid } = layers[layer] ?? { clipSize: size, grid: 2 }
      pastePatch({ rgb: clamped, size, clipSize, placement, grid, patch, masks: masks[layer] ?? [], blend })
    }
    const pasted = performance.now()
    const jpeg = jpegQuality === undefined ? new Uint8Array(0) : Uint8Array.from(encodeJpeg(rgb, size, jpegQuality, memory.out))
    const encodeMs = performance.now() - pasted
    const pixels = raw ? new Uint8Array(rgb.buffer) : undefined
    return {
      result: { jpeg, rgb: pixels, decodeMs: decoded - started, pasteMs: pasted - decoded, encodeMs },
      transfer: [jpeg.buffer, ...(pixels ? [pixels.buffer] : [])],
    }
  }
})
