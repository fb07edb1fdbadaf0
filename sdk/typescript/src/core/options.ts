/** What a client, a session and a socket are made with. */
import type { IceServer, NewSessionRequest } from '../../../../shared/api.ts'
import type { TurnDetection } from '../../../../shared/turn-detection.ts'

/** Anything with these methods: `console`, pino, or your own. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
}

/** A socket's constructor; the global one fits, and so does that of the package `ws`. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocket

export interface AvatarClientOptions {
  /** Base of the HTTP API, e.g. `https://api.example.com/v1`. */
  apiUrl: string
  /** Base of the socket, e.g. `wss://ws.example.com/ws`. @default the address that `streaming.new` answers */
  wsUrl?: string
  /** API key: on servers only. A browser gets a session token instead; see `attachSession`. */
  apiKey?: string
  /** Longest wait for an answer, ms. @default 20000 */
  timeoutMs?: number
  /** Further attempts of a call that was refused for now, or that is safe to repeat. @default 2 */
  maxRetries?: number
  /** How long a lost connection is tried again before the session is given up, ms. @default 120000 */
  reconnectForMs?: number
  /** @default the global one */
  fetch?: typeof fetch
  /** @default the global one */
  WebSocket?: WebSocketConstructor
  /** @default warnings go to the console */
  logger?: Logger
}

/** What a session is opened with; everything has a default. */
export interface SessionOptions extends Partial<Omit<NewSessionRequest, 'turn_detection'>> {
  turn_detection?: Partial<TurnDetection>
}

/** What opens a session that somebody else created: the answer of `streaming.new`, or of it what is at hand. */
export interface SessionGrant {
  access_token: string
  /** Without them WebRTC works where nothing but the server stands between. */
  ice_servers?: IceServer[]
  ws_url?: string
}

/** What a socket is opened for. */
export interface ConnectOptions {
  /** `binary` saves a third of the bytes; `frame` and `audio` handlers work with both. @default 'json' */
  media?: 'json' | 'binary'
  /** `clauses`: playable WAV files; `chunks`: 100 ms of PCM with timestamps. @default 'clauses' */
  audio?: 'clauses' | 'chunks' | 'off'
  /** @default 'on' */
  video?: 'on' | 'off'
  /** While WebRTC carries video and sound: `instead`, none of them come over the socket; `beside`, they come there too. @default 'instead' */
  webrtc?: 'instead' | 'beside'
  /** Further events: `words` gives `word`, `stats` gives `stats`, `levels` gives `level`. @default none */
  events?: readonly ('words' | 'stats' | 'levels')[]
  signal?: AbortSignal
}
