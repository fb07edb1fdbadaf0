/** Sessions: opening, starting, stopping, listing. */
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
import { callerOf, tenantByKey, tenantForSession } from '../http/auth.ts'
import type { App, AppContext } from '../http/context.ts'
import { get, post } from '../http/declare-route.ts'
import { takeRate } from '../http/rate-limit.ts'
import { mintToken } from '../http/session-token.ts'
import { mintIceServers } from '../ice-servers.ts'
import { unwrap } from '../objects/result.ts'
import { sessionStub, tenantStub } from '../objects/stubs.ts'

/** How long a new session may wait for its origin, ms. */
const ORIGIN_WAIT_MS = 5_000
const TAG = 'Sessions'

export function mountSessions(app: App): void {
  post(
    app,
    {
      path: '/v1/streaming.new',
      tag: TAG,
      summary: 'Create a new avatar session',
      response: NewSessionResponse,
      errors: ['AVATAR_NOT_FOUND', 'RATE_LIMITED', 'CONCURRENCY_LIMIT', 'ORIGIN_UNAVAILABLE', 'CAPACITY_EXCEEDED'],
    },
    NewSessionRequest,
    async (context, body) => context.json(await createSession(context, body)),
  )
  post(
    app,
    {
      path: '/v1/streaming.start',
      tag: TAG,
      summary: 'Start WebRTC for a session',
      description: 'Exchanges an SDP offer for the answer. Not needed for a client that watches over the socket.',
      response: StartSessionResponse,
      errors: ['SESSION_NOT_FOUND', 'WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    StartSessionRequest,
    async (context, body) => {
      const tenant = tenantForSession(await callerOf(context), body.session_id)
      const call = { method: 'start' as const, params: body }
      return context.json(unwrap(await sessionStub(context.env, body.session_id).call(tenant, context.get('requestId'), call)))
    },
  )
  post(
    app,
    {
      path: '/v1/streaming.ice',
      tag: TAG,
      summary: 'Add an ICE candidate that was found after the offer',
      description: 'Optional: the answer has all candidates of the other side, and the client’s own checks reveal its addresses.',
      response: IceCandidateResponse,
      errors: ['SESSION_NOT_FOUND', 'WEBRTC_NOT_READY', 'ORIGIN_UNAVAILABLE'],
    },
    IceCandidateRequest,
    async (context, body) => {
      const tenant = tenantForSession(await callerOf(context), body.session_id)
      const call = { method: 'ice' as const, params: body }
      return context.json(unwrap(await sessionStub(context.env, body.session_id).call(tenant, context.get('requestId'), call)))
    },
  )
  post(
    app,
    {
      path: '/v1/streaming.stop',
      tag: TAG,
      summary: 'End a session',
      response: StopSessionResponse,
      errors: ['SESSION_NOT_FOUND'],
    },
    SessionRequest,
    async (context, { session_id }) => {
      const tenant = tenantForSession(await callerOf(context), session_id)
      const { duration } = unwrap(await sessionStub(context.env, session_id).stop(tenant))
      return context.json({ status: 'stopped', duration } satisfies StopSessionResponse)
    },
  )
  post(
    app,
    {
      path: '/v1/streaming.interrupt',
      tag: TAG,
      summary: 'Interrupt the current speech',
      response: InterruptResponse,
      errors: ['SESSION_NOT_FOUND', 'ORIGIN_UNAVAILABLE'],
    },
    SessionRequest,
    async (context, { session_id }) => {
      const tenant = tenantForSession(await callerOf(context), session_id)
      const call = { method: 'interrupt' as const, params: {} }
      return context.json(unwrap(await sessionStub(context.env, session_id).call(tenant, context.get('requestId'), call)))
    },
  )
  post(
    app,
    {
      path: '/v1/streaming.keep_alive',
      tag: TAG,
      summary: 'Start the idle time of a session anew',
      response: KeepAliveResponse,
      errors: ['SESSION_NOT_FOUND'],
    },
    SessionRequest,
    async (context, { session_id }) => {
      const tenant = tenantForSession(await callerOf(context), session_id)
      const { expires_in_s } = unwrap(await sessionStub(context.env, session_id).keepAlive(tenant))
      return context.json({ status: 'ok', expires_in_s } satisfies KeepAliveResponse)
    },
  )
  get(
    app,
    { path: '/v1/streaming.sessions', tag: TAG, summary: 'List all active sessions', response: SessionListResponse },
    async (context) => {
      const sessions = await tenantStub(context.env, await tenantByKey(context)).list()
      return context.json({ sessions, total: sessions.length } satisfies SessionListResponse)
    },
  )
}

async function createSession(context: AppContext, body: NewSessionRequest): Promise<NewSessionResponse> {
  const config = context.get('config')
  const tenant = await tenantByKey(context)
  await takeRate(context, tenant, 'sessions')
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
    ws_url: `${config.WS_URL ?? derivedSocketBase(context.req.url)}/${sessionId}`,
    limits,
    ...(warnings.length === 0 ? {} : { warnings }),
  }
}

/** The socket address on the host that was called. */
function derivedSocketBase(requestUrl: string): string {
  const url = new URL(requestUrl)
  return `${url.protocol === 'https:' ? 'wss' : 'ws'}://${url.host}/ws`
}
