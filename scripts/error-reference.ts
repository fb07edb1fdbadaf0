/** `docs/reference/errors.md`, from the table of failures. */
import { ERROR_CODES, ERRORS, type ErrorCode } from '../shared/errors.ts'

/** When it comes, and what to do. */
const ADVICE: Readonly<Record<ErrorCode, string>> = {
  INVALID_JSON: 'The body is no JSON. Look at what was sent; `details` has the place where reading stopped.',
  INVALID_REQUEST: 'A field is missing or does not fit: `details.field` names it, `details.reason` says why.',
  UNKNOWN_EVENT: 'The socket does not know this `type`; see [events](events.md).',
  AUDIO_PROCESSING_ERROR: 'The sound cannot be read. Send WAV, MP3, Ogg, WebM, FLAC or AAC, or raw PCM with `format` and `sample_rate`.',
  AUDIO_BUFFER_FULL: 'More than 60 s wait for their commit; what was there is kept. Commit or clear, then append the rest.',
  AUDIO_BUFFER_EMPTY: 'There is nothing to commit. Append first.',
  UNAUTHORIZED: 'No key or token, one that is not valid (any more), or a session token where an API key is needed.',
  HOST_NOT_ALLOWED:
    'A server without keys (`AUTH_MODE=open`) answers to the names of its own machine only. List the host in `ALLOWED_HOSTS`, or use keys.',
  ORIGIN_NOT_ALLOWED:
    'A server without keys lets only pages of its own machine call, and none from a file. List the page in `ALLOWED_ORIGINS`, or use keys.',
  NOT_FOUND: 'Nothing is at this address. Look at `/docs`.',
  SESSION_NOT_FOUND: 'The session is over, or another key’s. Create a new one.',
  AVATAR_NOT_FOUND: 'No such avatar: `GET /v1/avatars` lists them.',
  METHOD_NOT_ALLOWED: 'The address is right, the method is not: `details.allowed` names those that are.',
  SLOW_CLIENT: 'The client did not acknowledge or read frames for 10 s. Connect again; ask for less (`video=off`, `quality: "low"`).',
  PAYLOAD_TOO_LARGE: 'Bodies have at most 1 MiB, of a chat 8 MiB, socket messages 8 MiB. Cut sound into several messages.',
  UPGRADE_REQUIRED: 'This address is a WebSocket; open it with an upgrade request.',
  RATE_LIMITED: 'Too many calls in a minute, or messages in a second. Wait `details.retry_after_s`, which is `Retry-After` too.',
  CONCURRENCY_LIMIT: 'Too many sessions, or sockets of one session, at one time. Stop one, then try again.',
  INTERNAL_ERROR: 'A fault on the server’s side. Try again; report `X-Request-Id` if it stays.',
  WEBRTC_NOT_READY: 'This origin answers no WebRTC. Watch over the socket, which needs no preparation.',
  STT_UNAVAILABLE: 'The origin has no recogniser: its operator configures one.',
  PROVIDER_FAILED: 'The language model, the voice or the recogniser failed or is not reachable. Try again; `message` says which.',
  ORIGIN_UNAVAILABLE: 'No render host is connected, or it did not answer in time. Try again in a moment.',
  CAPACITY_EXCEEDED: 'Every render host is full. Try again after `Retry-After` seconds; more hosts carry more.',
}

const INTRO = `Every refused call answers the same body, and every failure on a socket is an \`error\` event with the same \`code\`:

\`\`\`json ErrorBody
{
  "error": {
    "code": "SESSION_NOT_FOUND",
    "message": "The specified session does not exist",
    "details": { "session_id": "550e8400-e29b-41d4-a716-446655440000" }
  }
}
\`\`\`

\`message\` is for people and may change; programs look at \`code\`. A socket that is closed for a reason has the code of the third column.
*Again*: whether the same call may succeed later. The SDKs repeat such calls by themselves where twice is as good as once, and
raise one class per kind of trouble, with \`code\`, \`requestId\` (\`request_id\`) and \`retryable\`.`

export function errorReference(header: string): string {
  const rows = ERROR_CODES.map((code) => {
    const { status, close, retryable } = ERRORS[code]
    return `| \`${code}\` | ${status} | ${close} | ${retryable ? 'yes' : 'no'} | ${ADVICE[code]} |`
  })
  return `# Errors

${header}

${INTRO}

| code | HTTP | socket | again | what to do |
|---|---|---|---|---|
${rows.join('\n')}

A session that ends on its own says so by [\`session_ended\`](events.md#session_ended), with a \`reason\`; the socket then closes with 1000.
`
}
