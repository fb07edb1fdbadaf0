/** Metrics of origins, storage and sockets, as JSON or in Prometheus' text format; unknown values are null, or have no sample. */
import { MetricsResponse } from '../../shared/api.ts'
import type { OriginLoad } from '../../shared/link.ts'
import type { Histogram } from '../../shared/stats.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { mean, sumOf } from '../metrics/histograms.ts'
import { EXPOSITION_TYPE, Exposition, type Sample } from '../metrics/prometheus.ts'
import type { PoolOrigin, PoolSnapshot } from '../objects/contracts.ts'
import { poolStub } from '../objects/stubs.ts'

export function mountMetrics(routes: RouteTable): void {
  routes.get(
    {
      path: '/metrics',
      auth: 'key',
      rate: 'none',
      tag: 'Operation',
      summary: 'System metrics',
      description: 'With `Accept: text/plain` or `application/openmetrics-text`, as Prometheus asks, in its text format 0.0.4.',
      response: MetricsResponse,
      alsoAnswers: ['text/plain'],
    },
    async ({ context }) => {
      const snapshot = await poolStub(context.env).snapshot()
      if (!asksForText(context.req.header('accept'))) return context.json(metricsOf(snapshot))
      return context.body(expositionOf(snapshot, Date.now()), 200, { 'content-type': EXPOSITION_TYPE })
    },
  )
}

/** Clients that take JSON too get JSON. */
function asksForText(accept = ''): boolean {
  return /text\/plain|application\/openmetrics-text/i.test(accept) && !/application\/json/i.test(accept)
}

function metricsOf(snapshot: PoolSnapshot): MetricsResponse {
  const loads = snapshot.origins.map(({ load }) => load)
  return {
    active_sessions: snapshot.active_sessions,
    total_sessions: snapshot.total_sessions,
    cpu_usage: mean(loads.map((load) => load.cpu_usage)) ?? 0,
    memory_usage: mean(loads.map((load) => load.memory_usage)) ?? 0,
    gpu_usage: mean(loads.map((load) => load.gpu_usage)),
    websocket_connections: snapshot.client_sockets,
    redis_memory: readableBytes(snapshot.store_bytes),
    store_bytes: snapshot.store_bytes,
    average_latency: mean(loads.map((load) => load.average_latency)),
    turns: sumsOf(loads),
    origins: snapshot.origins.map(({ origin_id, sessions, device, draining, load }) => ({
      origin_id,
      sessions,
      capacity: load.capacity,
      speaking: load.speaking,
      device,
      cpu_usage: load.cpu_usage,
      memory_usage: load.memory_usage,
      rss_bytes: load.rss_bytes,
      average_latency: load.average_latency,
      draining,
      render: load.render,
      turns: load.turns,
    })),
  }
}

/** Steps of turns over all origins. */
function sumsOf(loads: OriginLoad[]): Record<string, Histogram> {
  const steps = new Set(loads.flatMap(({ turns }) => Object.keys(turns)))
  return Object.fromEntries(
    [...steps].flatMap((step) => {
      const sum = sumOf(loads.flatMap(({ turns }) => turns[step] ?? []))
      return sum === undefined ? [] : [[step, sum] as const]
    }),
  )
}

function expositionOf(snapshot: PoolSnapshot, now: number): string {
  const { origins } = snapshot
  const text = new Exposition()
  text.gauge('avatar_origins', 'Origins that are connected.', [{ value: origins.length }])
  text.gauge('avatar_sessions', 'Sessions that stand.', [{ value: snapshot.active_sessions }])
  text.counter('avatar_sessions_created_total', 'Sessions created since the edge was set up.', [{ value: snapshot.total_sessions }])
  text.gauge('avatar_client_sockets', 'Client sockets that are open.', [{ value: snapshot.client_sockets }])
  text.gauge('avatar_store_bytes', 'Size of the session store.', [{ value: snapshot.store_bytes }])
  const sums = Object.entries(sumsOf(origins.map(({ load }) => load)))
  text.histogram(
    'avatar_turn_step_ms',
    'Steps of all turns, ms from the beginning of the turn.',
    sums.map(([step, histogram]) => ({ labels: { step }, histogram })),
  )

  const perOrigin = (value: (origin: PoolOrigin) => number | null): Sample[] =>
    origins.flatMap((origin) => {
      const known = value(origin)
      return known === null ? [] : [{ labels: { origin: origin.origin_id }, value: known }]
    })
  text.gauge(
    'avatar_origin_info',
    'An origin: its version and what it renders on.',
    origins.map(({ origin_id, version, device }) => ({ labels: { origin: origin_id, version, device }, value: 1 })),
  )
  text.gauge(
    'avatar_origin_uptime_seconds',
    'Since its process started.',
    perOrigin(({ started_at }) => Math.max(0, now - started_at) / 1000),
  )
  text.gauge(
    'avatar_origin_draining',
    '1 while it takes no new sessions.',
    perOrigin(({ draining }) => (draining ? 1 : 0)),
  )
  text.gauge(
    'avatar_origin_sessions',
    'Sessions placed there.',
    perOrigin(({ sessions }) => sessions),
  )
  text.gauge(
    'avatar_origin_speaking',
    'Sessions that speak.',
    perOrigin(({ load }) => load.speaking),
  )
  text.gauge(
    'avatar_origin_capacity',
    'Sessions that may speak at one time.',
    perOrigin(({ load }) => load.capacity),
  )
  text.gauge(
    'avatar_origin_cpu_ratio',
    'Share of its cores in use.',
    perOrigin(({ load }) => load.cpu_usage / 100),
  )
  text.gauge(
    'avatar_origin_memory_ratio',
    "Share of its host's memory in use.",
    perOrigin(({ load }) => load.memory_usage / 100),
  )
  text.gauge(
    'avatar_origin_gpu_ratio',
    'Share of its GPU in use.',
    perOrigin(({ load }) => (load.gpu_usage === null ? null : load.gpu_usage / 100)),
  )
  text.gauge(
    'avatar_origin_rss_bytes',
    'Memory of its process.',
    perOrigin(({ load }) => load.rss_bytes),
  )
  text.gauge(
    'avatar_origin_first_sound_ms',
    'From a request to speak to its first sound, mean of the last 100.',
    perOrigin(({ load }) => load.average_latency),
  )
  text.gauge(
    'avatar_origin_stage',
    'Figures of its render and transport stages, by the names of the JSON.',
    origins.flatMap(({ origin_id, load }) =>
      Object.entries(load.render).map(([stage, value]) => ({ labels: { origin: origin_id, stage }, value })),
    ),
  )
  text.histogram(
    'avatar_origin_turn_step_ms',
    'Steps of its turns, ms from the beginning of the turn.',
    origins.flatMap(({ origin_id, load }) =>
      Object.entries(load.turns).map(([step, histogram]) => ({ labels: { origin: origin_id, step }, histogram })),
    ),
  )
  return text.toString()
}

/** `245MB`, as the API reference writes it; KB below one MB. */
function readableBytes(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)}KB` : `${Math.round(bytes / 1_000_000)}MB`
}
