/** Refuses every request while the configuration does not fit: closed, never open by accident. */
import type { MiddlewareHandler } from 'hono'
import { ConfigError, configOf } from '../env.ts'
import { setLogLevel } from '../log.ts'
import type { AppEnv } from './context.ts'

/** Headers that Cloudflare's edge sets on every request and a Worker on one's own machine does not see. */
const EDGE_HEADERS = ['cf-ray', 'cf-visitor']

export const readConfig: MiddlewareHandler<AppEnv> = async (context, next) => {
  const config = configOf(context.env)
  if (config.AUTH_MODE === 'open' && EDGE_HEADERS.some((name) => context.req.header(name) !== undefined)) {
    throw new ConfigError([{ variable: 'AUTH_MODE', message: 'open is refused behind the edge network; set keys and API_KEYS' }])
  }
  setLogLevel(config.LOG_LEVEL)
  context.set('config', config)
  await next()
}
