/** What the page says in states and failures: what is the matter, and what to do. */
import { AvatarError, type SessionEndReason } from '@avatar/sdk'

/** What the page is busy with. */
export type Phase = 'opening' | 'live' | 'reconnecting' | 'waiting' | 'ended' | 'refused'

export const CONNECTION: Record<Phase, string> = {
  opening: 'Connecting…',
  live: 'Connected',
  reconnecting: 'Reconnecting…',
  waiting: 'Waiting…',
  ended: 'Session ended',
  refused: 'Not connected',
}

export const STATUS = { idle: 'Ready', listening: 'Listening', thinking: 'Thinking', speaking: 'Speaking' } as const
export type Status = keyof typeof STATUS

/** How video and sound travel, in the bar and in a sentence. */
export const TRANSPORTS = {
  webrtc: { short: 'direct', long: 'Video and sound come straight from the render host, by WebRTC.' },
  socket: { short: 'through the server', long: 'Video and sound come through the server, over a WebSocket.' },
} as const

export const PATHS = { host: 'direct', srflx: 'direct, through a router', relay: 'by a relay (TURN)' } as const

export interface Explanation {
  title: string
  text: string
}

export const RECONNECTING: Explanation = {
  title: 'Connection lost',
  text: 'It comes back by itself as soon as the server answers.',
}
export const OFFLINE: Explanation = { title: 'You are offline', text: 'It goes on by itself when this device has a network again.' }
export const HOST_LOST: Explanation = { title: 'The render host went away', text: 'Waiting for it to come back.' }

const ENDED: Partial<Record<SessionEndReason, string>> = {
  idle_timeout: 'It was quiet for a while, so the session was closed.',
  max_duration: 'The longest time for one session is over.',
  client_stop: 'Somebody ended this session.',
  origin_lost: 'The render host was lost and did not come back.',
  capacity: 'No render host has room for this session now.',
  admin: 'The operator ended this session.',
}

export function ended(reason: SessionEndReason | undefined): Explanation {
  return { title: 'Session ended', text: (reason && ENDED[reason]) ?? 'The session is no longer there.' }
}

const TROUBLES: Record<string, Explanation> = {
  ORIGIN_UNAVAILABLE: { title: 'The render host is starting…', text: 'This page tries again by itself.' },
  CAPACITY_EXCEEDED: { title: 'Everyone is busy', text: 'All places are taken. This page tries again by itself.' },
  CONCURRENCY_LIMIT: { title: 'Too many sessions', text: 'Close one of the other sessions. This page tries again by itself.' },
  RATE_LIMITED: { title: 'A little too fast', text: 'Too many sessions were opened within a minute.' },
  CONNECTION_FAILED: { title: 'The server cannot be reached', text: 'Check the network, and whether the server runs.' },
  TIMEOUT: { title: 'The server does not answer', text: 'This page tries again by itself.' },
  UNAUTHORIZED: { title: 'An invitation is needed', text: 'Open this page with a link that somebody shared with you.' },
  SESSION_NOT_FOUND: { title: 'This session is over', text: 'The link was for a session that has ended. Start one of your own.' },
  AVATAR_NOT_FOUND: { title: 'This person is not here', text: 'Choose another one in the settings.' },
  INTERNAL_ERROR: { title: 'Something went wrong', text: 'The server had a fault of its own. This page tries again by itself.' },
}

/** Why there is no session. */
export function explain(error: unknown): Explanation {
  const known = error instanceof AvatarError ? TROUBLES[error.code] : undefined
  return known ?? { title: 'Something went wrong', text: error instanceof Error ? error.message : String(error) }
}

/** Why the session of a shared link cannot be joined. */
export function explainInvitation(error: unknown): Explanation {
  if (!(error instanceof AvatarError && ['UNAUTHORIZED', 'SESSION_NOT_FOUND'].includes(error.code))) return explain(error)
  return { title: 'This link has expired', text: 'The session it was for is over. Start one of your own.' }
}

const MESSAGE_TROUBLES: Record<string, string> = {
  RATE_LIMITED: 'That was a little too fast. Wait a moment, then send it again.',
  CONNECTION_FAILED: 'Your message did not get through. Check the network, then send it again.',
  TIMEOUT: 'No answer came in time. Send it again.',
  INVALID_REQUEST: 'The server did not take this text. Make it shorter, then send it again.',
  PAYLOAD_TOO_LARGE: 'This text is too long. Make it shorter, then send it again.',
  SESSION_NOT_FOUND: 'This session is over. Start a new one in the settings.',
  PROVIDER_FAILED: 'The voice or the language model did not answer. Send it again.',
  ORIGIN_UNAVAILABLE: 'The render host is away for a moment. Send it again when it is back.',
  INTERNAL_ERROR: 'Something went wrong on the server. Send it again.',
}

const MICROPHONE_TROUBLES: Record<string, string> = {
  MICROPHONE_DENIED: 'This page may not use the microphone. Allow it in the browser’s settings for this site, then press again.',
  MICROPHONE_MISSING: 'There is no microphone on this device. Connect one, then press again.',
  MICROPHONE_BUSY: 'The microphone does not answer: another program may have it. Close that one, then press again.',
}

/** Why the user cannot be heard. */
export function explainMicrophone(error: unknown): string {
  if (!(error instanceof AvatarError)) return `The microphone could not be used: ${error instanceof Error ? error.message : String(error)}`
  if (error.code === 'STT_UNAVAILABLE') return `Nothing understands speech here yet. ${error.message}`
  return MICROPHONE_TROUBLES[error.code] ?? explainMessage(error)
}

/** Why a message was not answered. */
export function explainMessage(error: { code?: string; message: string; retryAfterS?: number | undefined }): string {
  if (error.code === 'RATE_LIMITED' && error.retryAfterS)
    return `That was a little too fast. Send it again in ${Math.ceil(error.retryAfterS)} s.`
  return MESSAGE_TROUBLES[error.code ?? ''] ?? error.message
}
