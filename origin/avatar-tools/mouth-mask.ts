/** Which part of a drawn face is shown: an ellipse over its lower 60 %, feathered. */

/** In shares of the patch's side. */
const MIDDLE = { x: 0.5, y: 0.69 }
const HALF_AXES = { x: 0.4, y: 0.3 }
/** Width of the rim over which the share falls from 1 to 0. */
const FEATHER = 0.09

/** Share 0..1 at the middle of each pixel, row by row; 0 along the border and above 38 % of the height. */
export function mouthMask(side: number): Float32Array {
  return Float32Array.from({ length: side * side }, (_, i) => {
    const x = ((i % side) + 0.5) / side - MIDDLE.x
    const y = (Math.floor(i / side) + 0.5) / side - MIDDLE.y
    const distance = Math.hypot(x / HALF_AXES.x, y / HALF_AXES.y)
    // distance to the ellipse's rim along the ray from its middle
    const inside = distance === 0 ? 1 : (Math.hypot(x, y) / distance) * (1 - distance)
    const t = Math.min(1, Math.max(0, inside / FEATHER))
    return t * t * (3 - 2 * t)
  })
}
