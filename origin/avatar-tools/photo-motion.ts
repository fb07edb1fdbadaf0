/**
 * Gives a photo life: the head sways and nods a little, the shoulders breathe, in a loop without a seam. The head moves as one
 * piece and the motion fades out around it, so that the background stands still. Eyes do not blink.
 */
import { FPS } from '../../shared/media.ts'
import type { Box } from './source.ts'

/** Frames of the loop: 10 s. Every motion below has a whole number of periods in it. */
export const PHOTO_FRAMES = 10 * FPS
/** Shares of the face's height. */
const SWAY = 0.022
const NOD = 0.014
/** Share of the frame that the shoulders rise. */
const BREATH = 0.003
/** Where the head's motion begins to fade and ends, in half axes of an ellipse around the face box. */
const HEAD_AXES = { x: 0.75, y: 0.85 }
const FADE = { from: 1.15, to: 2.4 }

/** Shift of the head in pixels at a frame of the loop. */
export function headShift(frame: number, box: Box): { x: number; y: number } {
  const turn = (2 * Math.PI * frame) / PHOTO_FRAMES
  return {
    x: box.height * SWAY * (0.7 * Math.sin(turn) + 0.3 * Math.sin(3 * turn + 1)),
    y: box.height * NOD * (0.6 * Math.sin(2 * turn + 0.5) + 0.4 * Math.sin(3 * turn)),
  }
}

/** @param rgb the photo @param out 3 * size * size bytes each @returns `out` */
export function moveHead(rgb: Uint8Array, size: number, box: Box, frame: number, out: Uint8Array): Uint8Array {
  const shift = headShift(frame, box)
  const breath = size * BREATH * Math.sin((2 * Math.PI * 3 * frame) / PHOTO_FRAMES)
  const middle = { x: box.x + box.width / 2 + shift.x, y: box.y + box.height / 2 + shift.y }
  const chin = box.y + box.height
  const last = size - 1
  for (let y = 0, to = 0; y < size; y++) {
    const lift = breath * smoothStep((y - chin) / (0.15 * size))
    for (let x = 0; x < size; x++, to += 3) {
      const distance = Math.hypot((x + 0.5 - middle.x) / (HEAD_AXES.x * box.width), (y + 0.5 - middle.y) / (HEAD_AXES.y * box.height))
      const share = 1 - smoothStep((distance - FADE.from) / (FADE.to - FADE.from))
      const sx = Math.min(last, Math.max(0, x - share * shift.x))
      const sy = Math.min(last, Math.max(0, y - share * shift.y + (1 - share) * lift))
      const left = Math.min(last - 1, sx | 0)
      const top = Math.min(last - 1, sy | 0)
      const fx = sx - left
      const fy = sy - top
      const at = 3 * (top * size + left)
      const under = at + 3 * size
      for (let c = 0; c < 3; c++) {
        const above = (1 - fx) * (rgb[at + c] as number) + fx * (rgb[at + 3 + c] as number)
        const below = (1 - fx) * (rgb[under + c] as number) + fx * (rgb[under + 3 + c] as number)
        out[to + c] = (1 - fy) * above + fy * below + 0.5
      }
    }
  }
  return out
}

function smoothStep(t: number): number {
  const x = Math.min(1, Math.max(0, t))
  return x * x * (3 - 2 * x)
}
