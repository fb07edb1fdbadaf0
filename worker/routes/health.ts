/** Health of the edge, its store and its origins. */
import { HealthResponse } from '../../shared/api.ts'
import { VERSION } from '../../shared/version.ts'
import type { AppContext } from '../http/context.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { log, reasonOf } from '../log.ts'
import type { PoolSnapshot } from '../objects/contracts.ts'
import { poolStub } from '../objects/stubs.ts'

export function mountHealth(routes: RouteTable): void {
  routes.get(
    {
      path: '/health',
      auth: 'open',
      rate: 'none',
      tag: 'Operation',
      summary: 'Health check',
      description: '200 while the edge can work, also without an origin (`degraded`); 503 when its store fails.',
      response: HealthResponse,
      alsoStatus: { 503: 'The store fails.' },
    },
    async ({ context }) => {
      const snapshot = await readSnapshot(context)
      const body = snapshot === undefined ? STORE_FAILS : healthOf(snapshot, Date.now())
      return context.json(body, snapshot === undefined ? 503 : 200)
    },
  )
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
