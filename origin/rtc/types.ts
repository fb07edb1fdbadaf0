/** One WebRTC connection to a client, whatever library carries it. */

export type RtcVideoCodec = 'vp8' | 'h264'
/** `failed`: it may be given up; only a new offer brings it back. */
export type RtcState = 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'

/** What the operator says about this host's network. */
export interface RtcSettings {
  /** Addresses that stand in answers in place of this host's own: it is behind a NAT that keeps ports. */
  publicAddresses: readonly string[]
  /** UDP ports, both ends included; undefined: any. */
  portRange: readonly [number, number] | undefined
  /** Everything goes through a TURN server. */
  relayOnly: boolean
  /** Clients may run on this very machine: 127.0.0.1 stands in answers too. */
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

/** What the other side reports and what was sent, since the connection began. */
export interface RtcStats {
  state: RtcState
  videoCodec: RtcVideoCodec | undefined
  /** bit/s sent over the last second or more, media only. */
  bitrateBps: number
  /** ms; undefined before the first report. */
  rttMs: number | undefined
  /** Share of packets lost in the last report's interval, 0..1, the larger of both streams. */
  loss: number
  jitterMs: number
  packetsSent: number
  bytesSent: number
  /** Packets that the client asked for again. */
  nacks: number
  keyframeRequests: number
  /** What the receiver thinks that the network carries, bit/s; undefined before it says so. */
  estimateBps: number | undefined
}

export interface RtcPeerOptions {
  settings: RtcSettings
  iceServers: readonly RtcIceServer[]
  onState: (state: RtcState) => void
  /** The client cannot go on without a key frame; at most one call in 500 ms. */
  onKeyframeRequest: () => void
  /** One Opus packet of the client's microphone, in the order of arrival. */
  onMic: (opus: Uint8Array) => void
}

export interface RtcPeer {
  readonly state: RtcState
  /** Which connection of the client this is: the session id of its offers (RFC 8829 section 5.2.1). */
  readonly offeredBy: string
  /** What the client wants its pictures in; undefined: it wants none. */
  readonly videoCodec: RtcVideoCodec | undefined
  readonly hasAudio: boolean
  /** A candidate that came after the offer. @throws AvatarError `INVALID_REQUEST` */
  addCandidate(candidate: RtcCandidate): Promise<void>
  /** One whole encoded picture. @param mediaMs when it is due, on the clock that sound has too */
  sendVideo(picture: Uint8Array, mediaMs: number): void
  /** One Opus packet of 20 ms. @param mediaMs when its first sample is due */
  sendAudio(opus: Uint8Array, mediaMs: number): void
  stats(): RtcStats
  /** Safe to call twice. */
  close(): Promise<void>
}
