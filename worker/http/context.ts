/** What every request carries through the middleware. */
import type { Context, Hono } from 'hono'
import type { Config, Env } from '../env.ts'

/** Who calls. `key`: an API key's owner (or anyone, in open mode). `session`: the holder of one session's token. */
export type Caller = { kind: 'key'; tenant: string } | { kind: 'session'; tenant: string; sessionId: string }

export interface AppEnv {
  Bindings: Env
  Variables: {
    requestId: string
    config: Config
    /** The web origin that may read the answer, `*` for any; unset for none. */
    allowedOrigin?: string
  }
}

export type AppContext = Context<AppEnv>
/** Without `get`, `post` and the like: routes are declared, see declare-route.ts. */
export type App = Pick<Hono<AppEnv>, 'use' | 'notFound' | 'onError' | 'fetch' | 'routes'>
