/** AvaTar for browsers, Node, Workers and Bun. */
export type {
  AvatarInfo,
  HealthResponse,
  InterruptResponse,
  SessionLimits,
  SessionSummary,
  SpeakResponse,
  VoiceInfo,
  VoiceSettings,
} from '../../../shared/api.ts'
export type { ChatMessage, ChatTool, FinishReason, ToolCall, ToolChoice } from '../../../shared/chat.ts'
export type { ErrorCode } from '../../../shared/errors.ts'
export { FPS, QUALITIES, SAMPLE_RATE } from '../../../shared/media.ts'
export type { TransportStats, TurnLedger } from '../../../shared/stats.ts'
export type { ListenMode, TurnDetection } from '../../../shared/turn-detection.ts'
export { PROTOCOL_VERSION, VERSION } from '../../../shared/version.ts'
export { AvatarClient } from './avatar-client.ts'
export { AvatarSession } from './avatar-session.ts'
export type { MicrophoneListening, MicrophoneOptions } from './browser/listen.ts'
export type { Transport, TransportChange, TransportReason, View, ViewOptions, ViewStats } from './browser/view.ts'
export type { AudioSource, RawFormat } from './core/audio-pieces.ts'
export type { ChatInput, ChatOptions, ChatResult } from './core/chat.ts'
export {
  AudioError,
  AuthenticationError,
  AvatarError,
  ConnectionError,
  InvalidRequestError,
  type LocalErrorCode,
  MicrophoneError,
  NotFoundError,
  RateLimitError,
  ServerError,
  SessionEndedError,
  TimeoutError,
  UnavailableError,
} from './core/errors.ts'
export type { WaitOptions } from './core/event-waiter.ts'
export type { Listening, ListenOptions, SourceListenOptions } from './core/listening.ts'
export type {
  AvatarClientOptions,
  ConnectOptions,
  Logger,
  SessionGrant,
  SessionOptions,
  WebSocketConstructor,
} from './core/options.ts'
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
export type { CueOptions, SpeakOptions } from './core/session-speech.ts'
export type { ConnectionEvent, ConnectionState } from './core/socket.ts'
export type { SpeechFinished, SpeechTask } from './core/speech-tasks.ts'
