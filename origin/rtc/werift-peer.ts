/** A WebRTC connection by werift. Where the library has a defect, it is worked around here, each time with the reason. */
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { MediaStream, type RTCCertificate, type RTCPeerConnection, type RTCRtpTransceiver, type RtcpPacket, type RtpPacket } from 'werift'
import { AvatarError } from '../../shared/errors.ts'
import { announceAddresses, hostAddresses } from './addresses.ts'
import { wholeAnswer } from './answer.ts'
import { JitterBuffer } from './jitter-buffer.ts'
import { isSameOffer, laterCandidate, type OfferedStream, type ParsedOffer, parseOffer } from './offer.ts'
import { Pacer } from './pacer.ts'
import { packetizeH264, packetizeVp8 } from './packetize.ts'
import { RtcpFeedback } from './rtcp-feedback.ts'
import { RtpSender } from './rtp-sender.ts'
import { extensionId, MID_URI } from './sdp-sections.ts'
import { SendStats } from './send-stats.ts'
import type { RtcCandidate, RtcPeer, RtcPeerOptions, RtcState, RtcStats, RtcVideoCodec } from './types.ts'
import { askOnly, newCertificate, newConnection, pathOf, withinMs } from './werift-parts.ts'

/** ms that an answer waits for candidates of STUN and TURN servers. */
export const GATHER_MS = 1_000
/** ms from the answer to a connection; browsers give up after 15 to 30 s. */
const CONNECT_MS = 15_000
/** ms between sender reports. */
const REPORT_MS = 1_000
/** The first ones follow faster: until it has some, a browser does not synchronise audio and video. */
const FIRST_REPORTS_MS = 200
const FIRST_REPORTS = 25
/**
 * ms by which frames are sent after their audio: browsers delay audio by at least this much, and video not at all. They correct a
 * difference themselves only from 30 ms on, and take ten seconds for it.
 */
const FRAMES_BEHIND_MS = 35
/** ms without any packet of the client, which reports about every second, after which it counts as disconnected. */
const SILENT_MS = 4_000
/** ms without any packet after which the connection has failed (RFC 7675 section 5.1). */
const GIVE_UP_MS = 30_000
/** The MediaStream of both tracks (RFC 8830). */
const STREAM_NAME = 'avatar'

/**
 * Answers an offer.
 *
 * @returns the connection, which may be the standing one, and the answer with all candidates
 * @throws AvatarError `INVALID_REQUEST` with the reason
 */
export async function answerOffer(offerSdp: string, options: RtcPeerOptions): Promise<{ peer: RtcPeer; sdp: string }> {
  const offer = parseOffer(offerSdp)
  const again = options.standing instanceof WeriftPeer ? options.standing.answerAgain(offer) : undefined
  if (again) return again
  const peer = new WeriftPeer(offer, options, await newCertificate())
  try {
    return { peer, sdp: await peer.answer() }
  } catch (thrown) {
    await peer.close()
    throw thrown
  }
}

class WeriftPeer implements RtcPeer {
  readonly videoCodec: RtcVideoCodec | undefined
  readonly hasAudio: boolean
  readonly isPlayer: boolean
  readonly offeredBy: string
  #offer: ParsedOffer
  readonly #options: RtcPeerOptions
  readonly #addresses: readonly string[]
  readonly #pc: RTCPeerConnection
  readonly #mic: JitterBuffer
  readonly #video: RtpSender | undefined
  readonly #audio: RtpSender | undefined
  readonly #feedback: RtcpFeedback
  #state: RtcState = 'connecting'
  #pictureId = randomInt(2 ** 15)
  #reports: NodeJS.Timeout | undefined
  #connectTimer: NodeJS.Timeout | undefined
  #lastPacketMs = 0
  #reported = 0
  readonly #sendStats = new SendStats()
  readonly #pacer = new Pacer<() => void>((leave) => leave())

  constructor(offer: ParsedOffer, options: RtcPeerOptions, certificate: RTCCertificate) {
    const { video, audio, mic, offeredBy, isPlayer } = offer
    const { settings } = options
    this.#offer = offer
    this.#options = options
    this.#mic = new JitterBuffer((piece) => options.onMic(piece))
    this.#addresses = hostAddresses(settings)
    this.videoCodec = video?.codec
    this.hasAudio = audio !== undefined
    this.isPlayer = isPlayer
    this.offeredBy = offeredBy
    this.#pc = newConnection(offer, options, { certificate, address: this.#addresses[0] })
    this.#video = video && this.#addStream('video', 'sendonly', video)
    this.#audio = audio && this.#addStream('audio', audio.sendsMic ? 'sendrecv' : 'sendonly', audio)
    if (mic && !audio?.sendsMic) this.#addTransceiver('audio', 'recvonly', mic.mid)
    this.#feedback = new RtcpFeedback({ video: this.#video, audio: this.#audio, onKeyframeRequest: () => options.onKeyframeRequest() })
    this.#pc.connectionStateChange.subscribe((state) => this.#connectionChanged(state))
  }

  get state(): RtcState {
    return this.#state
  }

  /** @returns the answer */
  async answer(): Promise<string> {
    const { sdp } = this.#offer
    try {
      await this.#pc.setRemoteDescription({ type: 'offer', sdp })
      askOnly(this.#options.iceServers, this.#pc)
      for (const transport of this.#pc.dtlsTransports) {
        // as the DTLS client the library would wait 100 ms before it begins
        if (!/^a=setup:passive/m.test(sdp)) transport.role = 'server'
        // taken here, because the library hands on only streams whose number the offer names
        transport.onRtp.subscribe((packet) => this.#receiveMic(packet))
        // read here, because the library gives a PLI to the microphone's receiver when there is one
        transport.onRtcp.subscribe((packet) => this.#receiveRtcp(packet))
        // the library would wait for a data channel too
        transport.onStateChange.subscribe(() => {
          if (this.#pc.dtlsTransports.every(({ state }) => state === 'connected')) this.#setState('connected')
        })
      }
      const described = this.#pc.setLocalDescription(await this.#pc.createAnswer())
      await withinMs(described, GATHER_MS)
    } catch (thrown) {
      if (thrown instanceof AvatarError) throw thrown
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      const message = `The SDP offer cannot be answered: ${reason}.`
      throw new AvatarError('INVALID_REQUEST', message, { field: 'sdp.sdp', reason }, { cause: thrown })
    }
    this.#connectTimer = setTimeout(() => this.#setState('failed'), CONNECT_MS)
    return this.#described()
  }

  /**
   * Another offer of the same connection without a restart of ICE, after which the client would look for no other transport.
   *
   * @returns undefined where a new connection is needed: the offer changes what is sent, or how
   */
  answerAgain(offer: ParsedOffer): { peer: RtcPeer; sdp: string } | undefined {
    if (this.#state !== 'connected' || !isSameOffer(offer, this.#offer)) return undefined
    this.#offer = offer
    return { peer: this, sdp: this.#described() }
  }

  async addCandidate(given: RtcCandidate): Promise<void> {
    const candidate = this.#state === 'closed' ? undefined : laterCandidate(this.#offer, given)
    if (!candidate) return
    try {
      await this.#pc.addIceCandidate(candidate)
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      throw new AvatarError('INVALID_REQUEST', `The candidate cannot be used: ${reason}.`, { field: 'candidate' }, { cause: thrown })
    }
  }

  sendVideo(frame: Uint8Array, mediaMs: number): void {
    const stream = this.#video
    if (!stream || !this.#open) return
    const payloads = this.videoCodec === 'vp8' ? packetizeVp8(frame, this.#pictureId) : packetizeH264(frame)
    this.#pictureId = (this.#pictureId + 1) & 0x7fff
    this.#sendStats.countFrame()
    const last = payloads.length - 1
    const packets = payloads.map((payload, i) => () => stream.send(payload, mediaMs, i === last))
    this.#pacer.push(packets, mediaMs + FRAMES_BEHIND_MS)
  }

  sendAudio(opus: Uint8Array, mediaMs: number): void {
    if (this.#audio && this.#open) this.#audio.send(Buffer.from(opus), mediaMs, false)
  }

  stats(): RtcStats {
    const streams = this.#streams
    const { videoBps, audioBps, fps } = this.#sendStats.rates(this.#video?.octets ?? 0, this.#audio?.octets ?? 0)
    return {
      state: this.#state,
      videoCodec: this.videoCodec,
      path: pathOf(this.#pc.iceTransports[0]?.connection.nominated, this.#addresses),
      videoBps,
      audioBps,
      fps,
      rttMs: this.#feedback.rttMs,
      loss: Math.max(0, ...streams.map(({ loss }) => loss)),
      jitterMs: Math.max(0, ...streams.map(({ jitterMs }) => jitterMs)),
      packetsSent: streams.reduce((sum, { packets }) => sum + packets, 0),
      bytesSent: streams.reduce((sum, { octets }) => sum + octets, 0),
      packetsResent: streams.reduce((sum, { resent }) => sum + resent, 0),
      nacks: this.#feedback.nacks,
      keyframeRequests: this.#feedback.keyframeRequests,
      framesSent: this.#sendStats.frames,
      freezes: this.#sendStats.freezes,
      estimateBps: this.#feedback.estimateBps,
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#setState('closed')
    await this.#pc.close()
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  #described(): string {
    const { publicAddresses } = this.#options.settings
    const answer = wholeAnswer(this.#pc.localDescription?.sdp ?? '', this.#offer)
    return announceAddresses(answer, publicAddresses.length > 0 ? publicAddresses : this.#addresses)
  }

  /** A client that went silent may return: media is sent until the connection has failed. */
  get #open(): boolean {
    return this.#state === 'connected' || this.#state === 'disconnected'
  }

  get #streams(): RtpSender[] {
    return [this.#video, this.#audio].filter((stream) => stream !== undefined)
  }

  #addTransceiver(kind: 'video' | 'audio', direction: 'sendonly' | 'sendrecv' | 'recvonly', mid: string): RTCRtpTransceiver {
    // of one stream by name: browsers keep sound and frame in step only then
    const transceiver = this.#pc.addTransceiver(kind, { direction, streams: [new MediaStream({ id: STREAM_NAME })] })
    // there may be two of a kind, which the library would tell apart by their order
    transceiver.mid = mid
    const leader = this.#pc.getTransceivers().find((other) => other.mid === this.#offer.leaders.get(mid))
    if (leader && leader !== transceiver) transceiver.setDtlsTransport(leader.dtlsTransport)
    // the library would begin to report by itself
    transceiver.sender.rtcpRunning = true
    return transceiver
  }

  #addStream(kind: 'video' | 'audio', direction: 'sendonly' | 'sendrecv', offered: OfferedStream): RtpSender {
    const { chosen, rtx, absSendTimeId, midId, mid } = offered
    const transceiver = this.#addTransceiver(kind, direction, mid)
    return new RtpSender({
      transceiver,
      clockRateHz: chosen.clockRate,
      payloadType: chosen.payloadType,
      rtxPayloadType: rtx?.payloadType,
      absSendTimeId,
      midId,
      cname: this.#pc.cname,
    })
  }

  #connectionChanged(state: string): void {
    if (state === 'connected' || state === 'disconnected') this.#setState(state)
    else if (state === 'failed' || state === 'closed') this.#setState('failed')
  }

  #setState(state: RtcState): void {
    if (state === this.#state || this.#state === 'closed' || (this.#state === 'failed' && state !== 'closed')) return
    this.#state = state
    clearTimeout(this.#connectTimer)
    this.#lastPacketMs = performance.now()
    if (state === 'connected' && !this.#reports) this.#report()
    if (state === 'failed' || state === 'closed') {
      clearTimeout(this.#reports)
      this.#pacer.stop()
      this.#mic.stop()
    }
    this.#options.onState(state)
  }

  #packetCame(): void {
    if (this.#state === 'disconnected') this.#setState('connected')
    this.#lastPacketMs = performance.now()
  }

  /** Sends sender reports, which tie both streams to one wall clock, and checks whether the client still sends. */
  #report(): void {
    this.#reported += 1
    this.#reports = setTimeout(() => this.#report(), this.#reported < FIRST_REPORTS ? FIRST_REPORTS_MS : REPORT_MS)
    const now = performance.now()
    const silentMs = now - this.#lastPacketMs
    if (silentMs > SILENT_MS && this.#state === 'connected') {
      this.#setState('disconnected')
      this.#lastPacketMs = now - silentMs
    } else if (silentMs > GIVE_UP_MS) this.#setState('failed')
    if (this.#open) for (const stream of this.#streams) stream.report(now)
  }

  #receiveMic({ header, payload }: RtpPacket): void {
    this.#packetCame()
    const { mic } = this.#offer
    if (mic?.chosen.payloadType !== header.payloadType) return
    const midId = extensionId(mic.section, MID_URI)
    const mid = header.extensions.find(({ id }) => id === midId)?.payload.toString()
    // a client may go on to send what was rejected
    if (mid !== undefined && mid !== mic.mid) return
    this.#mic.push({ sequence: header.sequenceNumber, timestamp: header.timestamp, payload })
  }

  #receiveRtcp(packet: RtcpPacket): void {
    this.#packetCame()
    this.#feedback.receive(packet)
  }
}
