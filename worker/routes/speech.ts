/** What makes the avatar talk: a text, or a conversation. */
import { SpeakRequest, SpeakResponse } from '../../shared/api.ts'
import { ChatRequest, ChatResponse } from '../../shared/chat.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { App, AppContext } from '../context.ts'

import { callerOf, tenantForSession } from '../middleware/auth.ts'
import { takeRate } from '../middleware/rate-limit.ts'
import { unwrap } from '../result.ts'
import { sessionStub } from '../stubs.ts'
import { post } from './define.ts'

const TAG = 'Speech'

export function mountSpeech(app: App): void {
  post(
    app,
    {
      path: '/v1/avatar.speak',
      tag: TAG,
      summary: 'Make the avatar speak specific text',
      response: SpeakResponse,
      errors: ['SESSION_NOT_FOUND', 'RATE_LIMITED', 'ORIGIN_UNAVAILABLE', 'PROVIDER_FAILED'],
    },
    SpeakRequest,
    async (context, body) => {
      const tenant = tenantForSession(await callerOf(context), body.session_id)
      await takeRate(context, tenant, 'speak')
      const call = { method: 'speak' as const, params: body }
      return context.json(unwrap(await sessionStub(context.env, body.session_id).call(tenant, context.get('requestId'), call)))
    },
  )
  post(
    app,
    {
      path: '/v1/chat.completions',
      tag: TAG,
      summary: 'Send a message to the AI avatar',
      description:
        'The avatar speaks the reply while it is still being written. With `stream: true`: server-sent events of ChatChunk, ending in `data: [DONE]`; a failure on the way is one `data: {"error": ...}` before it.',
      response: ChatResponse,
      streams: true,
      errors: ['SESSION_NOT_FOUND', 'RATE_LIMITED', 'ORIGIN_UNAVAILABLE', 'PROVIDER_FAILED'],
    },
    ChatRequest,
    chat,
  )
}

async function chat(context: AppContext, body: ChatRequest): Promise<Response> {
  if (body.session_id === undefined) throw new AvatarError('INVALID_REQUEST', 'Name the session that answers: session_id.')
  const { session_id: sessionId } = body
  const tenant = tenantForSession(await callerOf(context), sessionId)
  await takeRate(context, tenant, 'chat')
  const session = sessionStub(context.env, sessionId)
  const requestId = context.get('requestId')
  // a client that leaves stops the reply, also before its first word
  const leave = () => context.executionCtx.waitUntil(session.cancelCall(tenant, requestId))
  context.req.raw.signal.addEventListener('abort', leave, { once: true })
  const call = { method: 'chat' as const, params: body }
  if (!body.stream) {
    const result = await session.call(tenant, requestId, call)
    context.req.raw.signal.removeEventListener('abort', leave)
    return context.json(unwrap(result))
  }
  const stream = unwrap(await session.chatStream(tenant, requestId, call))
  return context.body(stream, 200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform' })
}
