/** AvaTar for browsers, Node, Workers and Bun. */
export type {
  AvatarInfo,
  HealthResponse,
  InterruptResponse,
  NewSessionRequest,
  SessionLimits,
  SessionSummary,
  SpeakResponse,
  VoiceInfo,
  VoiceSettings,
} from '../../../shared/api.ts'
export type { ChatMessage } from '../../../shared/chat.ts'
export type { ErrorCode } from '../../../shared/errors.ts'
export { FPS, QUALITIES, SAMPLE_RATE } from '../../../shared/media.ts'
export { PROTOCOL_VERSION, VERSION } from '../../../shared/version.ts'
export type { AttachOptions, View, ViewStats } from './browser/attach.ts'
export { AvatarClient } from './client.ts'
export type { AudioSource, RawFormat } from './core/audio-pieces.ts'
export {
  AudioError,
  AuthenticationError,
  AvatarError,
  ConnectionError,
  InvalidRequestError,
  type LocalErrorCode,
  NotFoundError,
  RateLimitError,
  ServerError,
  SessionEndedError,
  TimeoutError,
  UnavailableError,
} from './core/errors.ts'
export type { AvatarClientOptions, ConnectOptions, Logger, WebSocketConstructor } from './core/options.ts'
export type { ChatOptions, SpeakOptions } from './core/session.ts'
export type {
  Audio,
  ClientEvent,
  EventOf,
  Frame,
  MediaEvent,
  ServerEvent,
  SessionEndReason,
  SessionEventMap,
} from './core/session-events.ts'
export type { ConnectionEvent, ConnectionState } from './core/socket.ts'
export type { SpeechFinished, SpeechTask } from './core/speech-tasks.ts'
export { AvatarSession } from './session.ts'
