/** How a decoded frame has to be shown: phones film lying down, cameras of the last century squeeze. */

/**
 * Where a stored pixel is seen: x' = a x + c y, y' = b x + d y, each of them -1, 0 or 1, then moved so that nothing is below 0.
 * Quarter turns and mirrored ones.
 */
export interface Orientation {
  a: number
  b: number
  c: number
  d: number
}

interface Ratio {
  num: number
  den: number
}

const AS_STORED: Orientation = { a: 1, b: 0, c: 0, d: 1 }
/** Wider or narrower pixels than this are a mistake in the file. */
const MAX_PIXEL_ASPECT = 4

/** Of a display matrix (libavutil/display.h: 3 x 3, 16.16 fixed point, native byte order), to the next quarter turn. */
export function orientationOf(matrix: Buffer | null): Orientation {
  if (matrix === null || matrix.length < 36) return AS_STORED
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => matrix.readInt32LE(at)) as [number, number, number, number]
  if (a * d - b * c === 0) return AS_STORED
  if (Math.abs(a) + Math.abs(d) >= Math.abs(b) + Math.abs(c)) return { a: Math.sign(a) || 1, b: 0, c: 0, d: Math.sign(d) || 1 }
  return { a: 0, b: Math.sign(b) || 1, c: Math.sign(c) || 1, d: 0 }
}

/** Width of a stored pixel over its height: of the file where it says, else of the frame; 1 where neither does. */
export function pixelAspectOf(ofFile: Ratio, ofFrame: Ratio): number {
  for (const { num, den } of [ofFile, ofFrame]) {
    const aspect = num > 0 && den > 0 ? num / den : 0
    if (aspect >= 1 / MAX_PIXEL_ASPECT && aspect <= MAX_PIXEL_ASPECT) return aspect
  }
  return 1
}
