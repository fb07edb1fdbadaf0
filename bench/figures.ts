/** What benches make of many measured values. */

/** The value below which this share of the others lies; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN
}

/** To one decimal place: what clocks and loads of a machine are good for. */
export const tenths = (value: number): number => Math.round(value * 10) / 10
