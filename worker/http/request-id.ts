/** Names the request, times it and logs it. */
import type { MiddlewareHandler } from 'hono'
import { newId } from '../../shared/ids.ts'
import { log } from '../log.ts'
import type { AppEnv } from './context.ts'

const USABLE = /^[\w.-]{1,64}$/

export const requestId: MiddlewareHandler<AppEnv> = async (context, next) => {
  const given = context.req.header('x-request-id') ?? ''
  const id = USABLE.test(given) ? given : newId('req')
  context.set('requestId', id)
  const startedAt = Date.now()
  await next()
  const { status } = context.res
  if (status !== 101) context.header('x-request-id', id)
  log.debug('request', { request_id: id, method: context.req.method, route: context.req.path, status, elapsed_ms: Date.now() - startedAt })
}
