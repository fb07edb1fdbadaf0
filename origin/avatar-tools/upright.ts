/** Frames as a player shows them: upright, not mirrored, with square pixels; and squares cut out of them. */
import type { VideoFrame } from '../codec/video.ts'

/** Size of a film's frames as they are shown, pixels. */
export interface Shown {
  width: number
  height: number
}

export interface Crop {
  /** In pixels of the frame as it is shown. */
  x: number
  y: number
  side: number
  /** Side of the result. */
  size: number
}

/** Players keep the lines and stretch what is in them. */
export function shownSize({ width, height, pixelAspect, orientation }: VideoFrame): Shown {
  const wide = Math.max(1, Math.round(width * pixelAspect))
  return orientation.a === 0 ? { width: height, height: wide } : { width: wide, height }
}

/** Scales the whole frame, then copies the square out of it. @param shown of the film's first frame: later ones may have another size */
export function cutOut(frame: VideoFrame, shown: Shown, { x, y, side, size }: Crop): Buffer {
  const scale = size / side
  const { a, b, c, d } = frame.orientation
  const [across, down] = [shown.width * scale, shown.height * scale].map((length) => Math.max(1, Math.round(length))) as [number, number]
  const [width, height] = a === 0 ? [down, across] : [across, down]
  const rgb = frame.rgb(width, height)
  const [left, top] = [Math.round(x * scale), Math.round(y * scale)]
  const out = Buffer.alloc(3 * size * size)
  for (let row = 0, to = 0; row < size; row++) {
    const v = Math.min(down - 1, top + row)
    for (let column = 0; column < size; column++, to += 3) {
      const u = Math.min(across - 1, left + column)
      // the inverse of a quarter turn or its mirror image is its transpose
      const sx = a * u + b * v + (a + b < 0 ? width - 1 : 0)
      const sy = c * u + d * v + (c + d < 0 ? height - 1 : 0)
      const at = 3 * (sy * width + sx)
      out[to] = rgb[at] as number
      out[to + 1] = rgb[at + 1] as number
      out[to + 2] = rgb[at + 2] as number
    }
  }
  return out
}
