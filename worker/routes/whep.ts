/** Watching a session with any WHEP player (draft-ietf-wish-whep): exchanges an SDP offer for an answer, one resource per viewer. */
import type { MiddlewareHandler } from 'hono'
import * as z from 'zod'
import type { IceServer } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import { pathPrefix } from '../http/addresses.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { parseSdpFragment } from './sdp-fragment.ts'

const TAG = 'Viewers'
const SDP = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'
/** bytes */
const MAX_SDP = 100_000
const MAX_FRAGMENT = 16_384
const ENDPOINT = '/v1/whep/{session_id}'
export const WHEP_ENDPOINT = '/v1/whep/:session_id'
const RESOURCE = `${ENDPOINT}/{viewer_id}`

const EMPTY = 'The body is empty: the player must offer. Send its SDP offer; the server makes none.'
const Sdp = z
  .string()
  .min(1, { error: EMPTY, abort: true })
  .regex(/^v=0/, 'The body is no SDP: it begins with `v=0`.')
  .meta({ example: 'v=0\r\n...' })
/** Players are often given nothing but an address. */
const Query = z.object({ token: z.string().optional().meta({ description: 'The access_token of the session, instead of the header.' }) })
const Fragment = z.string().meta({ example: 'a=end-of-candidates\r\n' })
const Watched = z.object({ viewer_id: z.string(), sdp: z.string() })

/** Common to all calls of a viewer's resource. */
const VIEWER = { path: RESOURCE, auth: 'session', rate: 'none', tag: TAG, query: Query } as const

/** Says in each answer of the endpoint what is posted there (draft-ietf-wish-whep), also to who asks by OPTIONS. */
export const acceptPost: MiddlewareHandler<AppEnv> = async (context, next) => {
  await next()
  context.header('accept-post', SDP)
}

export function mountWhep(routes: RouteTable): void {
  routes.post(
    {
      path: ENDPOINT,
      auth: 'session',
      rate: 'none',
      tag: TAG,
      summary: 'Watch a session (WHEP)',
      description:
        'An offer that receives, for its answer, which holds all candidates. `Location` names the viewer: DELETE ends it. A token of the query stands there too. `Link` headers name the ICE servers. The session goes on for its own client beside it; a viewer ends with its session, or when it is silent for 30 s.',
      takes: SDP,
      maxBytes: MAX_SDP,
      query: Query,
      body: Sdp,
      answers: SDP,
      status: 201,
      response: Sdp,
      errors: ['CONCURRENCY_LIMIT', 'WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    async ({ context, tenant, session, query, body: sdp }) => {
      const watched = Watched.parse(await session.call({ method: 'watch', params: { sdp } }))
      for (const link of iceLinks(await session.object.iceServers(tenant))) context.header('link', link, { append: true })
      // a player that was given only an address ends with this one
      const token = query.token === undefined ? '' : `?token=${encodeURIComponent(query.token)}`
      context.header('location', `${pathPrefix(context)}/v1/whep/${session.id}/${watched.viewer_id}${token}`)
      return context.body(watched.sdp, 201, { 'content-type': SDP })
    },
  )
  routes.patch(
    {
      ...VIEWER,
      summary: 'Add ICE candidates of a viewer that were found after its offer',
      description: 'Optional: checks of the viewer reveal its addresses. Restarting ICE is answered with 501: offer again.',
      takes: FRAGMENT,
      maxBytes: MAX_FRAGMENT,
      body: Fragment,
      status: 204,
      errors: ['NOT_FOUND', 'WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    async ({ context, session, body }) => {
      const { candidates, restarts } = parseSdpFragment(body)
      if (restarts) throw new AvatarError('WEBRTC_NOT_READY', 'ICE cannot be restarted here: stop watching and offer again.')
      await session.call({ method: 'watch_ice', params: { viewer_id: viewerIdOf(context), candidates } })
      return context.body(null, 204)
    },
  )
  routes.delete({ ...VIEWER, summary: 'Stop watching', errors: ['NOT_FOUND', 'ORIGIN_UNAVAILABLE'] }, async ({ context, session }) => {
    await session.call({ method: 'unwatch', params: { viewer_id: viewerIdOf(context) } })
    return context.body(null, 200)
  })
}

function viewerIdOf(context: AppContext): string {
  return (context.req.param('viewer_id') ?? '').slice(0, 64)
}

/** ICE servers as Link headers (draft-ietf-wish-whep section 4.6, after RFC 8288). */
function iceLinks(servers: IceServer[]): string[] {
  return servers.flatMap(({ urls, username, credential }) =>
    [urls].flat().map((url) => {
      const secrets =
        username === undefined ? '' : `; username=${quoted(username)}; credential=${quoted(credential ?? '')}; credential-type="password"`
      return `<${url}>; rel="ice-server"${secrets}`
    }),
  )
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
