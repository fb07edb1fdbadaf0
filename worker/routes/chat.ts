/** Chat in the shape of OpenAI's chat completions: spoken by a session, or answered as text alone. */
import * as z from 'zod'
import { ChatRequest, ChatResponse, MAX_CHAT_BYTES } from '../../shared/chat.ts'
import { newId, SessionId } from '../../shared/ids.ts'
import { SESSION_HEADER } from '../http/admit.ts'
import type { AppContext } from '../http/context.ts'
import type { RouteTable } from '../http/declare-route.ts'
import type { RouteRequest } from '../http/route-declaration.ts'
import { log, reasonOf } from '../log.ts'
import type { CallResult } from '../objects/contracts.ts'
import { noSession, type Result, unwrap } from '../objects/result.ts'
import { poolStub, sessionStub } from '../objects/stubs.ts'

/** One declaration for both paths. */
const CHAT = {
  auth: 'session',
  rate: 'chat',
  tag: 'Speech',
  body: ChatRequest,
  maxBytes: MAX_CHAT_BYTES,
  headers: z.object({
    [SESSION_HEADER]: SessionId.optional().meta({ description: 'The same as `session_id` in the body, which wins.' }),
  }),
  response: ChatResponse,
  alsoAnswers: ['text/event-stream'],
  errors: ['ORIGIN_UNAVAILABLE', 'CAPACITY_EXCEEDED', 'PROVIDER_FAILED'],
} as const

export function mountChat(routes: RouteTable): void {
  routes.post(
    {
      ...CHAT,
      path: '/v1/chat.completions',
      summary: 'Send a message to the AI avatar',
      description:
        'The avatar of the session speaks the reply while it is still being written; without a session the reply comes as text alone. With `stream: true`: server-sent events of ChatChunk, ending in `data: [DONE]`; a failure on the way is one `data: {"error": ...}` before it.',
    },
    chat,
  )
  routes.post(
    {
      ...CHAT,
      path: '/v1/chat/completions',
      summary: 'The same, where clients of OpenAI look for it',
      description: 'With `/v1` as the base URL and an API key as its key, the `openai` package works as it is.',
    },
    chat,
  )
}

type ChatRoute = RouteRequest<typeof CHAT & { path: '/v1/chat.completions'; summary: string }>
type ChatAccess = Omit<ChatRoute, 'context' | 'body'>

/** One chat, answered by a session or by the pool. */
interface Answerer {
  whole(): Promise<Result<CallResult>>
  stream(): Promise<Result<ReadableStream<Uint8Array>>>
  cancel(): Promise<void>
}

async function chat({ context, body, ...access }: ChatRoute): Promise<Response> {
  const answerer = await answererOf(context, body, access)
  // a client that disconnects stops the reply, also before its first token
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

async function answererOf(context: AppContext, body: ChatRequest, { caller, tenant, session }: ChatAccess): Promise<Answerer> {
  // the caller may choose the request's id, so it alone would not tell two chats apart
  const id = `${context.get('requestId')}.${newId('req')}`
  if (session !== undefined) {
    const { object } = session
    const call = { method: 'chat' as const, params: { ...body, session_id: session.id } }
    return {
      whole: () => object.call(tenant, id, call),
      stream: () => object.chatStream(tenant, id, call),
      cancel: () => object.cancelCall(tenant, id),
    }
  }
  // a token is valid for longer than its session exists
  if (caller.kind === 'session' && !(await sessionStub(context.env, caller.sessionId).summary()).known) unwrap(noSession(caller.sessionId))
  const pool = poolStub(context.env)
  return { whole: () => pool.textChat(id, body), stream: () => pool.textChatStream(id, body), cancel: () => pool.cancelTextChat(id) }
}

/** The object that answered no longer exists, and its chat ended with it. */
function unreachable(thrown: unknown): void {
  log.debug('a chat could not be cancelled', { reason: reasonOf(thrown) })
}
