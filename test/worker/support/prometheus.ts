/** Reads Prometheus' text format 0.0.4 strictly: what `promtool check metrics` refuses is refused here. */

export interface Family {
  type: string
  help: string
  /** Value by series, as `name{label="value"}` with labels in order of name. */
  samples: Map<string, number>
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/gy

/** @throws Error naming the line */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, Family>()
  let help: { name: string; text: string } | undefined
  let open: { name: string; family: Family } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const about = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (about?.[1] === 'HELP') {
      help = { name: about[2] ?? '', text: about[3] ?? '' }
    } else if (about?.[1] === 'TYPE') {
      const name = about[2] ?? ''
      if (help?.name !== name) throw new Error(`no help before: ${line}`)
      if (families.has(name)) throw new Error(`a second time: ${line}`)
      if (!['counter', 'gauge', 'histogram'].includes(about[3] ?? '')) throw new Error(`unknown type: ${line}`)
      if (about[3] === 'counter' && !name.endsWith('_total')) throw new Error(`a counter's name ends in _total: ${line}`)
      open = { name, family: { type: about[3] ?? '', help: help.text, samples: new Map() } }
      families.set(name, open.family)
    } else {
      if (open === undefined) throw new Error(`a sample of no family: ${line}`)
      readSample(line, open.name, open.family)
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family)
  return families
}

function readSample(line: string, name: string, { type, samples }: Family): void {
  const [, given = '', labels, value = ''] = SAMPLE.exec(line) ?? []
  const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name]
  if (!names.includes(given)) throw new Error(`not of ${name}: ${line}`)
  const pairs: string[] = []
  const inside = labels?.slice(1, -1) ?? ''
  LABEL.lastIndex = 0
  for (let at = 0; at < inside.length; at = LABEL.lastIndex) {
    const match = LABEL.exec(inside)
    if (match === null) throw new Error(`labels that cannot be read: ${line}`)
    pairs.push(`${match[1]}="${match[2]}"`)
  }
  const series = `${given}${pairs.length === 0 ? '' : `{${pairs.sort().join(',')}}`}`
  if (samples.has(series)) throw new Error(`a second time: ${line}`)
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
  if (Number.isNaN(number)) throw new Error(`no number: ${line}`)
  samples.set(series, number)
}

/** Buckets rise, and the last holds all. */
function checkHistogram(name: string, { samples }: Family): void {
  const lists = new Map<string, { le: number; value: number }[]>()
  for (const [series, value] of samples) {
    const le = /(?:,|\{)le="([^"]+)"/.exec(series)?.[1]
    if (!series.startsWith(`${name}_bucket`)) continue
    if (le === undefined) throw new Error(`a bucket without le: ${series}`)
    const rest = series
      .slice(name.length + '_bucket'.length)
      .replace(/le="[^"]+",?/, '')
      .replace(/,\}$/, '}')
      .replace('{}', '')
    lists.set(rest, [...(lists.get(rest) ?? []), { le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), value }])
  }
  for (const [labels, buckets] of lists) {
    const ordered = buckets.every(
      ({ le, value }, i) => i === 0 || (le > (buckets[i - 1]?.le ?? 0) && value >= (buckets[i - 1]?.value ?? 0)),
    )
    if (!ordered) throw new Error(`buckets of ${name}${labels} do not rise`)
    const last = buckets.at(-1)
    if (last?.le !== Number.POSITIVE_INFINITY) throw new Error(`${name}${labels} has no bucket +Inf`)
    if (samples.get(`${name}_count${labels}`) !== last.value) throw new Error(`the count of ${name}${labels} is not its last bucket's`)
    if (!samples.has(`${name}_sum${labels}`)) throw new Error(`${name}${labels} has no sum`)
  }
}
