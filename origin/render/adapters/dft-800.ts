/**
 * A discrete Fourier transform of 800 points. 800 = 32 * 25, which have no common factor, so the transform is one of 32 x 25
 * points without twiddles between (Good 1958): 32 points by a fast transform, 25 points by the definition.
 */
import FFT from 'fft.js'

export const DFT_SIZE = 800
const ROWS = 32
const COLUMNS = 25

/** A transform in place, with memory of its own. */
export function createDft(): (re: Float64Array, im: Float64Array) => void {
  const fft = new FFT(ROWS)
  const input = new Float64Array(2 * ROWS)
  const output = new Float64Array(2 * ROWS)
  const gridRe = new Float64Array(DFT_SIZE)
  const gridIm = new Float64Array(DFT_SIZE)
  const cos = Float64Array.from({ length: COLUMNS }, (_, i) => Math.cos((2 * Math.PI * i) / COLUMNS))
  const sin = Float64Array.from({ length: COLUMNS }, (_, i) => Math.sin((2 * Math.PI * i) / COLUMNS))
  /** Where sample (row, column) of the grid comes from, and where frequency (row, column) goes (Chinese remainders). */
  const source = Uint16Array.from({ length: DFT_SIZE }, (_, i) => (COLUMNS * Math.floor(i / COLUMNS) + ROWS * (i % COLUMNS)) % DFT_SIZE)
  const target = new Uint16Array(DFT_SIZE)
  for (let k = 0; k < DFT_SIZE; k++) target[(k % ROWS) * COLUMNS + (k % COLUMNS)] = k

  return (re, im) => {
    for (let column = 0; column < COLUMNS; column++) {
      for (let row = 0; row < ROWS; row++) {
        const from = source[row * COLUMNS + column] as number
        input[2 * row] = re[from] as number
        input[2 * row + 1] = im[from] as number
      }
      fft.transform(output, input)
      for (let row = 0; row < ROWS; row++) {
        gridRe[row * COLUMNS + column] = output[2 * row] as number
        gridIm[row * COLUMNS + column] = output[2 * row + 1] as number
      }
    }
    for (let row = 0; row < ROWS; row++) {
      const base = row * COLUMNS
      for (let k = 0; k < COLUMNS; k++) {
        let sumRe = 0
        let sumIm = 0
        for (let n = 0, angle = 0; n < COLUMNS; n++, angle = angle + k < COLUMNS ? angle + k : angle + k - COLUMNS) {
          const c = cos[angle] as number
          const s = sin[angle] as number
          const r = gridRe[base + n] as number
          const i = gridIm[base + n] as number
          sumRe += r * c + i * s
          sumIm += i * c - r * s
        }
        const to = target[base + k] as number
        re[to] = sumRe
        im[to] = sumIm
      }
    }
  }
}
