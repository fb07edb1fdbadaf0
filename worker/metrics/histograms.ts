/** Sums and medians of histograms as origins report them, and means of their figures. */
import type { Histogram } from '../../shared/stats.ts'

/** The sum of all; undefined without any. Those whose bounds differ from the first one's are left out: another version counts otherwise. */
export function sumOf(histograms: readonly Histogram[]): Histogram | undefined {
  const [first] = histograms
  if (first === undefined) return undefined
  const alike = histograms.filter(({ bounds, counts }) => String(bounds) === String(first.bounds) && counts.length === first.counts.length)
  return {
    bounds: first.bounds,
    counts: first.counts.map((_, i) => alike.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0)),
    sum: alike.reduce((sum, histogram) => sum + histogram.sum, 0),
  }
}

/**
 * The median of what was counted between two moments, interpolated within its bucket; beyond the last bound, that bound.
 * Null where nothing was counted, or where an origin was restarted in between.
 */
export function medianBetween(before: Histogram | undefined, after: Histogram | undefined): number | null {
  if (before === undefined || after === undefined) return null
  const counts = after.counts.map((count, i) => count - (before.counts[i] ?? 0))
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total <= 0 || counts.some((count) => count < 0)) return null
  let below = 0
  for (const [i, count] of counts.entries()) {
    if (below + count >= total / 2) {
      const from = after.bounds[i - 1] ?? 0
      const to = after.bounds[i] ?? from
      return Math.round((from + ((to - from) * (total / 2 - below)) / count) * 10) / 10
    }
    below += count
  }
  return null
}

/** The mean of the known values, to the tenth; null without any. */
export function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return null
  return Math.round((10 * known.reduce((sum, value) => sum + value, 0)) / known.length) / 10
}
