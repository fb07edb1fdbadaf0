/** Cross-origin calls from browsers. No cookies are used, so any web origin may be allowed. */
import type { MiddlewareHandler } from 'hono'
import { configOf } from '../env.ts'
import type { AppContext, AppEnv } from './context.ts'

const EXPOSED = 'x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, location, link'

export const cors: MiddlewareHandler<AppEnv> = async (context, next) => {
  if (context.req.method === 'OPTIONS') {
    context.res = new Response(null, { status: 204, headers: { 'access-control-max-age': '86400' } })
    context.header('access-control-allow-methods', 'GET, POST, PATCH, DELETE, OPTIONS')
    context.header('access-control-allow-headers', context.req.header('access-control-request-headers') ?? 'authorization, content-type')
  } else {
    await next()
  }
  // the response of an opened socket cannot be changed
  if (context.res.status === 101) return
  const allowed = allowedOrigin(context)
  if (allowed === undefined) return
  context.header('access-control-allow-origin', allowed)
  context.header('access-control-expose-headers', EXPOSED)
  if (allowed !== '*') context.header('vary', 'origin', { append: true })
}

function allowedOrigin(context: AppContext): string | undefined {
  try {
    const { ALLOWED_ORIGINS } = configOf(context.env)
    return ALLOWED_ORIGINS.includes('*') ? '*' : ALLOWED_ORIGINS.find((origin) => origin === context.req.header('origin'))
  } catch {
    // not configured: the answer says so, without permission for anybody
    return undefined
  }
}
