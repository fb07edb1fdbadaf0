import { describe, expect, it } from 'vitest'
import { maskLevels, pastePatch } from '../../../../origin/render/compose/paste.ts'

const GRID = 5
const CLIP_SIZE = 120
const PATCH = { width: 48, height: 40 }

/** Repeatable numbers 0..1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** A scene with a bent, slightly turned grid whose edge lies partly outside the patch. */
function scene(size: number, seed = 1) {
  const random = randomNumbers(seed)
  const box = { x: 31, y: 42, w: 50, h: 44 }
  const placement = new Float32Array(4 + 2 * GRID * GRID)
  placement.set([box.x, box.y, box.w, box.h])
  for (let j = 0; j < GRID; j++) {
    for (let i = 0; i < GRID; i++) {
      placement[4 + 2 * (j * GRID + i)] = -2 + ((PATCH.width + 4) * i) / (GRID - 1) + 2 * random() + 0.8 * j
      placement[5 + 2 * (j * GRID + i)] = -1 + ((PATCH.height + 2) * j) / (GRID - 1) + 2 * random() - 0.6 * i
    }
  }
  const patch = Float32Array.from({ length: 3 * PATCH.width * PATCH.height }, () => random() * 1.2 - 0.1)
  const mask = Uint8Array.from({ length: PATCH.width * PATCH.height }, () => Math.floor(random() * 256))
  const rgb = Uint8ClampedArray.from({ length: 3 * size * size }, () => random() * 256)
  return { placement, patch, mask, rgb, size }
}

/** Plain bilinear sample at a continuous place whose pixel centres are at +0.5; undefined outside the image. */
function sample(image: ArrayLike<number>, width: number, height: number, u: number, v: number): number | undefined {
  if (u < 0 || v < 0 || u > width || v > height) return undefined
  const at = (x: number, y: number): number =>
    Number(image[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))])
  const x = Math.floor(u - 0.5)
  const y = Math.floor(v - 0.5)
  const fx = u - 0.5 - x
  const fy = v - 0.5 - y
  return at(x, y) * (1 - fx) * (1 - fy) + at(x + 1, y) * fx * (1 - fy) + at(x, y + 1) * (1 - fx) * fy + at(x + 1, y + 1) * fx * fy
}

/** Mean of 2 x 2 blocks. */
function half(image: ArrayLike<number>, width: number, height: number): number[] {
  const out: number[] = []
  for (let y = 0; y + 1 < height; y += 2) {
    for (let x = 0; x + 1 < width; x += 2) {
      const i = y * width + x
      out.push((Number(image[i]) + Number(image[i + 1]) + Number(image[i + width]) + Number(image[i + width + 1])) / 4)
    }
  }
  return out
}

/** The same paste by the definitions alone: pixel -> clip -> node weights -> patch, one pixel at a time. */
function slowPaste({ placement, patch, mask, rgb, size }: ReturnType<typeof scene>, blend: number, halvings: number): Float64Array {
  let { width, height } = PATCH
  let alpha: ArrayLike<number> = mask
  let planes: ArrayLike<number>[] = [0, 1, 2].map((c) => patch.subarray(c * width * height, (c + 1) * width * height))
  for (let i = 0; i < halvings; i++) {
    alpha = half(alpha, width, height).map(Math.floor)
    const [w, h] = [width, height]
    planes = planes.map((plane) => half(plane, w, h))
    width >>= 1
    height >>= 1
  }
  const [bx = 0, by = 0, bw = 0, bh = 0] = placement
  const out = Float64Array.from(rgb)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const s = ((((x + 0.5) * CLIP_SIZE) / size - bx) / bw) * (GRID - 1)
      const t = ((((y + 0.5) * CLIP_SIZE) / size - by) / bh) * (GRID - 1)
      if (s < 0 || t < 0 || s > GRID - 1 || t > GRID - 1) continue
      let u = 0
      let v = 0
      for (let j = 0; j < GRID; j++) {
        for (let i = 0; i < GRID; i++) {
          const weight = Math.max(0, 1 - Math.abs(s - i)) * Math.max(0, 1 - Math.abs(t - j))
          u += (weight * Number(placement[4 + 2 * (j * GRID + i)])) / 2 ** halvings
          v += (weight * Number(placement[5 + 2 * (j * GRID + i)])) / 2 ** halvings
        }
      }
      const share = sample(alpha, width, height, u, v)
      if (share === undefined) continue
      for (const [c, plane] of planes.entries()) {
        const drawn = 255 * Number(sample(plane, width, height, u, v))
        const at = 3 * (y * size + x) + c
        const old = Number(out[at])
        out[at] = Math.min(255, Math.max(0, old + (share / 255) * blend * (drawn - old)))
      }
    }
  }
  return out
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(Number(a[i]) - Number(b[i])))
  return largest
}

function paste(made: ReturnType<typeof scene>, blend: number): Uint8ClampedArray {
  const rgb = made.rgb.slice()
  const masks = maskLevels(made.mask, PATCH.width, PATCH.height)
  pastePatch({ rgb, size: made.size, clipSize: CLIP_SIZE, placement: made.placement, grid: GRID, patch: made.patch, masks, blend })
  return rgb
}

describe('pastePatch', () => {
  it.each([
    { size: 120, halvings: 0, why: 'at the clip size' },
    { size: 200, halvings: 0, why: 'larger than the clip' },
    { size: 97, halvings: 0, why: 'smaller, at an odd scale' },
    { size: 60, halvings: 1, why: 'at half size, from the halved patch' },
    { size: 30, halvings: 2, why: 'at a quarter, from the patch halved twice' },
  ])('agrees with the definitions $why', ({ size, halvings }) => {
    for (const seed of [1, 2, 3]) {
      const made = scene(size, seed)
      // half a level of rounding, and a little where a share too small to see is skipped
      expect(largestDifference(paste(made, 1), slowPaste(made, 1, halvings))).toBeLessThan(1.01)
      expect(largestDifference(paste(made, 0.4), slowPaste(made, 0.4, halvings))).toBeLessThan(1.01)
    }
  })

  it('changes something inside the box and nothing outside it', () => {
    const made = scene(120)
    const pasted = paste(made, 1)
    const [bx = 0, by = 0, bw = 0, bh = 0] = made.placement
    let inside = 0
    for (let i = 0; i < pasted.length; i++) {
      if (pasted[i] === made.rgb[i]) continue
      const x = Math.floor(i / 3) % made.size
      const y = Math.floor(i / 3 / made.size)
      expect(x >= bx && x < bx + bw && y >= by && y < by + bh).toBe(true)
      inside++
    }
    expect(inside).toBeGreaterThan(1000)
  })

  it('leaves the frame alone at blend 0', () => {
    const made = scene(120)
    expect(paste(made, 0)).toEqual(made.rgb)
  })

  it('touches a box that ends at the edge of the frame without running over it', () => {
    const made = scene(120)
    made.placement.set([CLIP_SIZE - 50, CLIP_SIZE - 44, 50, 44])
    expect(largestDifference(paste(made, 1), slowPaste(made, 1, 0))).toBeLessThan(1.01)
  })
})
