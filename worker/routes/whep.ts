/** Watching a session with any player that speaks WHEP (draft-ietf-wish-whep): an SDP offer for an answer, one resource per viewer. */
import * as z from 'zod'
import type { IceServer } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { LinkCall } from '../../shared/link.ts'
import { callerOf, tenantForSession } from '../http/auth.ts'
import { readText } from '../http/body.ts'
import type { App, AppContext } from '../http/context.ts'
import { pathOf, register } from '../http/declare-route.ts'
import type { CallResult } from '../objects/contracts.ts'
import { unwrap } from '../objects/result.ts'
import { sessionStub } from '../objects/stubs.ts'
import { parseSdpFragment } from './sdp-fragment.ts'
import { sessionIdOf } from './sockets.ts'

const TAG = 'Viewers'
const SDP = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'
/** bytes */
const MAX_SDP = 100_000
const MAX_FRAGMENT = 16_384
const ENDPOINT = '/v1/whep/{session_id}'
const RESOURCE = `${ENDPOINT}/{viewer_id}`

const Watched = z.object({ viewer_id: z.string(), sdp: z.string() })

export function mountWhep(app: App): void {
  const sdp = z.string().meta({ example: 'v=0\r\n...' })
  register(
    app,
    'post',
    {
      path: ENDPOINT,
      tag: TAG,
      summary: 'Watch a session (WHEP)',
      description:
        'An offer that receives, for its answer, which holds all candidates. `Location` names the viewer: DELETE ends it. `Link` headers name the ICE servers. The session goes on for its own client beside it; a viewer ends with its session, or when it is silent for 30 s. Another media type than application/sdp is answered with 415.',
      takes: SDP,
      answers: SDP,
      status: 201,
      response: sdp,
      errors: ['SESSION_NOT_FOUND', 'CONCURRENCY_LIMIT', 'WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    ['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE'],
    sdp,
  )
  app.post(pathOf(ENDPOINT), watch)
  register(
    app,
    'patch',
    {
      path: RESOURCE,
      tag: TAG,
      summary: 'Add ICE candidates of a viewer that were found after its offer',
      description: 'Optional: checks of the viewer reveal its addresses. Restarting ICE is answered with 501: offer again.',
      takes: FRAGMENT,
      status: 204,
      errors: ['SESSION_NOT_FOUND', 'NOT_FOUND', 'WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    ['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE'],
    z.string(),
  )
  app.patch(pathOf(RESOURCE), addCandidates)
  register(
    app,
    'delete',
    { path: RESOURCE, tag: TAG, summary: 'Stop watching', errors: ['SESSION_NOT_FOUND', 'NOT_FOUND', 'ORIGIN_UNAVAILABLE'] },
    [],
  )
  app.delete(pathOf(RESOURCE), async (context) => {
    await callSession(context, { method: 'unwatch', params: { viewer_id: viewerIdOf(context) } })
    return context.body(null, 200)
  })
}

async function watch(context: AppContext): Promise<Response> {
  const sessionId = sessionIdOf(context)
  requireMedia(context, SDP)
  const tenant = tenantForSession(await callerOf(context), sessionId)
  const sdp = await readText(context.req.raw, MAX_SDP)
  if (!sdp.startsWith('v=0')) throw new AvatarError('INVALID_REQUEST', 'The body is no SDP: it begins with `v=0`.')
  const session = sessionStub(context.env, sessionId)
  const watched = Watched.parse(unwrap(await session.call(tenant, context.get('requestId'), { method: 'watch', params: { sdp } })))
  for (const link of iceLinks(await session.iceServers(tenant))) context.header('link', link, { append: true })
  context.header('location', `/v1/whep/${sessionId}/${watched.viewer_id}`)
  return context.body(watched.sdp, 201, { 'content-type': SDP })
}

async function addCandidates(context: AppContext): Promise<Response> {
  requireMedia(context, FRAGMENT)
  await callerOf(context)
  const { candidates, restarts } = parseSdpFragment(await readText(context.req.raw, MAX_FRAGMENT))
  if (restarts) throw new AvatarError('WEBRTC_NOT_READY', 'ICE cannot be restarted here: stop watching and offer again.')
  await callSession(context, { method: 'watch_ice', params: { viewer_id: viewerIdOf(context), candidates } })
  return context.body(null, 204)
}

async function callSession(context: AppContext, call: LinkCall): Promise<CallResult> {
  const sessionId = sessionIdOf(context)
  const tenant = tenantForSession(await callerOf(context), sessionId)
  return unwrap(await sessionStub(context.env, sessionId).call(tenant, context.get('requestId'), call))
}

function viewerIdOf(context: AppContext): string {
  return (context.req.param('viewer_id') ?? '').slice(0, 64)
}

/** 415 for another media type; the table of codes has no row of its own for it. */
class UnsupportedMediaType extends AvatarError {
  override get status(): number {
    return 415
  }
}

function requireMedia(context: AppContext, wanted: string): void {
  const given = (context.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (given === wanted) return
  throw new UnsupportedMediaType('INVALID_REQUEST', `Send it as content-type ${wanted}.`, { content_type: given?.slice(0, 128) ?? '' })
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
