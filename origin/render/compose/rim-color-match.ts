/** Brings a drawn patch to the colour of the frame around it: what differs along the feathered rim would show as an edge. */

/** Share of the mask, of 255, between which a pixel belongs to the rim. */
const RIM = { from: 5, to: 128 }
/** Largest correction of a channel, 0..1: a rim that is further off is a different frame, not another light. */
const MAX_SHIFT = 0.12

/** Pixels of the rim. */
export function rimOf(mask: Uint8Array): Uint32Array {
  const rim: number[] = []
  for (const [i, share] of mask.entries()) if (share >= RIM.from && share < RIM.to) rim.push(i)
  return Uint32Array.from(rim)
}

/** Mean RGB 0..1 of interleaved bytes over the rim. */
export function rimColour(rgb: Uint8Array, rim: Uint32Array): Float32Array {
  const sums = new Float64Array(3)
  for (const i of rim) for (let c = 0; c < 3; c++) sums[c] = (sums[c] as number) + (rgb[3 * i + c] as number)
  return Float32Array.from(sums, (sum) => sum / 255 / Math.max(1, rim.length))
}

/**
 * Shifts each channel of the patch so that its rim has the colour given.
 *
 * @param patch planar RGB 0..1; not changed
 * @param out as long as the patch
 */
export function matchRim(patch: Float32Array, rim: Uint32Array, colour: Float32Array, out: Float32Array): void {
  const plane = patch.length / 3
  for (let c = 0; c < 3; c++) {
    let sum = 0
    for (const i of rim) sum += patch[c * plane + i] as number
    const off = (colour[c] as number) - sum / Math.max(1, rim.length)
    const shift = rim.length === 0 ? 0 : Math.min(MAX_SHIFT, Math.max(-MAX_SHIFT, off))
    for (let i = c * plane; i < (c + 1) * plane; i++) out[i] = (patch[i] as number) + shift
  }
}
