/** The last hour in points of ten seconds, for the operators' plots. Recorded when heartbeats come: no timer keeps the object awake. */
import { HISTORY_INTERVAL_S, HISTORY_POINTS, type HistoryPoint } from '../../shared/admin.ts'
import type { Histogram } from '../../shared/stats.ts'
import { mean, medianBetween, sumOf } from '../metrics/histograms.ts'
import type { ControlSocket } from './control-socket.ts'

/** The step of a turn whose median is plotted. */
const STEP = 'first_sound'

export interface Moment extends Omit<HistoryPoint, 'at' | 'latency_p50'> {
  /** Histograms of the steps of turns, one record for each origin. */
  turns: Record<string, Histogram>[]
}

export class History {
  readonly #storage: DurableObjectStorage
  /** The histogram at the last point; undefined until the first one since the object started. */
  #turns: Histogram | undefined

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    storage.sql.exec('CREATE TABLE IF NOT EXISTS history (slot INTEGER PRIMARY KEY, json TEXT NOT NULL)')
  }

  /** Records a point unless there is one in these ten seconds. @param read called only when a point is recorded */
  take(now: number, read: () => Moment): void {
    const slot = Math.floor(now / (HISTORY_INTERVAL_S * 1000))
    const { sql } = this.#storage
    if (sql.exec('SELECT 1 FROM history WHERE slot >= ?', slot).toArray().length > 0) return
    const { turns, ...figures } = read()
    const latencies = sumOf(turns.flatMap((steps) => steps[STEP] ?? []))
    const point: HistoryPoint = { at: slot * HISTORY_INTERVAL_S, ...figures, latency_p50: medianBetween(this.#turns, latencies) }
    this.#turns = latencies
    sql.exec('INSERT INTO history (slot, json) VALUES (?, ?)', slot, JSON.stringify(point))
    sql.exec('DELETE FROM history WHERE slot <= ?', slot - HISTORY_POINTS)
  }

  /** The points of the last hour, oldest first. */
  points(now: number): HistoryPoint[] {
    const oldest = Math.floor(now / (HISTORY_INTERVAL_S * 1000)) - HISTORY_POINTS
    const rows = this.#storage.sql.exec<{ json: string }>('SELECT json FROM history WHERE slot > ? ORDER BY slot', oldest)
    return [...rows].map(({ json }) => JSON.parse(json) as HistoryPoint)
  }
}

/** The figures of a point, over the connected origins. */
export function momentOf(controls: readonly ControlSocket[], totals: { active_sessions: number; client_sockets: number }): Moment {
  const loads = controls.map(({ load }) => load)
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  return {
    origins: loads.length,
    sessions: totals.active_sessions,
    speaking: sum(loads.map(({ speaking }) => speaking)),
    sockets: totals.client_sockets,
    cpu_usage: mean(loads.map(({ cpu_usage }) => cpu_usage)),
    memory_usage: mean(loads.map(({ memory_usage }) => memory_usage)),
    rss_bytes: sum(loads.map(({ rss_bytes }) => rss_bytes)),
    turns: loads.map(({ turns }) => turns),
  }
}
