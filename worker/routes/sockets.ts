/** WebSocket upgrades: clients to their session, origins to the pool and to their sessions. */
import * as z from 'zod'
import { ErrorBody } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import { SocketOptions } from '../../shared/events.ts'
import { sessionIdOf } from '../http/admit.ts'
import { agreedProtocol } from '../http/auth.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { socketRequest } from '../objects/sockets.ts'
import { poolStub, sessionStub } from '../objects/stubs.ts'

export function mountSockets(routes: RouteTable): void {
  routes.get(
    {
      path: '/ws/{session_id}',
      auth: 'session',
      rate: 'none',
      upgrade: true,
      tag: 'Socket',
      summary: 'Open the socket of a session',
      description:
        'A WebSocket. The token, where one is needed, stands in `token`, in the Authorization header or in the subprotocol `avatar.token.TOKEN`. Sends ServerEvent, takes ClientEvent.',
      query: SocketOptions,
      errors: ['CONCURRENCY_LIMIT'],
    },
    async ({ context, tenant, session, query }) => {
      const role = { role: 'client', tenant, options: query, protocol: agreedProtocol(context) } as const
      return await opened(session.object.fetch(socketRequest(role)))
    },
  )
  const link = { auth: 'origin', rate: 'none', upgrade: true, internal: true } as const
  routes.get({ ...link, path: '/link/control' }, ({ context }) => opened(poolStub(context.env).fetch(socketRequest({ role: 'origin' }))))
  routes.get({ ...link, path: '/link/session/{session_id}' }, ({ context }) =>
    opened(sessionStub(context.env, sessionIdOf(context)).fetch(socketRequest({ role: 'origin' }))),
  )
}

/** The object's 101, or its refusal as an error. */
async function opened(answer: Promise<Response>): Promise<Response> {
  const response = await answer
  if (response.status === 101) return response
  const { error } = z.object({ error: ErrorBody.shape.error }).parse(await response.json())
  throw new AvatarError(error.code, error.message, error.details)
}
