/** WebSocket upgrades: clients to their session, origins to the pool and to their sessions. */
import * as z from 'zod'
import { ErrorBody } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import { SocketOptions } from '../../shared/events.ts'
import { SessionId } from '../../shared/ids.ts'
import { agreedProtocol, requireOriginKey, socketCallerOf, tenantForSession } from '../http/auth.ts'
import { invalid } from '../http/body.ts'
import type { App, AppContext } from '../http/context.ts'
import { get } from '../http/declare-route.ts'
import { type SocketRole, socketRequest } from '../objects/sockets.ts'
import { poolStub, sessionStub } from '../objects/stubs.ts'

export function mountSockets(app: App): void {
  get(
    app,
    {
      path: '/ws/{session_id}',
      tag: 'Socket',
      summary: 'Open the socket of a session',
      description:
        'A WebSocket. Query: SocketOptions. The token, where one is needed, stands in `token`, in the Authorization header or in the subprotocol `avatar.token.TOKEN`. Sends ServerEvent, takes ClientEvent.',
      errors: ['SESSION_NOT_FOUND', 'UPGRADE_REQUIRED', 'CONCURRENCY_LIMIT'],
    },
    openClientSocket,
  )
  app.get('/link/control', async (context) => {
    requireUpgrade(context)
    await requireOriginKey(context)
    return opened(await poolStub(context.env).fetch(socketRequest({ role: 'origin' })))
  })
  app.get('/link/session/:session_id', async (context) => {
    requireUpgrade(context)
    await requireOriginKey(context)
    return openSession(context, { role: 'origin' })
  })
}

async function openClientSocket(context: AppContext): Promise<Response> {
  requireUpgrade(context)
  const options = SocketOptions.safeParse(context.req.query())
  if (!options.success) throw invalid(options.error)
  const sessionId = sessionIdOf(context)
  const tenant = tenantForSession(await socketCallerOf(context, options.data.token), sessionId)
  return openSession(context, { role: 'client', tenant, options: options.data, protocol: agreedProtocol(context) })
}

async function openSession(context: AppContext, role: SocketRole): Promise<Response> {
  return opened(await sessionStub(context.env, sessionIdOf(context)).fetch(socketRequest(role)))
}

/** The object's 101, or its refusal as an error. */
async function opened(response: Response): Promise<Response> {
  if (response.status === 101) return response
  const { error } = z.object({ error: ErrorBody.shape.error }).parse(await response.json())
  throw new AvatarError(error.code, error.message, error.details)
}

/** @throws AvatarError SESSION_NOT_FOUND */
export function sessionIdOf(context: AppContext): string {
  const id = context.req.param('session_id') ?? ''
  if (SessionId.safeParse(id).success) return id.toLowerCase()
  throw new AvatarError('SESSION_NOT_FOUND', 'The specified session does not exist', { session_id: id.slice(0, 64) })
}

function requireUpgrade(context: AppContext): void {
  if (context.req.header('upgrade')?.toLowerCase() === 'websocket') return
  throw new AvatarError('UPGRADE_REQUIRED', 'This address is a WebSocket; open it with an upgrade request.')
}
