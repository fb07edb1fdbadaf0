/** The one place that turns a name into a Durable Object. The stubs are typed by hand: results hold open records, which RPC types refuse. */
import type { Env } from '../env.ts'
import type { OriginPool } from '../pool/origin-pool.ts'
import type { SessionRelay } from '../session/session-relay.ts'
import type { Tenant } from '../tenant/tenant.ts'

/** The public methods of an object, each answered asynchronously. */
type Remote<T> = {
  [Name in keyof T as T[Name] extends (...args: never[]) => unknown
    ? Name extends `webSocket${string}` | 'alarm'
      ? never
      : Name
    : never]: T[Name] extends (...args: infer Args) => infer Answer ? (...args: Args) => Promise<Awaited<Answer>> : never
}

export function sessionStub(env: Env, sessionId: string): Remote<SessionRelay> {
  return stub<SessionRelay>(env.SESSION, sessionId.toLowerCase())
}

export function tenantStub(env: Env, tenant: string): Remote<Tenant> {
  return stub<Tenant>(env.TENANT, tenant)
}

/** One pool knows every origin. */
export function poolStub(env: Env): Remote<OriginPool> {
  return stub<OriginPool>(env.POOL, 'pool')
}

function stub<T>(namespace: DurableObjectNamespace, name: string): Remote<T> {
  return namespace.get(namespace.idFromName(name)) as unknown as Remote<T>
}
