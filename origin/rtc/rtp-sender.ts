/**
 * Sends one RTP stream: numbers and timestamps packets, keeps the latest for retransmission, and sends sender reports. Of the
 * library's sender only the transport is used: its send times have no fraction of a second, which breaks the receiver's estimate; its
 * retransmissions carry the send time of the first transmission; and it spends more time on a packet than encryption takes.
 */
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  type RTCRtpTransceiver,
  RtcpSenderInfo,
  RtcpSourceDescriptionPacket,
  RtcpSrPacket,
  RtpHeader,
  SourceDescriptionChunk,
  SourceDescriptionItem,
} from 'werift'
import { absSendTime, ntpTime, RtpClock } from './rtp-clock.ts'

/** Packets kept for retransmission: 2 s of the best quality. */
const HISTORY = 512
/** ms before a packet is retransmitted once more: clients repeat a NACK before the first retransmission can have arrived. */
const RESEND_PAUSE_MS = 20
/** Retransmissions of one packet. */
const MAX_RESENDS = 8
/** Retransmissions as a share of what is sent, and octets of them at once: more would fill a link that is too slow already. */
const RESEND_SHARE = 0.3
const RESEND_ROOM = 60_000

export interface RtpSenderOptions {
  transceiver: RTCRtpTransceiver
  /** Of its RTP timestamps. */
  clockRateHz: number
  payloadType: number
  /** Retransmissions use a stream of this type (RFC 4588); undefined: the original packet is repeated. */
  rtxPayloadType?: number | undefined
  /** Ids of header extensions; undefined: not offered. */
  absSendTimeId: number | undefined
  midId: number | undefined
  /** Ties the streams of one sender together. */
  cname: string
}

interface Sent {
  sequence: number
  timestamp: number
  marker: boolean
  payload: Buffer
  resentMs: number
  resends: number
}

export class RtpSender {
  readonly #options: RtpSenderOptions
  readonly #clock: RtpClock
  /** Reused for each packet: it is not needed after encryption. */
  readonly #header = new RtpHeader()
  readonly #history: (Sent | undefined)[] = []
  #sequence = randomInt(2 ** 15)
  #rtxSequence = randomInt(2 ** 15)
  /** Octets that may be retransmitted now. */
  #resendRoom = RESEND_ROOM
  /** Payloads sent, without retransmissions. */
  packets = 0
  octets = 0
  resent = 0
  /** By the receiver's last report: share of packets lost, and ms. */
  loss = 0
  jitterMs = 0

  constructor(options: RtpSenderOptions) {
    this.#options = options
    this.#clock = new RtpClock(options.clockRateHz)
  }

  get ssrc(): number {
    return this.#options.transceiver.sender.ssrc
  }

  get clockRateHz(): number {
    return this.#options.clockRateHz
  }

  /** @param mediaMs when its media is due */
  send(payload: Buffer, mediaMs: number, marker: boolean): void {
    const sequence = this.#sequence
    const timestamp = this.#clock.at(mediaMs)
    this.#sequence = (sequence + 1) & 0xffff
    this.#history[sequence % HISTORY] = { sequence, timestamp, marker, payload, resentMs: Number.NEGATIVE_INFINITY, resends: 0 }
    this.packets += 1
    this.octets += payload.length
    this.#resendRoom = Math.min(RESEND_ROOM, this.#resendRoom + payload.length * RESEND_SHARE)
    this.#transmit({ sequence, timestamp, marker, payload }, this.ssrc, this.#options.payloadType)
  }

  /** @returns false when the packet is no longer kept, was retransmitted MAX_RESENDS times, or exceeds RESEND_ROOM */
  resend(sequence: number): boolean {
    const sent = this.#history[sequence % HISTORY]
    if (sent?.sequence !== sequence || sent.resends >= MAX_RESENDS) return false
    const now = performance.now()
    if (now - sent.resentMs < RESEND_PAUSE_MS) return true
    if (sent.payload.length > this.#resendRoom) return false
    this.#resendRoom -= sent.payload.length
    sent.resentMs = now
    sent.resends += 1
    this.resent += 1
    const { rtxPayloadType, transceiver, payloadType } = this.#options
    if (rtxPayloadType === undefined) {
      this.#transmit(sent, this.ssrc, payloadType)
      return true
    }
    // RFC 4588 section 4: the payload starts with the original sequence number
    const original = Buffer.allocUnsafe(2)
    original.writeUInt16BE(sequence)
    const again = { ...sent, sequence: this.#rtxSequence, payload: Buffer.concat([original, sent.payload]) }
    this.#rtxSequence = (this.#rtxSequence + 1) & 0xffff
    this.#transmit(again, transceiver.sender.rtxSsrc, rtxPayloadType)
    return true
  }

  /** Sends a sender report. Its timestamps are those of media due now, not of the last packet sent. */
  report(nowMs: number): void {
    const senderInfo = new RtcpSenderInfo({
      ntpTimestamp: ntpTime(nowMs),
      rtpTimestamp: this.#clock.at(nowMs),
      packetCount: this.packets % 2 ** 32,
      octetCount: this.octets % 2 ** 32,
    })
    const name = new SourceDescriptionItem({ type: 1, text: this.#options.cname })
    const packet = [
      new RtcpSrPacket({ ssrc: this.ssrc, senderInfo }),
      new RtcpSourceDescriptionPacket({ chunks: [new SourceDescriptionChunk({ source: this.ssrc, items: [name] })] }),
    ]
    // a report that cannot be sent is followed by the next
    this.#options.transceiver.sender.dtlsTransport.sendRtcp(packet).catch(() => {})
  }

  #transmit(packet: Pick<Sent, 'sequence' | 'timestamp' | 'marker' | 'payload'>, ssrc: number, payloadType: number): void {
    const { transceiver, absSendTimeId, midId } = this.#options
    const header = this.#header
    header.sequenceNumber = packet.sequence
    header.timestamp = packet.timestamp
    header.marker = packet.marker
    header.ssrc = ssrc
    header.payloadType = payloadType
    header.extensions = []
    if (absSendTimeId !== undefined) header.extensions.push({ id: absSendTimeId, payload: absSendTime(performance.now()) })
    if (midId !== undefined && transceiver.mid !== null) header.extensions.push({ id: midId, payload: Buffer.from(transceiver.mid) })
    // a packet that cannot be sent is a lost packet
    transceiver.sender.dtlsTransport.sendRtp(packet.payload, header).catch(() => {})
  }
}
