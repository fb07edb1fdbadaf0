/** Cross-origin calls from browsers. No cookies are used, so any web origin may be allowed. */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './context.ts'

const EXPOSED =
  'x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, location, link, etag, accept-post, x-should-retry'

/** Says in every answer which pages may read it. Refused and unconfigured calls name none. */
export const cors: MiddlewareHandler<AppEnv> = async (context, next) => {
  await next()
  // the response of an opened socket cannot be changed
  if (context.res.status === 101) return
  const allowed = context.get('allowedOrigin')
  if (allowed !== '*') context.header('vary', 'origin', { append: true })
  if (allowed === undefined) return
  context.header('access-control-allow-origin', allowed)
  context.header('access-control-expose-headers', EXPOSED)
}

/** Answers a browser that asks before it calls. */
export const preflight: MiddlewareHandler<AppEnv> = async (context, next) => {
  if (context.req.method !== 'OPTIONS') {
    await next()
    return
  }
  context.res = new Response(null, { status: 204, headers: { 'access-control-max-age': '86400' } })
  context.header('access-control-allow-methods', 'GET, POST, PATCH, DELETE, OPTIONS')
  context.header('access-control-allow-headers', context.req.header('access-control-request-headers') ?? 'authorization, content-type')
}
