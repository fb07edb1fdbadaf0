/** What benches make of many measured values, and how they tell them. */
import { cpus } from 'node:os'
import process from 'node:process'

export type Figures = Record<string, number>

/** What a figure has to keep on two cores that have nothing else to do. */
export interface Threshold {
  /** Of the figure. */
  name: string
  unit: string
  atMost?: number
  atLeast?: number
}

/** A figure beside its threshold. */
export interface Check extends Threshold {
  value: number
  pass: boolean
}

/** The value below which this share of the others lies; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** To one decimal place: what clocks and loads of a machine are good for. */
export const tenths = (value: number): number => Math.round(value * 10) / 10
export const hundredths = (value: number): number => Math.round(value * 100) / 100

/** A figure that was not measured fails. */
export function check(figures: Figures, thresholds: readonly Threshold[]): Check[] {
  return thresholds.map((threshold) => {
    const { name, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = threshold
    const value = figures[name] ?? Number.NaN
    return { ...threshold, value, pass: value >= atLeast && value <= atMost }
  })
}

const bound = ({ atMost, atLeast, unit, pass }: Check): string =>
  `[${atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`} ${unit}${pass ? '' : ', MISSED'}]`

/**
 * Every figure in a line, with its threshold where it has one; then one line of JSON. A threshold that is missed makes the command fail.
 *
 * @param about what else the JSON says
 */
export function tell(bench: string, about: Record<string, unknown>, figures: Figures, thresholds: readonly Threshold[]): void {
  const checks = check(figures, thresholds)
  const width = Math.max(...Object.keys(figures).map(({ length }) => length)) + 1
  for (const [name, value] of Object.entries(figures)) {
    const line = `${name.padEnd(width)} ${value}`
    console.log([line, ...checks.filter((each) => each.name === name).map(bound)].join('  '))
  }
  console.log(JSON.stringify({ bench, ...about, ...figures, checks }))
  if (checks.some(({ pass }) => !pass)) process.exitCode = 1
}

/** Watches from now on. @returns the share of all processors' time that was idle since, 0..1: where it is small, figures are those of a busy machine */
export function watchIdle(): () => number {
  const before = spentMs()
  return () => {
    const now = spentMs()
    return (now.idle - before.idle) / Math.max(1, now.all - before.all)
  }
}

function spentMs(): { idle: number; all: number } {
  const all = cpus().map(({ times }) => times)
  return { idle: sum(all.map(({ idle }) => idle)), all: sum(all.flatMap((times) => Object.values(times))) }
}
