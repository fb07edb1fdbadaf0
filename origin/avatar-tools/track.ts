/**
 * Follows the face box from frame to frame by simple template matching: the upper part of the face in the first frame is
 * searched for near its last place, by normalised correlation, to a fraction of a pixel. It follows shifts; it does not follow a
 * head that turns, tilts or comes nearer by much.
 */
import type { FrameStore } from './frame-store.ts'
import type { Box } from './source.ts'

/** Part of the box that is matched: brows, eyes and nose hold still while a mouth moves. */
const UPPER_SHARE = 0.6
/** Pixels across the template: enough to find it, few enough to be quick. */
const TEMPLATE_WIDTH = 48
/** How far it may move from one frame to the next, as a share of the box. */
const REACH = 0.12
/** Correlation below which the face counts as lost. */
const MIN_SCORE = 0.5
/** Frames over which places are averaged, as Wav2Lip's own script does: T = 5. */
const SMOOTHED = 5

export interface Track {
  boxes: Box[]
  /** Frames in which the face was not found; its last place stands. */
  lost: number
}

export function trackBox(frames: FrameStore, box: Box, onProgress: (done: number) => void = () => {}): Track {
  const step = Math.max(1, box.width / TEMPLATE_WIDTH)
  const columns = Math.round(box.width / step)
  const rows = Math.max(8, Math.round((box.height * UPPER_SHARE) / step))
  const reach = Math.max(2, Math.ceil((box.width * REACH) / step))
  const rgb = Buffer.alloc(3 * frames.size ** 2)
  frames.read(0, rgb)
  const template = normalised(greyPatch(rgb, frames.size, box.x, box.y, step, columns, rows))
  const places: { x: number; y: number }[] = [{ x: box.x, y: box.y }]
  let lost = 0
  for (let i = 1; i < frames.count; i++) {
    frames.read(i, rgb)
    const from = places[i - 1] ?? box
    const found = search({ rgb, size: frames.size, from, step, columns, rows, reach, template })
    if (found === undefined) lost++
    places.push(found ?? from)
    onProgress(i / frames.count)
  }
  return { boxes: smoothed(places).map(({ x, y }) => within({ ...box, x, y }, frames.size)), lost }
}

function search(options: {
  rgb: Uint8Array
  size: number
  from: { x: number; y: number }
  step: number
  columns: number
  rows: number
  reach: number
  template: Float64Array
}): { x: number; y: number } | undefined {
  const { rgb, size, from, step, columns, rows, reach, template } = options
  const wide = columns + 2 * reach
  const area = greyPatch(rgb, size, from.x - reach * step, from.y - reach * step, step, wide, rows + 2 * reach)
  const side = 2 * reach + 1
  const scores = new Float64Array(side * side)
  let best = 0
  for (let dy = 0; dy < side; dy++) {
    for (let dx = 0; dx < side; dx++) {
      scores[dy * side + dx] = correlation(area, wide, dx, dy, columns, rows, template)
      if ((scores[dy * side + dx] as number) > (scores[best] as number)) best = dy * side + dx
    }
  }
  if ((scores[best] as number) < MIN_SCORE) return undefined
  const dx = best % side
  const dy = Math.floor(best / side)
  const at = (x: number, y: number): number => (x < 0 || y < 0 || x >= side || y >= side ? Number.NaN : (scores[y * side + x] as number))
  const x = dx + peak(at(dx - 1, dy), at(dx, dy), at(dx + 1, dy)) - reach
  const y = dy + peak(at(dx, dy - 1), at(dx, dy), at(dx, dy + 1)) - reach
  return { x: from.x + x * step, y: from.y + y * step }
}

/** Where a parabola through three neighbours has its top, -0.5..0.5; 0 at the edge. */
function peak(before: number, here: number, after: number): number {
  const bend = before - 2 * here + after
  return Number.isFinite(bend) && bend < 0 ? Math.max(-0.5, Math.min(0.5, (0.5 * (before - after)) / bend)) : 0
}

/** Mean brightness of cells of `step` pixels. */
function greyPatch(rgb: Uint8Array, size: number, x: number, y: number, step: number, columns: number, rows: number): Float64Array {
  const out = new Float64Array(columns * rows)
  const samples = Math.max(1, Math.round(step))
  for (let row = 0, to = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, to++) {
      let sum = 0
      for (let j = 0; j < samples; j++) {
        const sy = y + (row + (j + 0.5) / samples) * step
        for (let i = 0; i < samples; i++) sum += brightness(rgb, size, x + (column + (i + 0.5) / samples) * step, sy)
      }
      out[to] = sum / (samples * samples)
    }
  }
  return out
}

/** Bilinear; the border goes on outside. */
function brightness(rgb: Uint8Array, size: number, x: number, y: number): number {
  const cx = Math.min(size - 1, Math.max(0, x - 0.5))
  const cy = Math.min(size - 1, Math.max(0, y - 0.5))
  const left = Math.min(size - 2, Math.floor(cx))
  const top = Math.min(size - 2, Math.floor(cy))
  const fx = cx - left
  const fy = cy - top
  const at = 3 * (top * size + left)
  const under = at + 3 * size
  const grey = (i: number): number => 0.299 * (rgb[i] as number) + 0.587 * (rgb[i + 1] as number) + 0.114 * (rgb[i + 2] as number)
  return (1 - fy) * ((1 - fx) * grey(at) + fx * grey(at + 3)) + fy * ((1 - fx) * grey(under) + fx * grey(under + 3))
}

/** Zero mean, unit length. */
function normalised(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const centred = values.map((value) => value - mean)
  const length = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0)) || 1
  return centred.map((value) => value / length)
}

function correlation(
  area: Float64Array,
  stride: number,
  dx: number,
  dy: number,
  columns: number,
  rows: number,
  template: Float64Array,
): number {
  let sum = 0
  let squares = 0
  let product = 0
  for (let row = 0, t = 0; row < rows; row++) {
    for (let column = 0, at = (dy + row) * stride + dx; column < columns; column++, t++, at++) {
      const value = area[at] as number
      sum += value
      squares += value * value
      product += value * (template[t] as number)
    }
  }
  const variance = squares - (sum * sum) / (columns * rows)
  return variance > 1e-9 ? product / Math.sqrt(variance) : 0
}

function smoothed(places: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  return places.map((_, i) => {
    const near = places.slice(Math.max(0, i - (SMOOTHED >> 1)), i + (SMOOTHED >> 1) + 1)
    return { x: near.reduce((sum, { x }) => sum + x, 0) / near.length, y: near.reduce((sum, { y }) => sum + y, 0) / near.length }
  })
}

function within(box: Box, size: number): Box {
  return { ...box, x: Math.min(size - box.width, Math.max(0, box.x)), y: Math.min(size - box.height, Math.max(0, box.y)) }
}
