/** The other side of a WebRTC connection in Node: offers, counts what comes, and sends feedback of its own making. */
import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RTCRtpHeaderExtensionParameters,
  type RtcpPacket,
  RtcpSrPacket,
  RtpHeader,
  RtpPacket,
} from 'werift'
import { askOnly } from '../../../origin/rtc/werift-parts.ts'
import { until } from '../until.ts'

const ABS_SEND_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'
const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }, { type: 'goog-remb' }]
const VP8_TYPE = 96
const OPUS_TYPE = 111

export class RtcClient {
  readonly pc: RTCPeerConnection
  readonly video: RtpPacket[] = []
  readonly audio: RtpPacket[] = []
  readonly senderReports: { report: RtcpSrPacket; atMs: number }[] = []
  readonly #mic = new MediaStreamTrack({ kind: 'audio' })
  #micSequence = 1

  constructor({ microphone = true } = {}) {
    this.pc = new RTCPeerConnection({
      iceServers: [],
      // otherwise the library forgets to close the socket of the part that is bundled away
      bundlePolicy: 'max-bundle',
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
      codecs: {
        video: [new RTCRtpCodecParameters({ mimeType: 'video/VP8', clockRate: 90_000, payloadType: VP8_TYPE, rtcpFeedback: FEEDBACK })],
        audio: [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: OPUS_TYPE })],
      },
      headerExtensions: {
        video: [new RTCRtpHeaderExtensionParameters({ uri: ABS_SEND_TIME })],
        audio: [new RTCRtpHeaderExtensionParameters({ uri: ABS_SEND_TIME })],
      },
    })
    this.pc.addTransceiver('video', { direction: 'recvonly' })
    if (microphone) this.pc.addTransceiver(this.#mic, { direction: 'sendrecv' })
    else this.pc.addTransceiver('audio', { direction: 'recvonly' })
  }

  async offer(): Promise<string> {
    const offer = await this.pc.createOffer()
    askOnly([], this.pc)
    await this.pc.setLocalDescription(offer)
    return this.pc.localDescription?.sdp ?? ''
  }

  /** Resolves when the connection stands. */
  async connect(answer: string): Promise<void> {
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer })
    for (const transport of this.pc.dtlsTransports) {
      transport.onRtp.subscribe((packet) => {
        if (packet.header.payloadType === VP8_TYPE) this.video.push(packet)
        if (packet.header.payloadType === OPUS_TYPE) this.audio.push(packet)
      })
      transport.onRtcp.subscribe((packet) => {
        if (packet instanceof RtcpSrPacket) this.senderReports.push({ report: packet, atMs: performance.now() })
      })
    }
    await until('the connection', () => this.pc.connectionState === 'connected')
  }

  /** SSRC of what our own microphone sends. */
  get micSsrc(): number {
    return this.pc.getTransceivers().find(({ kind }) => kind === 'audio')?.sender.ssrc ?? 0
  }

  /** All in one message. */
  async feedback(...packets: RtcpPacket[]): Promise<void> {
    await this.pc.dtlsTransports[0]?.sendRtcp(packets)
  }

  /** The next packet of our microphone. @param at its place, where it is not the next @param timestamp in RTP units, @default 20 ms a packet */
  speak(opus: Buffer, { at = this.#micSequence, timestamp = at * 960 }: { at?: number; timestamp?: number } = {}): void {
    this.#mic.writeRtp(new RtpPacket(new RtpHeader({ sequenceNumber: at, timestamp }), opus))
    this.#micSequence = at + 1
  }

  async close(): Promise<void> {
    await this.pc.close()
  }
}
