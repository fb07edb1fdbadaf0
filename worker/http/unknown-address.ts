/** What is answered where there is no route: the methods that the address has, or where to go instead. */
import { AvatarError } from '../../shared/errors.ts'
import type { App, AppContext } from './context.ts'

const CHAT = 'POST /v1/chat/completions'
const SOCKET = 'POST /v1/streaming.new, then its ws_url'

/** Addresses of OpenAI's that clients try, by their end, and what does the same here. */
const ELSEWHERE: readonly { path: RegExp; use: string; message: string }[] = [
  { path: /\/responses(\/.*)?$/, use: CHAT, message: 'The responses API is not spoken here; set your client to chat completions' },
  { path: /\/chat\/completions\/?$/, use: CHAT, message: 'The base URL of an OpenAI client ends in /v1' },
  { path: /\/models(\/[^/]+)?\/?$/, use: 'GET /v1/models', message: 'The base URL of an OpenAI client ends in /v1' },
  { path: /\/completions\/?$/, use: CHAT, message: 'The old completions are not spoken here; send messages' },
  { path: /\/audio\/speech\/?$/, use: 'POST /v1/avatar.speak', message: 'Speech comes from an avatar, with its face' },
  { path: /\/audio\/(transcriptions|translations)\/?$/, use: SOCKET, message: 'Sound is heard in a session' },
  { path: /\/realtime(\/.*)?$/, use: SOCKET, message: 'Realtime events go over the socket of a session' },
  {
    path: /\/(embeddings|images\/\w+|moderations|files|batches|assistants|threads)(\/.*)?$/,
    use: CHAT,
    message: 'This part of OpenAI’s API is not spoken here; ask your model’s server itself',
  },
]

/** 405 with the methods of the path if there are any, else 404 with what to use instead. */
export function unknownAddress(app: App, context: AppContext): AvatarError {
  const { path, method } = context.req
  const methods = ['GET', 'POST', 'PATCH', 'DELETE'].filter((other) => other !== method && routed(app, other, path))
  if (methods.length > 0) {
    const allow = [...methods, 'OPTIONS'].join(', ')
    return new AvatarError('METHOD_NOT_ALLOWED', `${method} is not allowed here; use ${methods.join(' or ')}.`, { method, allow })
  }
  const shown = path.slice(0, 256)
  const instead = ELSEWHERE.find((other) => other.path.test(shown))
  if (instead === undefined) return new AvatarError('NOT_FOUND', 'There is nothing at this address; see /docs.', { path: shown })
  return new AvatarError('NOT_FOUND', `${instead.message}: use ${instead.use}; see /docs.`, { path: shown, use: instead.use })
}

function routed(app: App, method: string, path: string): boolean {
  return app.routes.some((route) => {
    if (route.method !== method) return false
    const one = route.path.split('/')
    const other = path.split('/')
    return one.length === other.length && one.every((part, i) => part === other[i] || (part.startsWith(':') && other[i] !== ''))
  })
}
