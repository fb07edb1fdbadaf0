/** One WebRTC connection to a client, whatever library carries it. */

export type RtcVideoCodec = 'vp8' | 'h264'
/** `failed`: it cannot recover; a new offer is needed. */
export type RtcState = 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'

/** The operator's settings of this host's network. */
export interface RtcSettings {
  /** Addresses used in answers instead of this host's own: it is behind a NAT that keeps ports. */
  publicAddresses: readonly string[]
  /** UDP ports, both ends included; undefined: any. */
  portRange: readonly [number, number] | undefined
  /** Everything goes through a TURN server. */
  relayOnly: boolean
  /** Clients may run on this machine: answers contain 127.0.0.1 too. */
  loopback: boolean
}

export interface RtcIceServer {
  urls: string | string[]
  username?: string | undefined
  credential?: string | undefined
}

export interface RtcCandidate {
  candidate: string
  sdpMid?: string | null | undefined
  sdpMLineIndex?: number | null | undefined
}

/** How a connection goes: directly, through NAT, or by a TURN server on either side. */
export type RtcPath = 'host' | 'srflx' | 'relay'

/** What the other side reports and what was sent. Counts are since the connection began. */
export interface RtcStats {
  state: RtcState
  videoCodec: RtcVideoCodec | undefined
  /** Undefined before a pair of candidates is chosen. */
  path: RtcPath | undefined
  /** bit/s sent over the last second or more, payloads only, without retransmissions. */
  videoBps: number
  audioBps: number
  /** Frames sent a second, over the same time. */
  fps: number
  /** ms; undefined before the first report. */
  rttMs: number | undefined
  /** Share of packets lost in the last report's interval, 0..1, the larger of both streams. */
  loss: number
  /** ms, by the receiver's reports, the larger of both streams. */
  jitterMs: number
  packetsSent: number
  bytesSent: number
  /** Packets retransmitted. */
  packetsResent: number
  /** Packets that the client NACKed. */
  nacks: number
  /** PLI and FIR, and losses that only a key frame makes good. */
  keyframeRequests: number
  framesSent: number
  /** Gaps of over FREEZE_MS between frames sent. */
  freezes: number
  /** The receiver's bandwidth estimate (REMB), bit/s; undefined before its first. */
  estimateBps: number | undefined
}

/** A connection with the encoder that feeds it. */
export interface PeerStats extends RtcStats {
  /** bit/s that the encoder is set to. */
  targetBps: number
  /** Frames dropped because the encoder was behind. */
  framesDropped: number
  /** ms for one frame, of the last 100; undefined before the first. */
  encodeMs: { p50: number; p95: number } | undefined
}

/** One Opus packet, or the time in which there was none: it was lost, or nothing was sent. */
export type MicPiece = { kind: 'sound'; opus: Uint8Array } | { kind: 'lost'; ms: number } | { kind: 'silent'; ms: number }

export interface RtcPeerOptions {
  settings: RtcSettings
  iceServers: readonly RtcIceServer[]
  /** The connection that stands: it answers itself an offer that changes nothing of it, and goes on. */
  standing?: RtcPeer | undefined
  onState: (state: RtcState) => void
  /** The client cannot go on without a key frame; at most one call in 500 ms. */
  onKeyframeRequest: () => void
  /** The client's microphone, in order and without gaps in time. */
  onMic: (piece: MicPiece) => void
}

export interface RtcPeer {
  readonly state: RtcState
  /** Which connection of the client this is: the session id of its offers (RFC 8829 section 5.2.1). */
  readonly offeredBy: string
  /** The video codec that was negotiated; undefined: the client wants no video. */
  readonly videoCodec: RtcVideoCodec | undefined
  readonly hasAudio: boolean
  /** It plays what comes, with a delay of its own, as browsers do; a recorder does not. */
  readonly isPlayer: boolean
  /** A candidate that came after the offer. @throws AvatarError `INVALID_REQUEST` */
  addCandidate(candidate: RtcCandidate): Promise<void>
  /** One whole encoded frame. @param mediaMs when it is due, on the clock that sound has too */
  sendVideo(frame: Uint8Array, mediaMs: number): void
  /** One Opus packet of 20 ms. @param mediaMs when its first sample is due */
  sendAudio(opus: Uint8Array, mediaMs: number): void
  stats(): RtcStats
  /** Safe to call twice. */
  close(): Promise<void>
}
