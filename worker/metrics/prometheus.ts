/** Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
import type { Histogram } from '../../shared/stats.ts'

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Record<string, string>

export interface Sample {
  labels?: Labels
  value: number
}

export class Exposition {
  readonly #lines: string[] = []

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#family(
      name,
      'gauge',
      help,
      samples.map(({ labels, value }) => line(name, labels, value)),
    )
  }

  /** @param name ends in `_total` */
  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#family(
      name,
      'counter',
      help,
      samples.map(({ labels, value }) => line(name, labels, value)),
    )
  }

  histogram(name: string, help: string, samples: readonly { labels: Labels; histogram: Histogram }[]): void {
    const lines = samples.flatMap(({ labels, histogram: { bounds, counts, sum } }) => {
      let below = 0
      const buckets = counts.map((count, i) => {
        below += count
        return line(`${name}_bucket`, { ...labels, le: numberOf(bounds[i] ?? Number.POSITIVE_INFINITY) }, below)
      })
      return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below)]
    })
    this.#family(name, 'histogram', help, lines)
  }

  toString(): string {
    return this.#lines.map((text) => `${text}\n`).join('')
  }

  #family(name: string, type: string, help: string, samples: string[]): void {
    if (samples.length === 0) return
    this.#lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...samples)
  }
}

function line(name: string, labels: Labels = {}, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text).replaceAll('"', '\\"')}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberOf(value)}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
