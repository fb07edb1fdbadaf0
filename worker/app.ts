/** The Worker: request id, CORS, configuration, who may call from where, routes; every failure is answered in the documented form. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AvatarError, toAvatarError } from '../shared/errors.ts'
import { ConfigError } from './env.ts'
import { admission } from './http/admission.ts'
import type { App, AppContext } from './http/context.ts'
import { cors, preflight } from './http/cors.ts'
import { RouteTable } from './http/declare-route.ts'
import { readConfig } from './http/read-config.ts'
import { requestId } from './http/request-id.ts'
import { log, reasonOf } from './log.ts'
import { mountAdmin } from './routes/admin.ts'
import { mountCatalog } from './routes/catalog.ts'
import { mountChat } from './routes/chat.ts'
import { mountDocs } from './routes/docs.ts'
import { mountHealth } from './routes/health.ts'
import { mountMetrics } from './routes/metrics.ts'
import { mountSessions } from './routes/sessions.ts'
import { mountSockets } from './routes/sockets.ts'
import { mountSpeech } from './routes/speech.ts'
import { acceptPost, mountWhep, WHEP_ENDPOINT } from './routes/whep.ts'

export function createApp(): App {
  const routes = new RouteTable()
  const { app } = routes
  app.use(requestId)
  app.use(cors)
  app.use(readConfig)
  app.use(admission)
  app.use(WHEP_ENDPOINT, acceptPost)
  app.use(preflight)
  mountSessions(routes)
  mountSpeech(routes)
  mountChat(routes)
  mountSockets(routes)
  mountWhep(routes)
  mountCatalog(routes)
  mountHealth(routes)
  mountMetrics(routes)
  mountAdmin(routes)
  mountDocs(routes)
  app.notFound((context) => errorResponse(context, notFound(app, context)))
  app.onError((thrown, context) => errorResponse(context, asAvatarError(thrown, context)))
  return app
}

function errorResponse(context: AppContext, error: AvatarError): Response {
  const { retry_after_s: retryAfterS, allow } = error.details
  if (typeof retryAfterS === 'number') context.header('retry-after', String(retryAfterS))
  if (typeof allow === 'string') context.header('allow', allow)
  // through the context, which holds the headers that were set on the way here
  return context.body(JSON.stringify(error.toBody()), error.status as ContentfulStatusCode, {
    'content-type': 'application/json; charset=utf-8',
  })
}

function asAvatarError(thrown: unknown, context: AppContext): AvatarError {
  if (thrown instanceof ConfigError) {
    log.error('the configuration does not fit', { reason: thrown.message })
    return new AvatarError('INTERNAL_ERROR', `The edge is not configured: ${thrown.message}.`, { variables: thrown.variables })
  }
  if (!(thrown instanceof AvatarError)) {
    log.error('request failed', { request_id: context.get('requestId'), route: context.req.path, reason: reasonOf(thrown) })
  }
  return toAvatarError(thrown)
}

/** 405 with the methods of the path if there are any, else 404. */
function notFound(app: App, context: AppContext): AvatarError {
  const { path, method } = context.req
  const methods = ['GET', 'POST', 'PATCH', 'DELETE'].filter((other) => other !== method && routed(app, other, path))
  if (methods.length === 0)
    return new AvatarError('NOT_FOUND', 'There is nothing at this address; see /docs.', { path: path.slice(0, 256) })
  const allow = [...methods, 'OPTIONS'].join(', ')
  return new AvatarError('METHOD_NOT_ALLOWED', `${method} is not allowed here; use ${methods.join(' or ')}.`, { method, allow })
}

function routed(app: App, method: string, path: string): boolean {
  return app.routes.some((route) => {
    if (route.method !== method) return false
    const one = route.path.split('/')
    const other = path.split('/')
    return one.length === other.length && one.every((part, i) => part === other[i] || (part.startsWith(':') && other[i] !== ''))
  })
}
