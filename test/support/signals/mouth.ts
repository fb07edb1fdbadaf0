/** Looks at frames: how much the mouth of avatar_1 moves from one to the next. */
import jpeg from '@julusian/jpeg-turbo'

/** Mouth of avatar_1 as shares of the frame's side: left, top, right, bottom. */
const MOUTH = { left: 0.43, top: 0.45, right: 0.63, bottom: 0.59 }

/** Brightness of the mouth region, row by row. */
export function mouthRegion(base64Jpeg: string): Uint8Array {
  const { data, width } = jpeg.decompressSync(Buffer.from(base64Jpeg, 'base64'), { format: jpeg.FORMAT_GRAY })
  const [x0, x1, y0, y1] = [MOUTH.left, MOUTH.right, MOUTH.top, MOUTH.bottom].map((share) => Math.round(share * width)) as [
    number,
    number,
    number,
    number,
  ]
  const region = new Uint8Array((x1 - x0) * (y1 - y0))
  for (let y = y0; y < y1; y++) region.set(data.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0))
  return region
}

/** Mean absolute difference, grey levels. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}
