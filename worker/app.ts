/** The Worker: request id, CORS, configuration, who may call from where, routes; every failure is answered in the documented form. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AvatarError, ERRORS, toAvatarError } from '../shared/errors.ts'
import { ConfigError } from './env.ts'
import { admission } from './http/admission.ts'
import type { App, AppContext } from './http/context.ts'
import { cors, preflight } from './http/cors.ts'
import { RouteTable } from './http/declare-route.ts'
import { readConfig } from './http/read-config.ts'
import { requestId } from './http/request-id.ts'
import { unknownAddress } from './http/unknown-address.ts'
import { log, reasonOf } from './log.ts'
import { mountAdmin } from './routes/admin.ts'
import { mountCatalog } from './routes/catalog.ts'
import { mountChat } from './routes/chat.ts'
import { mountDocs } from './routes/docs.ts'
import { mountHealth } from './routes/health.ts'
import { mountMetrics } from './routes/metrics.ts'
import { mountModels } from './routes/models.ts'
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
  mountModels(routes)
  mountHealth(routes)
  mountMetrics(routes)
  mountAdmin(routes)
  mountDocs(routes)
  app.notFound((context) => errorResponse(context, unknownAddress(app, context)))
  app.onError((thrown, context) => errorResponse(context, asAvatarError(thrown, context)))
  return app
}

function errorResponse(context: AppContext, error: AvatarError): Response {
  const { retry_after_s: retryAfterS, allow } = error.details
  if (typeof retryAfterS === 'number') context.header('retry-after', String(retryAfterS))
  if (typeof allow === 'string') context.header('allow', allow)
  if (error.status >= 500 && !isWorthRetrying(error)) context.header('x-should-retry', 'false')
  // through the context, which holds the headers that were set on the way here
  return context.body(JSON.stringify(error.toBody()), error.status as ContentfulStatusCode, {
    'content-type': 'application/json; charset=utf-8',
  })
}

/** Clients of OpenAI repeat every 5xx, unless `x-should-retry` says no: a provider's refusal will be the same again. */
function isWorthRetrying({ code, details: { status } }: AvatarError): boolean {
  if (!ERRORS[code].retryable) return false
  return typeof status !== 'number' || status >= 500 || [408, 409, 425, 429].includes(status)
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
