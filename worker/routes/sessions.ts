/** Sessions: creating, starting WebRTC, interrupting, stopping, listing. */
import {
  IceCandidateRequest,
  IceCandidateResponse,
  InterruptResponse,
  KeepAliveResponse,
  NewSessionRequest,
  NewSessionResponse,
  SessionListResponse,
  SessionRequest,
  StartSessionRequest,
  StartSessionResponse,
  StopSessionResponse,
} from '../../shared/api.ts'
import { newSessionId } from '../../shared/ids.ts'
import { socketBase } from '../http/addresses.ts'
import type { AppContext } from '../http/context.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { mintToken } from '../http/session-token.ts'
import { mintIceServers } from '../ice-servers.ts'
import { unwrap } from '../objects/result.ts'
import { sessionStub, tenantStub } from '../objects/stubs.ts'

/** How long a new session may wait for its origin, ms. */
const ORIGIN_WAIT_MS = 5_000
const SESSIONS = { rate: 'none', tag: 'Sessions' } as const

export function mountSessions(routes: RouteTable): void {
  routes.post(
    {
      ...SESSIONS,
      path: '/v1/streaming.new',
      auth: 'key',
      rate: 'sessions',
      summary: 'Create a new avatar session',
      body: NewSessionRequest,
      response: NewSessionResponse,
      errors: ['AVATAR_NOT_FOUND', 'CONCURRENCY_LIMIT', 'ORIGIN_UNAVAILABLE', 'CAPACITY_EXCEEDED'],
    },
    async ({ context, tenant, body }) => context.json(await createSession(context, tenant, body)),
  )
  routes.post(
    {
      ...SESSIONS,
      path: '/v1/streaming.start',
      auth: 'session',
      summary: 'Start WebRTC for a session',
      description: 'Exchanges an SDP offer for the answer. Not needed for a client that watches over the socket.',
      body: StartSessionRequest,
      response: StartSessionResponse,
      errors: ['WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    async ({ context, session, body }) => context.json(await session.call({ method: 'start', params: body })),
  )
  routes.post(
    {
      ...SESSIONS,
      path: '/v1/streaming.ice',
      auth: 'session',
      summary: 'Add an ICE candidate that was found after the offer',
      description: 'Optional: the answer has all candidates of the other side, and the client’s own checks reveal its addresses.',
      body: IceCandidateRequest,
      response: IceCandidateResponse,
      errors: ['WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    async ({ context, session, body }) => context.json(await session.call({ method: 'ice', params: body })),
  )
  routes.post(
    {
      ...SESSIONS,
      path: '/v1/streaming.stop',
      auth: 'session',
      summary: 'End a session',
      body: SessionRequest,
      response: StopSessionResponse,
    },
    async ({ context, tenant, session }) => {
      const { duration } = unwrap(await session.object.stop(tenant))
      return context.json({ status: 'stopped', duration } satisfies StopSessionResponse)
    },
  )
  routes.post(
    {
      ...SESSIONS,
      path: '/v1/streaming.interrupt',
      auth: 'session',
      summary: 'Interrupt the current speech',
      body: SessionRequest,
      response: InterruptResponse,
      errors: ['ORIGIN_UNAVAILABLE'],
    },
    async ({ context, session }) => context.json(await session.call({ method: 'interrupt', params: {} })),
  )
  routes.post(
    {
      ...SESSIONS,
      path: '/v1/streaming.keep_alive',
      auth: 'session',
      summary: 'Start the idle time of a session anew',
      body: SessionRequest,
      response: KeepAliveResponse,
    },
    async ({ context, tenant, session }) => {
      const { expires_in_s } = unwrap(await session.object.keepAlive(tenant))
      return context.json({ status: 'ok', expires_in_s } satisfies KeepAliveResponse)
    },
  )
  routes.get(
    {
      ...SESSIONS,
      path: '/v1/streaming.sessions',
      auth: 'key',
      summary: 'List all active sessions',
      response: SessionListResponse,
    },
    async ({ context, tenant }) => {
      const sessions = await tenantStub(context.env, tenant).list()
      return context.json({ sessions, total: sessions.length } satisfies SessionListResponse)
    },
  )
}

async function createSession(context: AppContext, tenant: string, body: NewSessionRequest): Promise<NewSessionResponse> {
  const config = context.get('config')
  const sessionId = newSessionId()
  const tenantObject = tenantStub(context.env, tenant)
  unwrap(await tenantObject.add(sessionId, config.MAX_SESSIONS))
  const limits = {
    join_timeout_s: config.JOIN_TIMEOUT_S,
    idle_timeout_s: config.IDLE_TIMEOUT_S,
    max_duration_s: config.MAX_DURATION_S,
    resume_window_s: config.RESUME_WINDOW_S,
  }
  const ice = await mintIceServers(config, sessionId)
  const created = await sessionStub(context.env, sessionId).create({
    config: {
      session_id: sessionId,
      avatar_id: body.avatar_id,
      voice_id: body.voice_id ?? null,
      quality: body.quality,
      created_at: Date.now(),
      ice_servers: ice.iceServers,
      ...(body.system_prompt === undefined ? {} : { system_prompt: body.system_prompt }),
      ...(body.tools === undefined ? {} : { tools: body.tools }),
      ...(body.language === undefined ? {} : { language: body.language }),
      ...(body.turn_detection === undefined ? {} : { turn_detection: body.turn_detection }),
    },
    tenant,
    settings: { limits, messagesPerSecond: config.RATE_LIMIT_MESSAGES },
    waitMs: ORIGIN_WAIT_MS,
  })
  if (!created.ok) await tenantObject.remove(sessionId)
  const warnings = [...unwrap(created).warnings, ...ice.warnings]
  return {
    session_id: sessionId,
    ice_servers: ice.iceServers,
    access_token: await mintToken({ tenant, sessionId }, config.TOKEN_SECRET, config.MAX_DURATION_S),
    ws_url: `${socketBase(context)}/${sessionId}`,
    limits,
    ...(warnings.length === 0 ? {} : { warnings }),
  }
}
