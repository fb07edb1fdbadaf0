/** How much of one sound is in another. */

/** Highest correlation of two sounds of which one may be late by up to `maxLag` samples: 1 the same, 0 nothing in common. */
export function correlation(wanted: Int16Array, got: Int16Array, maxLag = 1600): number {
  let best = 0
  for (let lag = -maxLag; lag <= maxLag; lag += 4) {
    let [both, one, other] = [0, 0, 0]
    for (let i = Math.max(0, -lag); i < wanted.length && i + lag < got.length; i += 23) {
      const a = wanted[i] ?? 0
      const b = got[i + lag] ?? 0
      both += a * b
      one += a * a
      other += b * b
    }
    best = Math.max(best, both / Math.sqrt(one * other + 1))
  }
  return best
}

/** Level of what is no tone of this frequency, dB below the tone. */
export function impurityDb(pcm: Int16Array, hz: number, rate: number): number {
  let [c, s] = [0, 0]
  const n = pcm.length
  const sums = { cc: 0, ss: 0, cs: 0 }
  for (const [i, value] of pcm.entries()) {
    const x = Math.cos((2 * Math.PI * hz * i) / rate)
    const y = Math.sin((2 * Math.PI * hz * i) / rate)
    c += value * x
    s += value * y
    sums.cc += x * x
    sums.ss += y * y
    sums.cs += x * y
  }
  const det = sums.cc * sums.ss - sums.cs * sums.cs
  const a = (c * sums.ss - s * sums.cs) / det
  const b = (s * sums.cc - c * sums.cs) / det
  let rest = 0
  for (const [i, value] of pcm.entries()) {
    rest += (value - a * Math.cos((2 * Math.PI * hz * i) / rate) - b * Math.sin((2 * Math.PI * hz * i) / rate)) ** 2
  }
  return 10 * Math.log10(rest / n / ((a * a + b * b) / 2))
}
