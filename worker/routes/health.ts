/** Health and metrics: what origins, storage and sockets report; null where nothing is known. */
import { HealthResponse, MetricsResponse } from '../../shared/api.ts'
import { VERSION } from '../../shared/version.ts'
import type { App, AppContext } from '../context.ts'
import { log, reasonOf } from '../log.ts'
import { tenantByKey } from '../middleware/auth.ts'
import type { PoolSnapshot } from '../origin-pool.ts'
import { mean } from '../pool/mean.ts'
import { poolStub } from '../stubs.ts'
import { get } from './define.ts'

export function mountHealth(app: App): void {
  get(
    app,
    {
      path: '/health',
      tag: 'Operation',
      summary: 'Health check',
      description: '200 while the edge can work, also without an origin (`degraded`); 503 when its store fails.',
      response: HealthResponse,
      open: true,
    },
    async (context) => {
      const snapshot = await readSnapshot(context)
      const body = snapshot === undefined ? STORE_FAILS : healthOf(snapshot, Date.now())
      return context.json(body, snapshot === undefined ? 503 : 200)
    },
  )
  get(app, { path: '/metrics', tag: 'Operation', summary: 'System metrics', response: MetricsResponse }, async (context) => {
    await tenantByKey(context)
    return context.json(metricsOf(await poolStub(context.env).snapshot()))
  })
}

async function readSnapshot(context: AppContext): Promise<PoolSnapshot | undefined> {
  try {
    return await poolStub(context.env).snapshot()
  } catch (thrown) {
    log.error('store failed', { reason: reasonOf(thrown) })
    return undefined
  }
}

const STORE_FAILS: HealthResponse = {
  status: 'unavailable',
  version: VERSION,
  uptime: 0,
  services: {
    api: 'healthy',
    websocket: 'unavailable',
    redis: 'unavailable',
    store: 'unavailable',
    gpu: 'unavailable',
    origin: 'unavailable',
  },
  origins: 0,
}

function healthOf({ origins }: PoolSnapshot, now: number): HealthResponse {
  const here = origins.length > 0
  const startedAt = Math.min(now, ...origins.map((origin) => origin.started_at))
  return {
    status: here ? 'healthy' : 'degraded',
    version: VERSION,
    uptime: here ? Math.floor((now - startedAt) / 1000) : 0,
    services: {
      api: 'healthy',
      websocket: here ? 'healthy' : 'degraded',
      redis: 'healthy',
      store: 'healthy',
      gpu: origins.some(({ device }) => device.toLowerCase() !== 'cpu') ? 'available' : 'unavailable',
      origin: here ? 'healthy' : 'unavailable',
    },
    origins: origins.length,
  }
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
    })),
  }
}

/** `245MB`, as the API reference writes it; KB below one MB. */
function readableBytes(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)}KB` : `${Math.round(bytes / 1_000_000)}MB`
}
