/** The WebRTC connection by werift. What the library gets wrong is put right here, and each time said why. */
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  type GenericNack,
  MediaStream,
  type MediaStreamTrack,
  type RTCCertificate,
  RTCPeerConnection,
  type RTCRtpSender,
  type RtcpPacket,
  RtcpPayloadSpecificFeedback,
  RtcpRrPacket,
  RtcpSenderInfo,
  RtcpSourceDescriptionPacket,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
  RtpHeader,
  RtpPacket,
  SourceDescriptionChunk,
  SourceDescriptionItem,
} from 'werift'
import { AvatarError } from '../../shared/errors.ts'
import { announceAddresses, hostAddresses } from './addresses.ts'
import { isUsableCandidate, type ParsedOffer, parseOffer } from './offer.ts'
import { packetizeH264, packetizeVp8 } from './packetize.ts'
import { absSendTime, ntpTime, RtpClock, roundTripMs } from './rtp-clock.ts'
import type { RtcCandidate, RtcPeer, RtcPeerOptions, RtcState, RtcStats, RtcVideoCodec } from './types.ts'
import { codecParameters, extensions, newCertificate, pathOf, withinMs } from './werift-parts.ts'

/** ms that an answer waits for candidates of STUN and TURN servers. */
export const GATHER_MS = 1_000
/** ms from the answer to a connection; browsers give up after 15 to 30 s. */
const CONNECT_MS = 15_000
/** ms between sender reports: often enough that lips are in step from the second second on. */
const REPORT_MS = 1_000
/** The first reports come sooner: without one, a browser plays sound and pictures as they arrive. */
const FIRST_REPORT_MS = 40
/** Packets that werift keeps for retransmission. */
const RESEND_HISTORY = 128
/** ms between key frames that a client asks for. */
const KEYFRAME_EVERY_MS = 500
/** A client reports every second or so: one that has said nothing for this long hears nothing either. */
const SILENT_MS = 4_000
/** ms of silence after which the connection is given up (RFC 7675 section 5.1). */
const GIVE_UP_MS = 30_000
/** ms over which rates are taken. */
const RATE_WINDOW_MS = 1_000
/** ms between two pictures that are seen as a standstill. */
const FREEZE_MS = 150

/** What sound and picture both belong to (RFC 8830). */
const STREAM_NAME = 'avatar'
const FMT = { nack: 1, pli: 1, fir: 4, remb: 15 } as const

interface OutStream {
  sender: RTCRtpSender
  clock: RtpClock
  sequence: number
  packets: number
  octets: number
  absSendTimeId: number | undefined
  loss: number
  jitter: number
}

/**
 * Answers an offer.
 *
 * @returns the connection, and the answer with all candidates
 * @throws AvatarError `INVALID_REQUEST` with the reason
 */
export async function answerOffer(offerSdp: string, options: RtcPeerOptions): Promise<{ peer: RtcPeer; sdp: string }> {
  const offer = parseOffer(offerSdp)
  const peer = new WeriftPeer(offer, options, await newCertificate())
  try {
    return { peer, sdp: await peer.answer(offer) }
  } catch (thrown) {
    await peer.close()
    throw thrown
  }
}

class WeriftPeer implements RtcPeer {
  readonly videoCodec: RtcVideoCodec | undefined
  readonly hasAudio: boolean
  readonly offeredBy: string
  readonly #options: RtcPeerOptions
  readonly #addresses: readonly string[]
  readonly #pc: RTCPeerConnection
  readonly #video: OutStream | undefined
  readonly #audio: OutStream | undefined
  #state: RtcState = 'connecting'
  #pictureId = randomInt(2 ** 15)
  #reports: NodeJS.Timeout | undefined
  #connectTimer: NodeJS.Timeout | undefined
  #heardMs = 0
  #askedForKeyframeMs = Number.NEGATIVE_INFINITY
  #rtt: number | undefined
  #estimateBps: number | undefined
  #nacks = 0
  #resent = 0
  #keyframeRequests = 0
  #pictures = 0
  #lastPictureMs: number | undefined
  #freezes = 0
  #rate = { sinceMs: performance.now(), video: 0, audio: 0, pictures: 0, videoBps: 0, audioBps: 0, fps: 0 }

  constructor({ video, audio, offeredBy }: ParsedOffer, options: RtcPeerOptions, certificate: RTCCertificate) {
    const { settings, iceServers } = options
    this.#options = options
    this.#addresses = hostAddresses(settings)
    this.videoCodec = video?.codec
    this.hasAudio = audio !== undefined
    this.offeredBy = offeredBy
    this.#pc = new RTCPeerConnection({
      certificates: [certificate],
      // without this list the library asks a public server of its own choice
      iceServers: iceServers.map(({ urls, username, credential }) => ({
        urls,
        ...(username === undefined ? {} : { username }),
        ...(credential === undefined ? {} : { credential }),
      })),
      iceTransportPolicy: settings.relayOnly ? 'relay' : 'all',
      // one socket, on all interfaces, instead of one for each: the answer names its addresses itself
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: this.#addresses.slice(0, 1),
      ...(settings.portRange ? { icePortRange: [...settings.portRange] as [number, number] } : {}),
      codecs: {
        video: video ? [codecParameters('video', video.chosen), ...(video.rtx ? [codecParameters('video', video.rtx)] : [])] : [],
        audio: audio ? [codecParameters('audio', audio.chosen)] : [],
      },
      headerExtensions: { video: extensions(), audio: extensions() },
    })
    this.#video = video && this.#addStream('video', 'sendonly', 90_000, video.absSendTimeId)
    this.#audio = audio && this.#addStream('audio', audio.sendsMic ? 'sendrecv' : 'sendonly', 48_000, audio.absSendTimeId)
    this.#pc.connectionStateChange.subscribe((state) => this.#connectionChanged(state))
    this.#pc.onTrack.subscribe((track) => this.#listen(track))
  }

  get state(): RtcState {
    return this.#state
  }

  /** @returns the answer */
  async answer(offer: ParsedOffer): Promise<string> {
    try {
      await this.#pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp })
      for (const transport of this.#pc.dtlsTransports) {
        // as the DTLS client the library would wait 100 ms before it begins
        if (!/^a=setup:passive/m.test(offer.sdp)) transport.role = 'server'
        // read here, because the library gives a PLI to the microphone's receiver when there is one
        transport.onRtcp.subscribe((packet) => this.#feedback(packet))
      }
      const described = this.#pc.setLocalDescription(await this.#pc.createAnswer())
      await withinMs(described, GATHER_MS)
    } catch (thrown) {
      if (thrown instanceof AvatarError) throw thrown
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      const message = `The SDP offer cannot be answered: ${reason}.`
      throw new AvatarError('INVALID_REQUEST', message, { field: 'sdp.sdp', reason }, { cause: thrown })
    }
    this.#connectTimer = setTimeout(() => this.#become('failed'), CONNECT_MS)
    const { publicAddresses } = this.#options.settings
    return announceAddresses(this.#pc.localDescription?.sdp ?? '', publicAddresses.length > 0 ? publicAddresses : this.#addresses)
  }

  async addCandidate({ candidate, sdpMid, sdpMLineIndex }: RtcCandidate): Promise<void> {
    const line = candidate.replace(/^a=/, '')
    if (line === '' || this.#state === 'closed') return
    if (!/^candidate:\S+ \d+ (udp|tcp) \d+ \S+ \d+ typ \S+/i.test(line)) {
      throw new AvatarError('INVALID_REQUEST', 'That is no ICE candidate (RFC 8839 section 5.1).', { field: 'candidate' })
    }
    if (!isUsableCandidate(line)) return
    const about = sdpMid != null ? { sdpMid } : { sdpMLineIndex: sdpMLineIndex ?? 0 }
    try {
      await this.#pc.addIceCandidate({ candidate: line, ...about })
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      throw new AvatarError('INVALID_REQUEST', `The candidate cannot be used: ${reason}.`, { field: 'candidate' }, { cause: thrown })
    }
  }

  sendVideo(picture: Uint8Array, mediaMs: number): void {
    const stream = this.#video
    if (!stream || !this.#open) return
    const payloads = this.videoCodec === 'vp8' ? packetizeVp8(picture, this.#pictureId) : packetizeH264(picture)
    this.#pictureId = (this.#pictureId + 1) & 0x7fff
    this.#countPicture()
    for (const [i, payload] of payloads.entries()) this.#send(stream, payload, mediaMs, i === payloads.length - 1)
  }

  sendAudio(opus: Uint8Array, mediaMs: number): void {
    if (this.#audio && this.#open) this.#send(this.#audio, Buffer.from(opus), mediaMs, false)
  }

  stats(): RtcStats {
    const streams = this.#streams
    const { videoBps, audioBps, fps } = this.#rates()
    return {
      state: this.#state,
      videoCodec: this.videoCodec,
      path: pathOf(this.#pc.iceTransports[0]?.connection.nominated),
      videoBps,
      audioBps,
      fps,
      rttMs: this.#rtt,
      loss: Math.max(0, ...streams.map(({ loss }) => loss)),
      jitterMs: Math.max(0, ...streams.map(({ jitter }) => jitter)),
      packetsSent: streams.reduce((sum, { packets }) => sum + packets, 0),
      bytesSent: streams.reduce((sum, { octets }) => sum + octets, 0),
      packetsResent: this.#resent,
      nacks: this.#nacks,
      keyframeRequests: this.#keyframeRequests,
      picturesSent: this.#pictures,
      freezes: this.#freezes,
      estimateBps: this.#estimateBps,
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#become('closed')
    await this.#pc.close()
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  /** A silent client may come back: it is sent to until it is given up. */
  get #open(): boolean {
    return this.#state === 'connected' || this.#state === 'disconnected'
  }

  get #streams(): OutStream[] {
    return [this.#video, this.#audio].filter((stream) => stream !== undefined)
  }

  #addStream(kind: 'video' | 'audio', direction: 'sendonly' | 'sendrecv', rateHz: number, absSendTimeId: number | undefined): OutStream {
    // of one stream by name: browsers keep sound and picture in step only then
    const { sender } = this.#pc.addTransceiver(kind, { direction, streams: [new MediaStream({ id: STREAM_NAME })] })
    // Its reports lack the fraction of the second and tell the time of sending, not of the media: ours go out instead.
    sender.rtcpRunning = true
    return { sender, clock: new RtpClock(rateHz), sequence: randomInt(2 ** 15), packets: 0, octets: 0, absSendTimeId, loss: 0, jitter: 0 }
  }

  #send(stream: OutStream, payload: Buffer, mediaMs: number, marker: boolean): void {
    const header = new RtpHeader({
      marker,
      sequenceNumber: stream.sequence,
      timestamp: stream.clock.at(mediaMs),
      // The library's own has no fraction of a second either, which receivers estimate the bandwidth by.
      extensions: stream.absSendTimeId === undefined ? [] : [{ id: stream.absSendTimeId, payload: absSendTime(performance.now()) }],
    })
    stream.sequence = (stream.sequence + 1) & 0xffff
    stream.packets += 1
    stream.octets += payload.length
    // a packet that cannot leave is a lost packet
    stream.sender.sendRtp(new RtpPacket(header, payload)).catch(() => {})
  }

  #countPicture(): void {
    const now = performance.now()
    if (this.#lastPictureMs !== undefined && now - this.#lastPictureMs > FREEZE_MS) this.#freezes += 1
    this.#lastPictureMs = now
    this.#pictures += 1
  }

  /** Of the latest whole window. */
  #rates(): { videoBps: number; audioBps: number; fps: number } {
    const now = performance.now()
    const spanMs = now - this.#rate.sinceMs
    if (spanMs >= RATE_WINDOW_MS) {
      const before = this.#rate
      const video = this.#video?.octets ?? 0
      const audio = this.#audio?.octets ?? 0
      const pictures = this.#pictures
      const bps = (octets: number): number => Math.round((octets * 8_000) / spanMs)
      this.#rate = {
        ...{ sinceMs: now, video, audio, pictures },
        videoBps: bps(video - before.video),
        audioBps: bps(audio - before.audio),
        fps: ((pictures - before.pictures) * 1000) / spanMs,
      }
    }
    return this.#rate
  }

  #connectionChanged(state: string): void {
    if (state === 'connected' || state === 'disconnected') this.#become(state)
    else if (state === 'failed' || state === 'closed') this.#become('failed')
  }

  #become(state: RtcState): void {
    if (state === this.#state || this.#state === 'closed' || (this.#state === 'failed' && state !== 'closed')) return
    this.#state = state
    clearTimeout(this.#connectTimer)
    this.#heardMs = performance.now()
    if (state === 'connected') this.#reports ??= setTimeout(() => this.#report(), FIRST_REPORT_MS)
    if (state === 'failed' || state === 'closed') clearTimeout(this.#reports)
    this.#options.onState(state)
  }

  #hear(): void {
    if (this.#state === 'disconnected') this.#become('connected')
    this.#heardMs = performance.now()
  }

  /** Ties both streams' timestamps to one wall clock. Sees too whether the client is still there. */
  #report(): void {
    this.#reports = setTimeout(() => this.#report(), REPORT_MS)
    const now = performance.now()
    const silentMs = now - this.#heardMs
    if (silentMs > SILENT_MS && this.#state === 'connected') {
      this.#become('disconnected')
      this.#heardMs = now - silentMs
    } else if (silentMs > GIVE_UP_MS) this.#become('failed')
    if (!this.#open) return
    for (const { sender, clock, packets, octets } of this.#streams) {
      if (packets === 0) continue
      const senderInfo = new RtcpSenderInfo({
        ntpTimestamp: ntpTime(now),
        rtpTimestamp: clock.at(now),
        packetCount: packets % 2 ** 32,
        octetCount: octets % 2 ** 32,
      })
      const name = new SourceDescriptionItem({ type: 1, text: this.#pc.cname })
      const packet = [
        new RtcpSrPacket({ ssrc: sender.ssrc, senderInfo }),
        new RtcpSourceDescriptionPacket({ chunks: [new SourceDescriptionChunk({ source: sender.ssrc, items: [name] })] }),
      ]
      // a report that cannot leave is followed by the next
      sender.dtlsTransport.sendRtcp(packet).catch(() => {})
    }
  }

  #listen(track: MediaStreamTrack): void {
    if (track.kind !== 'audio') return
    track.onReceiveRtp.subscribe(({ payload }) => {
      this.#hear()
      if (payload.length > 0) this.#options.onMic(payload)
    })
  }

  #feedback(packet: RtcpPacket): void {
    this.#hear()
    if (packet instanceof RtcpRrPacket || packet instanceof RtcpSrPacket) {
      for (const { ssrc, fractionLost, jitter, lsr, dlsr } of packet.reports) {
        const stream = this.#streams.find(({ sender }) => sender.ssrc === ssrc)
        if (!stream) continue
        stream.loss = fractionLost / 256
        stream.jitter = (jitter / (stream === this.#video ? 90_000 : 48_000)) * 1000
        if (lsr !== 0) this.#rtt = Math.max(0, roundTripMs(ntpTime(performance.now()), lsr, dlsr))
      }
    } else if (packet instanceof RtcpPayloadSpecificFeedback) this.#payloadFeedback(packet)
    else if (packet instanceof RtcpTransportLayerFeedback && packet.feedback?.count === FMT.nack) this.#nack(packet.feedback as GenericNack)
  }

  #payloadFeedback({ feedback }: RtcpPayloadSpecificFeedback): void {
    // the library leaves it undefined where it does not know the format
    if (!feedback) return
    if ('bitrate' in feedback) this.#estimateBps = Number(feedback.bitrate)
    else if (feedback.count === FMT.fir || feedback.mediaSsrc === this.#video?.sender.ssrc) this.#wantKeyframe()
  }

  /** What is in the library's store it sends again by itself; what is no longer there, only a key frame makes good. */
  #nack({ mediaSourceSsrc, lost }: GenericNack): void {
    this.#nacks += lost.length
    const video = this.#video
    if (!video || mediaSourceSsrc !== video.sender.ssrc) return
    this.#resent += lost.filter((sequence) => ((video.sequence - sequence) & 0xffff) <= RESEND_HISTORY).length
    if (lost.some((sequence) => ((video.sequence - sequence) & 0xffff) > RESEND_HISTORY)) this.#wantKeyframe()
  }

  #wantKeyframe(): void {
    this.#keyframeRequests += 1
    const now = performance.now()
    if (now - this.#askedForKeyframeMs < KEYFRAME_EVERY_MS) return
    this.#askedForKeyframeMs = now
    this.#options.onKeyframeRequest()
  }
}
