/** How far a mouth opens its jaw, and how alike two such courses are. */
import { VISEMES, type Viseme } from '../../../shared/face.ts'

/** How far each viseme opens the jaw. */
const JAW: Record<Viseme, number> = {
  sil: 0,
  PP: 0.03,
  FF: 0.1,
  TH: 0.18,
  DD: 0.18,
  kk: 0.25,
  CH: 0.15,
  SS: 0.07,
  nn: 0.18,
  RR: 0.22,
  aa: 0.85,
  E: 0.5,
  ih: 0.28,
  oh: 0.55,
  ou: 0.25,
}

/** @param mouth rows of viseme weights */
export function jawOf(mouth: Float32Array): number[] {
  return Array.from({ length: mouth.length / VISEMES.length }, (_, row) =>
    VISEMES.reduce((sum, viseme, i) => sum + (mouth[row * VISEMES.length + i] ?? 0) * JAW[viseme], 0),
  )
}

/** Pearson's. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanA, meanB] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (const [i, value] of a.entries()) {
    ab += (value - meanA) * ((b[i] ?? 0) - meanB)
    aa += (value - meanA) ** 2
    bb += ((b[i] ?? 0) - meanB) ** 2
  }
  return ab / Math.sqrt(aa * bb)
}
