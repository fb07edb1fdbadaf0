/** Takes the part of a clip's frame that lies under a patch: the way back from `pastePatch`, for layers placed by affine maps. */

export interface CropOptions {
  /** sRGB, 3 * size * size. */
  rgb: Uint8Array
  size: number
  /** Side of the clip that the placement is given in, pixels. */
  clipSize: number
  /** One row of `placements`, see `Layer` in shared/avatar-pack.ts; the corners of its grid carry the whole map. */
  placement: Float32Array
  grid: number
  width: number
  height: number
  /** RGB, [height, width, 3]. */
  out: Uint8Array
}

/** Samples along one side of a patch pixel, at most; a larger face loses nothing that its patch could show. */
const MAX_SAMPLES = 8

/** A map from patch pixels to clip pixels: x = x0 + xu * u + xv * v, the same for y. */
export interface PatchMap {
  x0: number
  xu: number
  xv: number
  y0: number
  yu: number
  yv: number
}

/** @throws Error when the placement squeezes the patch into a line */
export function patchMap(placement: Float32Array, grid: number): PatchMap {
  const at = (i: number): number => placement[i] as number
  const right = 4 + 2 * (grid - 1)
  const below = 4 + 2 * grid * (grid - 1)
  const [boxX, boxY, boxW, boxH, u, v] = [at(0), at(1), at(2), at(3), at(4), at(5)]
  const [us, vs, ut, vt] = [at(right) - u, at(right + 1) - v, at(below) - u, at(below + 1) - v]
  const determinant = us * vt - ut * vs
  if (Math.abs(determinant) < 1e-6) throw new Error('a placement has no area')
  const xu = (boxW * vt) / determinant
  const xv = (-boxW * ut) / determinant
  const yu = (-boxH * vs) / determinant
  const yv = (boxH * us) / determinant
  return { xu, xv, yu, yv, x0: boxX - xu * u - xv * v, y0: boxY - yu * u - yv * v }
}

/**
 * Bilinear where a patch pixel is no larger than a frame pixel, else the mean over it: the networks learned from faces about as
 * large as their input, and skipped pixels would flicker as the head moves.
 */
export function cropPatch({ rgb, size, clipSize, placement, grid, width, height, out }: CropOptions): void {
  const { x0, xu, xv, y0, yu, yv } = patchMap(placement, grid)
  const scale = size / clipSize
  const ratio = scale * Math.max(Math.hypot(xu, yu), Math.hypot(xv, yv))
  const samples = Math.max(1, Math.min(MAX_SAMPLES, Math.ceil(ratio - 0.25)))
  const share = 1 / (samples * samples)
  const last = size - 1
  for (let row = 0, to = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to += 3) {
      let r = 0
      let g = 0
      let b = 0
      for (let j = 0; j < samples; j++) {
        const v = row + (j + 0.5) / samples
        for (let i = 0; i < samples; i++) {
          const u = column + (i + 0.5) / samples
          const x = Math.min(last, Math.max(0, (x0 + xu * u + xv * v) * scale - 0.5))
          const y = Math.min(last, Math.max(0, (y0 + yu * u + yv * v) * scale - 0.5))
          const left = Math.min(last - 1, x | 0)
          const top = Math.min(last - 1, y | 0)
          const fx = x - left
          const fy = y - top
          const at = 3 * (top * size + left)
          const under = at + 3 * size
          const w11 = fx * fy
          const w10 = fy - w11
          const w01 = fx - w11
          const w00 = 1 - fx - w10
          r += w00 * (rgb[at] as number) + w01 * (rgb[at + 3] as number) + w10 * (rgb[under] as number) + w11 * (rgb[under + 3] as number)
          g +=
            w00 * (rgb[at + 1] as number) +
            w01 * (rgb[at + 4] as number) +
            w10 * (rgb[under + 1] as number) +
            w11 * (rgb[under + 4] as number)
          b +=
            w00 * (rgb[at + 2] as number) +
            w01 * (rgb[at + 5] as number) +
            w10 * (rgb[under + 2] as number) +
            w11 * (rgb[under + 5] as number)
        }
      }
      out[to] = r * share + 0.5
      out[to + 1] = g * share + 0.5
      out[to + 2] = b * share + 0.5
    }
  }
}
