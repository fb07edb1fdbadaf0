/** Conversation in the shape of OpenAI's chat completions: answered aloud by a session, or as text alone. */
import * as z from 'zod'
import { ChatRequest, ChatResponse } from '../../shared/chat.ts'
import { newId, SessionId } from '../../shared/ids.ts'
import { callerOf, tenantForSession } from '../http/auth.ts'
import { invalid } from '../http/body.ts'
import type { App, AppContext } from '../http/context.ts'
import { post } from '../http/declare-route.ts'
import { takeRate } from '../http/rate-limit.ts'
import { log, reasonOf } from '../log.ts'
import type { CallResult } from '../objects/contracts.ts'
import { noSession, type Result, unwrap } from '../objects/result.ts'
import { poolStub, sessionStub } from '../objects/stubs.ts'

/** For clients that cannot put a field of ours into the body. */
const SESSION_HEADER = 'x-session-id'

export function mountChat(app: App): void {
  const route = {
    tag: 'Speech',
    response: ChatResponse,
    headers: z.object({
      [SESSION_HEADER]: SessionId.optional().meta({ description: 'The same as `session_id` in the body, which wins.' }),
    }),
    streams: true,
    errors: ['SESSION_NOT_FOUND', 'RATE_LIMITED', 'ORIGIN_UNAVAILABLE', 'CAPACITY_EXCEEDED', 'PROVIDER_FAILED'] as const,
  }
  const description =
    'The avatar of the session speaks the reply while it is still being written; without a session the reply comes as text alone. With `stream: true`: server-sent events of ChatChunk, ending in `data: [DONE]`; a failure on the way is one `data: {"error": ...}` before it.'
  post(app, { ...route, path: '/v1/chat.completions', summary: 'Send a message to the AI avatar', description }, ChatRequest, chat)
  post(
    app,
    {
      ...route,
      path: '/v1/chat/completions',
      summary: 'The same, where clients of OpenAI look for it',
      description: 'With `/v1` as the base URL and an API key as its key, the `openai` package works as it is.',
    },
    ChatRequest,
    chat,
  )
}

/** One chat, whoever answers it. */
interface Answerer {
  whole(): Promise<Result<CallResult>>
  stream(): Promise<Result<ReadableStream<Uint8Array>>>
  cancel(): Promise<void>
}

async function chat(context: AppContext, body: ChatRequest): Promise<Response> {
  const answerer = await answererOf(context, body)
  // a client that leaves stops the reply, also before its first word
  const leave = () => context.executionCtx.waitUntil(answerer.cancel().catch(unreachable))
  const { signal } = context.req.raw
  signal.addEventListener('abort', leave, { once: true })
  if (!body.stream) {
    const result = await answerer.whole()
    signal.removeEventListener('abort', leave)
    return context.json(unwrap(result))
  }
  const stream = unwrap(await answerer.stream())
  return context.body(stream, 200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform' })
}

async function answererOf(context: AppContext, body: ChatRequest): Promise<Answerer> {
  const sessionId = body.session_id ?? sessionOfHeader(context)
  const caller = await callerOf(context)
  // the caller may choose the request's name, so it alone would not tell two chats apart
  const id = `${context.get('requestId')}.${newId('req')}`
  if (sessionId !== undefined) {
    const tenant = tenantForSession(caller, sessionId)
    await takeRate(context, tenant, 'chat')
    const session = sessionStub(context.env, sessionId)
    const call = { method: 'chat' as const, params: { ...body, session_id: sessionId } }
    return {
      whole: () => session.call(tenant, id, call),
      stream: () => session.chatStream(tenant, id, call),
      cancel: () => session.cancelCall(tenant, id),
    }
  }
  await takeRate(context, caller.tenant, 'chat')
  // a token outlives its session, what it allows does not
  if (caller.kind === 'session' && !(await sessionStub(context.env, caller.sessionId).summary()).known) unwrap(noSession(caller.sessionId))
  const pool = poolStub(context.env)
  return { whole: () => pool.textChat(id, body), stream: () => pool.textChatStream(id, body), cancel: () => pool.cancelTextChat(id) }
}

/** Whoever answered is gone by itself. */
function unreachable(thrown: unknown): void {
  log.debug('a chat could not be cancelled', { reason: reasonOf(thrown) })
}

/** @throws AvatarError INVALID_REQUEST */
function sessionOfHeader(context: AppContext): string | undefined {
  const given = z.object({ [SESSION_HEADER]: SessionId.optional() }).safeParse({ [SESSION_HEADER]: context.req.header(SESSION_HEADER) })
  if (!given.success) throw invalid(given.error)
  return given.data[SESSION_HEADER]
}
