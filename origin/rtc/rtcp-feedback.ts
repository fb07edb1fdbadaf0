/** Reads a client's RTCP: reports of loss and jitter, NACKs, requests for key frames, bandwidth estimates. */
import { performance } from 'node:perf_hooks'
import {
  type GenericNack,
  type RtcpPacket,
  RtcpPayloadSpecificFeedback,
  RtcpRrPacket,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
} from 'werift'
import { askedFor } from './nack.ts'
import { ntpTime, roundTripMs } from './rtp-clock.ts'
import type { RtpSender } from './rtp-sender.ts'

/** ms between key frames that a client asks for, and between those that lost packets make necessary: they cost most on a slow link. */
const KEYFRAME_EVERY_MS = 500
const OWN_KEYFRAME_EVERY_MS = 2_000
const FMT = { nack: 1, pli: 1, fir: 4, remb: 15 } as const

export interface RtcpFeedbackOptions {
  video: RtpSender | undefined
  audio: RtpSender | undefined
  /** At most one call in KEYFRAME_EVERY_MS. */
  onKeyframeRequest: () => void
}

export class RtcpFeedback {
  readonly #options: RtcpFeedbackOptions
  #keyframeRequestedMs = Number.NEGATIVE_INFINITY
  /** ms; undefined before the first report. */
  rttMs: number | undefined
  /** bit/s; undefined before the first estimate. */
  estimateBps: number | undefined
  /** Packets that the client NACKed. */
  nacks = 0
  keyframeRequests = 0

  constructor(options: RtcpFeedbackOptions) {
    this.#options = options
  }

  receive(packet: RtcpPacket): void {
    if (packet instanceof RtcpRrPacket || packet instanceof RtcpSrPacket) this.#report(packet)
    else if (packet instanceof RtcpPayloadSpecificFeedback) this.#payloadFeedback(packet)
    else if (packet instanceof RtcpTransportLayerFeedback && packet.feedback?.count === FMT.nack) this.#nack(packet.feedback as GenericNack)
  }

  #report({ reports }: RtcpRrPacket | RtcpSrPacket): void {
    const { video, audio } = this.#options
    for (const { ssrc, fractionLost, jitter, lsr, dlsr } of reports) {
      const stream = [video, audio].find((other) => other?.ssrc === ssrc)
      if (!stream) continue
      stream.loss = fractionLost / 256
      stream.jitterMs = (jitter / stream.clockRateHz) * 1000
      if (lsr !== 0) this.rttMs = Math.max(0, roundTripMs(ntpTime(performance.now()), lsr, dlsr))
    }
  }

  #payloadFeedback({ feedback }: RtcpPayloadSpecificFeedback): void {
    // the library leaves it undefined where it does not know the format
    if (!feedback) return
    if ('bitrate' in feedback) this.estimateBps = Number(feedback.bitrate)
    else if (feedback.count === FMT.fir || feedback.mediaSsrc === this.#options.video?.ssrc) this.#requestKeyframe()
  }

  /** A packet that is no longer kept needs a key frame: browsers would repeat the NACK for 3 s before they ask for one. */
  #nack(nack: GenericNack): void {
    const { video } = this.#options
    if (!video || nack.mediaSourceSsrc !== video.ssrc) return
    const sequences = askedFor(nack)
    this.nacks += sequences.length
    const resent = sequences.map((sequence) => video.resend(sequence))
    if (resent.includes(false)) this.#requestKeyframe(OWN_KEYFRAME_EVERY_MS)
  }

  #requestKeyframe(everyMs = KEYFRAME_EVERY_MS): void {
    this.keyframeRequests += 1
    const now = performance.now()
    if (now - this.#keyframeRequestedMs < everyMs) return
    this.#keyframeRequestedMs = now
    this.#options.onKeyframeRequest()
  }
}
