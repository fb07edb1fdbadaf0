/** The WebRTC connection by werift. What the library gets wrong is put right here, and each time said why. */
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  type GenericNack,
  MediaStream,
  type MediaStreamTrack,
  type RTCCertificate,
  RTCPeerConnection,
  type RtcpPacket,
  RtcpPayloadSpecificFeedback,
  RtcpRrPacket,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
} from 'werift'
import { AvatarError } from '../../shared/errors.ts'
import { announceAddresses, hostAddresses } from './addresses.ts'
import { MicLine } from './jitter-buffer.ts'
import { askedFor } from './nack.ts'
import { isUsableCandidate, type OfferedStream, type ParsedOffer, parseOffer } from './offer.ts'
import { Pacer } from './pacer.ts'
import { packetizeH264, packetizeVp8 } from './packetize.ts'
import { ntpTime, roundTripMs } from './rtp-clock.ts'
import { OutStream } from './rtp-sender.ts'
import { Flow } from './send-stats.ts'
import type { RtcCandidate, RtcPeer, RtcPeerOptions, RtcState, RtcStats, RtcVideoCodec } from './types.ts'
import { askOnly, codecParameters, extensions, newCertificate, pathOf, withinMs } from './werift-parts.ts'

/** ms that an answer waits for candidates of STUN and TURN servers. */
export const GATHER_MS = 1_000
/** ms from the answer to a connection; browsers give up after 15 to 30 s. */
const CONNECT_MS = 15_000
/** ms between sender reports. */
const REPORT_MS = 1_000
/** They come more often at first: without some, a browser plays sound and pictures as they arrive. */
const FIRST_REPORTS_MS = 200
const FIRST_REPORTS = 25
/**
 * ms that pictures leave after their sound: what browsers keep sound back, at least, and pictures not at all. They bring both
 * in step by themselves only from 30 ms on, and take ten seconds.
 */
const PICTURES_BEHIND_MS = 35
/** ms between key frames that a client asks for, and between those that we think it needs: on a narrow line each costs more. */
const KEYFRAME_EVERY_MS = 500
const OWN_KEYFRAME_EVERY_MS = 2_000
/** A client reports every second or so: one that has said nothing for this long hears nothing either. */
const SILENT_MS = 4_000
/** ms of silence after which the connection is given up (RFC 7675 section 5.1). */
const GIVE_UP_MS = 30_000
/** What sound and picture both belong to (RFC 8830). */
const STREAM_NAME = 'avatar'
const FMT = { nack: 1, pli: 1, fir: 4, remb: 15 } as const

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
  readonly #mic: MicLine
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
  #keyframeRequests = 0
  #reported = 0
  readonly #flow = new Flow()
  readonly #pacer = new Pacer<() => void>((leave) => leave())

  constructor({ video, audio, offeredBy }: ParsedOffer, options: RtcPeerOptions, certificate: RTCCertificate) {
    const { settings, iceServers } = options
    this.#options = options
    this.#mic = new MicLine((piece) => options.onMic(piece))
    this.#addresses = hostAddresses(settings)
    this.videoCodec = video?.codec
    this.hasAudio = audio !== undefined
    this.offeredBy = offeredBy
    this.#pc = new RTCPeerConnection({
      certificates: [certificate],
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
    this.#video = video && this.#addStream('video', 'sendonly', video)
    this.#audio = audio && this.#addStream('audio', audio.sendsMic ? 'sendrecv' : 'sendonly', audio)
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
      askOnly(this.#options.iceServers, this.#pc)
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
    this.#flow.countPicture()
    const last = payloads.length - 1
    const packets = payloads.map((payload, i) => () => stream.send(payload, mediaMs, i === last))
    this.#pacer.push(packets, mediaMs + PICTURES_BEHIND_MS)
  }

  sendAudio(opus: Uint8Array, mediaMs: number): void {
    if (this.#audio && this.#open) this.#audio.send(Buffer.from(opus), mediaMs, false)
  }

  stats(): RtcStats {
    const streams = this.#streams
    const { videoBps, audioBps, fps } = this.#flow.rates(this.#video?.octets ?? 0, this.#audio?.octets ?? 0)
    return {
      state: this.#state,
      videoCodec: this.videoCodec,
      path: pathOf(this.#pc.iceTransports[0]?.connection.nominated, this.#addresses),
      videoBps,
      audioBps,
      fps,
      rttMs: this.#rtt,
      loss: Math.max(0, ...streams.map(({ loss }) => loss)),
      jitterMs: Math.max(0, ...streams.map(({ jitterMs }) => jitterMs)),
      packetsSent: streams.reduce((sum, { packets }) => sum + packets, 0),
      bytesSent: streams.reduce((sum, { octets }) => sum + octets, 0),
      packetsResent: streams.reduce((sum, { resent }) => sum + resent, 0),
      nacks: this.#nacks,
      keyframeRequests: this.#keyframeRequests,
      picturesSent: this.#flow.pictures,
      freezes: this.#flow.freezes,
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

  #addStream(kind: 'video' | 'audio', direction: 'sendonly' | 'sendrecv', offered: OfferedStream): OutStream {
    // of one stream by name: browsers keep sound and picture in step only then
    const transceiver = this.#pc.addTransceiver(kind, { direction, streams: [new MediaStream({ id: STREAM_NAME })] })
    // the library would begin to report by itself
    transceiver.sender.rtcpRunning = true
    const { chosen, rtx, absSendTimeId, midId } = offered
    return new OutStream({
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
    if (state === 'connected' || state === 'disconnected') this.#become(state)
    else if (state === 'failed' || state === 'closed') this.#become('failed')
  }

  #become(state: RtcState): void {
    if (state === this.#state || this.#state === 'closed' || (this.#state === 'failed' && state !== 'closed')) return
    this.#state = state
    clearTimeout(this.#connectTimer)
    this.#heardMs = performance.now()
    if (state === 'connected' && !this.#reports) this.#report()
    if (state === 'failed' || state === 'closed') {
      clearTimeout(this.#reports)
      this.#pacer.stop()
      this.#mic.stop()
    }
    this.#options.onState(state)
  }

  #hear(): void {
    if (this.#state === 'disconnected') this.#become('connected')
    this.#heardMs = performance.now()
  }

  /** Ties both streams' timestamps to one wall clock. Sees too whether the client is still there. */
  #report(): void {
    this.#reported += 1
    this.#reports = setTimeout(() => this.#report(), this.#reported < FIRST_REPORTS ? FIRST_REPORTS_MS : REPORT_MS)
    const now = performance.now()
    const silentMs = now - this.#heardMs
    if (silentMs > SILENT_MS && this.#state === 'connected') {
      this.#become('disconnected')
      this.#heardMs = now - silentMs
    } else if (silentMs > GIVE_UP_MS) this.#become('failed')
    if (this.#open) for (const stream of this.#streams) stream.report(now)
  }

  #listen(track: MediaStreamTrack): void {
    if (track.kind !== 'audio') return
    track.onReceiveRtp.subscribe(({ header, payload }) => {
      this.#hear()
      this.#mic.push({ sequence: header.sequenceNumber, timestamp: header.timestamp, payload })
    })
  }

  #feedback(packet: RtcpPacket): void {
    this.#hear()
    if (packet instanceof RtcpRrPacket || packet instanceof RtcpSrPacket) {
      for (const { ssrc, fractionLost, jitter, lsr, dlsr } of packet.reports) {
        const stream = this.#streams.find((other) => other.ssrc === ssrc)
        if (!stream) continue
        stream.loss = fractionLost / 256
        stream.jitterMs = (jitter / stream.clockRateHz) * 1000
        if (lsr !== 0) this.#rtt = Math.max(0, roundTripMs(ntpTime(performance.now()), lsr, dlsr))
      }
    } else if (packet instanceof RtcpPayloadSpecificFeedback) this.#payloadFeedback(packet)
    else if (packet instanceof RtcpTransportLayerFeedback && packet.feedback?.count === FMT.nack) this.#nack(packet.feedback as GenericNack)
  }

  #payloadFeedback({ feedback }: RtcpPayloadSpecificFeedback): void {
    // the library leaves it undefined where it does not know the format
    if (!feedback) return
    if ('bitrate' in feedback) this.#estimateBps = Number(feedback.bitrate)
    else if (feedback.count === FMT.fir || feedback.mediaSsrc === this.#video?.ssrc) this.#wantKeyframe()
  }

  /** What is no longer kept, only a key frame makes good: browsers would ask for it for 3 s before they ask for that. */
  #nack(nack: GenericNack): void {
    const video = this.#video
    if (!video || nack.mediaSourceSsrc !== video.ssrc) return
    const asked = askedFor(nack)
    this.#nacks += asked.length
    const again = asked.map((sequence) => video.resend(sequence))
    if (again.includes(false)) this.#wantKeyframe(OWN_KEYFRAME_EVERY_MS)
  }

  #wantKeyframe(everyMs = KEYFRAME_EVERY_MS): void {
    this.#keyframeRequests += 1
    const now = performance.now()
    if (now - this.#askedForKeyframeMs < everyMs) return
    this.#askedForKeyframeMs = now
    this.#options.onKeyframeRequest()
  }
}
