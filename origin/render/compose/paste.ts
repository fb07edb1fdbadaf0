/** Puts a drawn patch into a frame: gathers patch and mask through the placement's grid and blends in sRGB. */

/** One level of a patch's mask; every further level has half the side. */
export interface MaskLevel {
  width: number
  height: number
  pixels: Uint8Array
}

export interface PasteOptions {
  /** sRGB, 3 * size * size; changed in place. */
  rgb: Uint8ClampedArray
  size: number
  /** Side of the clip that the placement is given in, pixels. */
  clipSize: number
  /** One row of `placements`, see `Layer` in shared/avatar-pack.ts. */
  placement: Float32Array
  grid: number
  /** Planar RGB 0..1, [3, height, width] of mask level 0. */
  patch: Float32Array
  masks: readonly MaskLevel[]
  /** 0..1 */
  blend: number
}

/**
 * Patch pixels a frame pixel at and above which the patch is halved first, because bilinear sampling would skip pixels.
 * Against a mouth averaged from four times the size: at 1.8, 45 dB as it is and 41 dB halved; at 2.1, 41 and 43 dB.
 */
const HALVE_AT = 2
const MAX_LEVELS = 5
/** Rows of nodes, interpolated for the current line: u then v. Grids have at most 16 columns. */
const line = new Float64Array(32)
let scratch = [new Float32Array(0), new Float32Array(0)] as const

/** Mask and its halvings, for `PasteOptions.masks`. */
export function maskLevels(pixels: Uint8Array, width: number, height: number): MaskLevel[] {
  const levels: MaskLevel[] = [{ width, height, pixels }]
  for (let last = levels[0]; last && levels.length < MAX_LEVELS && last.width >= 16 && last.height >= 16; last = levels.at(-1)) {
    const next = { width: last.width >> 1, height: last.height >> 1, pixels: new Uint8Array((last.width >> 1) * (last.height >> 1)) }
    halve(last.pixels, last.width, next.pixels, next.width, next.height, 0, 0)
    levels.push(next)
  }
  return levels
}

/** A patch and its mask at one level, as planes. */
interface Texture {
  width: number
  height: number
  red: Float32Array
  green: Float32Array
  blue: Float32Array
  alphas: Uint8Array
  /** Of a mask value of 1. */
  opacity: number
}

/** Pastes one patch. @see shared/avatar-pack.ts for the geometry */
export function pastePatch({ rgb, size, clipSize, placement, grid, patch, masks, blend }: PasteOptions): void {
  const scale = size / clipSize
  const [boxX = 0, boxY = 0, boxW = 1, boxH = 1] = placement
  let level = 0
  for (let ratio = patchPixelsPerPixel(placement, grid, scale); ratio >= HALVE_AT && level + 1 < masks.length; ratio /= 2) level++
  const texture = textureOf(shrink(patch, masks, level), masks[level], blend)
  if (texture === undefined) return
  const shrinkBy = 1 / (1 << level)
  const last = grid - 1
  const fromX = Math.floor(boxX * scale)
  const toX = Math.min(size, Math.ceil((boxX + boxW) * scale))
  const toY = Math.min(size, Math.ceil((boxY + boxH) * scale))
  const step = last / (boxW * scale)
  const start = ((fromX + 0.5) / scale - boxX) * (last / boxW)
  for (let y = Math.floor(boxY * scale); y < toY; y++) {
    const t = ((y + 0.5) / scale - boxY) * (last / boxH)
    if (t < 0 || t > last) continue
    interpolateLine(placement, grid, t, shrinkBy)
    pasteLine(rgb, (y * size + fromX) * 3, toX - fromX, { start, step, last }, texture)
  }
}

function textureOf(texels: Float32Array, mask: MaskLevel | undefined, blend: number): Texture | undefined {
  if (mask === undefined) return undefined
  const { width, height, pixels: alphas } = mask
  const plane = width * height
  const red = texels.subarray(0, plane)
  const green = texels.subarray(plane, 2 * plane)
  const blue = texels.subarray(2 * plane, 3 * plane)
  return { width, height, red, green, blue, alphas, opacity: blend / 255 }
}

/**
 * Blends `count` pixels of a row into `rgb` from index `at` on, by the nodes in `line`.
 *
 * @param cells in grid cells: the first pixel's place, the distance of two pixels, and the last node's place
 */
function pasteLine(
  rgb: Uint8ClampedArray,
  at: number,
  count: number,
  { start, step, last }: { start: number; step: number; last: number },
  { width, height, red, green, blue, alphas, opacity }: Texture,
): void {
  const end = at + 3 * count
  for (let s = start; at < end; s += step, at += 3) {
    if (s < 0 || s > last) continue
    const node = Math.min(last - 1, s | 0)
    const f = s - node
    const u0 = line[node] as number
    const v0 = line[16 + node] as number
    // pixel centres are at +0.5
    let u = u0 + f * ((line[node + 1] as number) - u0) - 0.5
    let v = v0 + f * ((line[17 + node] as number) - v0) - 0.5
    if (u < -0.5 || v < -0.5 || u > width - 0.5 || v > height - 0.5) continue
    u = u < 0 ? 0 : u > width - 1 ? width - 1 : u
    v = v < 0 ? 0 : v > height - 1 ? height - 1 : v
    const iu = Math.min(width - 2, u | 0)
    const iv = Math.min(height - 2, v | 0)
    const fu = u - iu
    const fv = v - iv
    const w11 = fu * fv
    const w10 = fv - w11
    const w01 = fu - w11
    const w00 = 1 - fu - w10
    const i = iv * width + iu
    const below = i + width
    const alpha =
      opacity *
      (w00 * (alphas[i] as number) +
        w01 * (alphas[i + 1] as number) +
        w10 * (alphas[below] as number) +
        w11 * (alphas[below + 1] as number))
    if (alpha < 0.002) continue
    const opaque = 255 * alpha
    const kept = 1 - alpha
    rgb[at] =
      kept * (rgb[at] as number) +
      opaque * (w00 * (red[i] as number) + w01 * (red[i + 1] as number) + w10 * (red[below] as number) + w11 * (red[below + 1] as number))
    rgb[at + 1] =
      kept * (rgb[at + 1] as number) +
      opaque *
        (w00 * (green[i] as number) + w01 * (green[i + 1] as number) + w10 * (green[below] as number) + w11 * (green[below + 1] as number))
    rgb[at + 2] =
      kept * (rgb[at + 2] as number) +
      opaque *
        (w00 * (blue[i] as number) + w01 * (blue[i + 1] as number) + w10 * (blue[below] as number) + w11 * (blue[below + 1] as number))
  }
}

/** Fills `line` with the grid's nodes at height t (in cells), scaled to the patch's level. */
function interpolateLine(placement: Float32Array, grid: number, t: number, shrinkBy: number): void {
  const row = Math.min(grid - 2, t | 0)
  const f = t - row
  for (let i = 0, at = 4 + row * grid * 2; i < grid; i++, at += 2) {
    const below = at + grid * 2
    const u = placement[at] as number
    const v = placement[at + 1] as number
    line[i] = (u + f * ((placement[below] as number) - u)) * shrinkBy
    line[16 + i] = (v + f * ((placement[below + 1] as number) - v)) * shrinkBy
  }
}

/** How many patch pixels lie under one frame pixel, along the middle of the box; the larger of both directions. */
function patchPixelsPerPixel(placement: Float32Array, grid: number, scale: number): number {
  const middle = grid >> 1
  const left = 4 + middle * grid * 2
  const right = left + (grid - 1) * 2
  const top = 4 + middle * 2
  const bottom = top + (grid - 1) * grid * 2
  const across = Math.hypot(
    (placement[right] as number) - (placement[left] as number),
    (placement[right + 1] as number) - (placement[left + 1] as number),
  )
  const down = Math.hypot(
    (placement[bottom] as number) - (placement[top] as number),
    (placement[bottom + 1] as number) - (placement[top + 1] as number),
  )
  return Math.max(across / ((placement[2] as number) * scale), down / ((placement[3] as number) * scale))
}

/** The patch at a level, in scratch memory that the next call reuses. */
function shrink(patch: Float32Array, masks: readonly MaskLevel[], level: number): Float32Array {
  let texels = patch
  for (let done = 0; done < level; done++) {
    const from = masks[done]
    const to = masks[done + 1]
    if (from === undefined || to === undefined) break
    const needed = 3 * to.width * to.height
    if ((scratch[0]?.length ?? 0) < needed) scratch = [new Float32Array(needed), new Float32Array(needed)]
    const target = scratch[(done & 1) as 0 | 1]
    for (let c = 0; c < 3; c++) {
      halve(texels, from.width, target, to.width, to.height, c * from.width * from.height, c * to.width * to.height)
    }
    texels = target
  }
  return texels
}

/** Mean of each 2 x 2 block. */
function halve(
  from: Float32Array | Uint8Array,
  fromWidth: number,
  to: Float32Array | Uint8Array,
  width: number,
  height: number,
  fromOffset: number,
  toOffset: number,
): void {
  for (let y = 0; y < height; y++) {
    let at = fromOffset + 2 * y * fromWidth
    for (let x = 0, out = toOffset + y * width; x < width; x++, out++, at += 2) {
      to[out] =
        ((from[at] as number) + (from[at + 1] as number) + (from[at + fromWidth] as number) + (from[at + fromWidth + 1] as number)) / 4
    }
  }
}
