/** Of those that are known, to the tenth; null when none is. */
export function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return null
  return Math.round((10 * known.reduce((sum, value) => sum + value, 0)) / known.length) / 10
}
