/**
 * The one place that turns a name into a Durable Object. The stubs have the types of contracts.ts: the runtime's own RPC types
 * refuse results that hold open records.
 */
import type { Env } from '../env.ts'
import type { PoolObject, SessionObject, TenantObject } from './contracts.ts'

export function sessionStub(env: Env, sessionId: string): SessionObject {
  return stub(env.SESSION, sessionId)
}

export function tenantStub(env: Env, tenant: string): TenantObject {
  return stub(env.TENANT, tenant)
}

/** One pool knows every origin. */
export function poolStub(env: Env): PoolObject {
  return stub(env.POOL, 'pool')
}

/** Typed by the caller, since a namespace does not know the class of its objects. */
function stub<T>(namespace: DurableObjectNamespace, name: string): T {
  return namespace.get(namespace.idFromName(name)) as unknown as T
}
