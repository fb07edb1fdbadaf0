/** Turns the head of a finished frame: a nod, or the way from one clip's stance to another's. */

/** Values of a stance: yaw, pitch and roll in degrees, breath 0..1. */
export const STANCE_VALUES = 4
export const PITCH = 1

/** What stays the same of a pack's head; `fields` is in shared memory, see `Head` in shared/avatar-pack.ts. */
export interface HeadFields {
  grid: number
  fields: Float32Array
}

export interface WarpOptions {
  /** sRGB, 3 * size * size. */
  rgb: Uint8Array
  size: number
  /** Side of the clip that the fields are given in, pixels. */
  clipSize: number
  head: HeadFields
  /** The stance that the frame shows, and the one wanted. */
  from: Float32Array
  to: Float32Array
  /** As long as `rgb`; written whole. */
  out: Uint8Array
}

/** Steps that find where a moved point came from; the motion is smooth, so each makes the error ten times smaller. */
const STEPS = 4
/** Frame pixels below which a cell of the grid counts as still and is copied. */
const STILL = 0.02

/** Bilinear where something moves, a copy where nothing does. */
export function warpHead({ rgb, size, clipSize, head, from, to, out }: WarpOptions): void {
  const { grid } = head
  const offsets = sourceOffsets(head, clipSize, from, to)
  const scale = size / clipSize
  for (let i = 0; i < offsets.length; i++) offsets[i] = (offsets[i] as number) * scale
  out.set(rgb)
  const cell = size / (grid - 1)
  for (let row = 0; row < grid - 1; row++) {
    for (let column = 0; column < grid - 1; column++) {
      if (moves(offsets, grid, row, column)) warpCell({ rgb, out, size, offsets, grid, cell, row, column })
    }
  }
}

/** Mixes a second frame into the first. @param share 0..1 of the second */
export function blendInto(rgb: Uint8Array, second: Uint8Array, share: number): void {
  const weight = Math.round(share * 256)
  for (let i = 0; i < rgb.length; i++) {
    const value = rgb[i] as number
    rgb[i] = value + ((((second[i] as number) - value) * weight + 128) >> 8)
  }
}

/**
 * At every node, from where its pixel comes, relative to it, in clip pixels: the point of the still person that the wanted stance
 * shows there, and where the given stance shows that point.
 */
function sourceOffsets(head: HeadFields, clipSize: number, from: Float32Array, to: Float32Array): Float32Array {
  const { grid } = head
  const wanted = displacement(head, to)
  const given = displacement(head, from)
  const offsets = new Float32Array(2 * grid * grid)
  const cell = clipSize / (grid - 1)
  for (let node = 0; node < grid * grid; node++) {
    const x = (node % grid) * cell
    const y = Math.floor(node / grid) * cell
    let pointX = x
    let pointY = y
    for (let step = 0; step < STEPS; step++) {
      const moveX = nodeValue(wanted, grid, 0, pointX / cell, pointY / cell)
      const moveY = nodeValue(wanted, grid, 1, pointX / cell, pointY / cell)
      pointX = x - moveX
      pointY = y - moveY
    }
    offsets[2 * node] = pointX + nodeValue(given, grid, 0, pointX / cell, pointY / cell) - x
    offsets[2 * node + 1] = pointY + nodeValue(given, grid, 1, pointX / cell, pointY / cell) - y
  }
  return offsets
}

function displacement({ grid, fields }: HeadFields, stance: Float32Array): Float32Array {
  const length = 2 * grid * grid
  const sum = new Float32Array(length)
  for (let value = 0; value < STANCE_VALUES; value++) {
    const amount = stance[value] as number
    if (amount === 0) continue
    for (let i = 0; i < length; i++) sum[i] = (sum[i] as number) + amount * (fields[value * length + i] as number)
  }
  return sum
}

/** One coordinate of a grid at a place in cells, bilinear; at the nearest node outside. */
function nodeValue(values: Float32Array, grid: number, coordinate: 0 | 1, s: number, t: number): number {
  const x = Math.min(grid - 1, Math.max(0, s))
  const y = Math.min(grid - 1, Math.max(0, t))
  const i = Math.min(grid - 2, x | 0)
  const j = Math.min(grid - 2, y | 0)
  const at = 2 * (j * grid + i) + coordinate
  const below = at + 2 * grid
  const top = (values[at] as number) + (x - i) * ((values[at + 2] as number) - (values[at] as number))
  const bottom = (values[below] as number) + (x - i) * ((values[below + 2] as number) - (values[below] as number))
  return top + (y - j) * (bottom - top)
}

function moves(offsets: Float32Array, grid: number, row: number, column: number): boolean {
  const at = 2 * (row * grid + column)
  for (const node of [at, at + 2, at + 2 * grid, at + 2 * grid + 2]) {
    if (Math.abs(offsets[node] as number) > STILL || Math.abs(offsets[node + 1] as number) > STILL) return true
  }
  return false
}

interface Cell {
  rgb: Uint8Array
  out: Uint8Array
  size: number
  offsets: Float32Array
  grid: number
  /** Side of a cell, frame pixels. */
  cell: number
  row: number
  column: number
}

function warpCell({ rgb, out, size, offsets, grid, cell, row, column }: Cell): void {
  const fromX = Math.ceil(column * cell - 0.5)
  const toX = Math.min(size, Math.ceil((column + 1) * cell - 0.5))
  const fromY = Math.ceil(row * cell - 0.5)
  const toY = Math.min(size, Math.ceil((row + 1) * cell - 0.5))
  const at = 2 * (row * grid + column)
  const below = at + 2 * grid
  const n = (i: number): number => offsets[i] as number
  const last = size - 1
  const stride = 3 * size
  for (let y = fromY; y < toY; y++) {
    const t = (y + 0.5) / cell - row
    const leftX = n(at) + t * (n(below) - n(at))
    const leftY = n(at + 1) + t * (n(below + 1) - n(at + 1))
    const acrossX = (n(at + 2) + t * (n(below + 2) - n(at + 2)) - leftX) / cell
    const acrossY = (n(at + 3) + t * (n(below + 3) - n(at + 3)) - leftY) / cell
    for (let x = fromX, to = 3 * (y * size + fromX); x < toX; x++, to += 3) {
      const into = x + 0.5 - column * cell
      let u = x + leftX + acrossX * into
      let v = y + leftY + acrossY * into
      u = u < 0 ? 0 : u > last ? last : u
      v = v < 0 ? 0 : v > last ? last : v
      const iu = u >= last ? last - 1 : u | 0
      const iv = v >= last ? last - 1 : v | 0
      const fu = u - iu
      const fv = v - iv
      const w11 = fu * fv
      const w10 = fv - w11
      const w01 = fu - w11
      const w00 = 1 - fu - w10
      const p = iv * stride + 3 * iu
      const q = p + stride
      out[to] = w00 * (rgb[p] as number) + w01 * (rgb[p + 3] as number) + w10 * (rgb[q] as number) + w11 * (rgb[q + 3] as number) + 0.5
      out[to + 1] =
        w00 * (rgb[p + 1] as number) + w01 * (rgb[p + 4] as number) + w10 * (rgb[q + 1] as number) + w11 * (rgb[q + 4] as number) + 0.5
      out[to + 2] =
        w00 * (rgb[p + 2] as number) + w01 * (rgb[p + 5] as number) + w10 * (rgb[q + 2] as number) + w11 * (rgb[q + 5] as number) + 0.5
    }
  }
}
