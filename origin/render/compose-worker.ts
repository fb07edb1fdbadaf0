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
  jpegQuality: number
  patches: ComposePatch[]
}
export interface ComposeResult {
  jpeg: Uint8Array<ArrayBuffer>
  decodeMs: number
  pasteMs: number
  encodeMs: number
}

await serveJobs<ComposeJob, ComposeResult>(async (data) => {
  const { layers } = data as ComposeSetup
  const masks: MaskLevel[][] = layers.map(({ mask, width, height }) => maskLevels(mask, width, height))
  const scratch = new Map<number, { rgb: Buffer; clamped: Uint8ClampedArray; out: Buffer }>()

  return ({ base, size, jpegQuality, patches }) => {
    let memory = scratch.get(size)
    if (memory === undefined) {
      const rgb = Buffer.alloc(3 * size * size)
      memory = { rgb, clamped: new Uint8ClampedArray(rgb.buffer, rgb.byteOffset, rgb.length), out: Buffer.alloc(jpegBound(size)) }
      scratch.set(size, memory)
    }
    const started = performance.now()
    decodeJpeg(Buffer.from(base.buffer, base.byteOffset, base.length), memory.rgb)
    const decoded = performance.now()
    for (const { layer, placement, patch, blend } of patches) {
      const { clipSize, grid } = layers[layer] ?? { clipSize: size, grid: 2 }
      pastePatch({ rgb: memory.clamped, size, clipSize, placement, grid, patch, masks: masks[layer] ?? [], blend })
    }
    const pasted = performance.now()
    const encoded = encodeJpeg(memory.rgb, size, jpegQuality, memory.out)
    const jpeg = new Uint8Array(encoded.length)
    jpeg.set(encoded)
    const encodeMs = performance.now() - pasted
    return { result: { jpeg, decodeMs: decoded - started, pasteMs: pasted - decoded, encodeMs }, transfer: [jpeg.buffer] }
  }
})
