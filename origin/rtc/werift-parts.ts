/** Pieces that a werift connection is made of. */
import {
  createSelfSignedCertificate,
  HashAlgorithm,
  NamedCurveAlgorithm,
  RTCCertificate,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RTCRtpHeaderExtensionParameters,
  SignatureAlgorithm,
} from 'werift'
import type { ParsedOffer } from './offer.ts'
import { ABS_SEND_TIME_URI, type Codec, MID_URI } from './sdp-sections.ts'
import type { RtcIceServer, RtcPath, RtcPeerOptions } from './types.ts'

/**
 * One for each connection (ECDSA P-256 with SHA-256, 5 ms); the library has one for all. A browser that offers again on the
 * same connection begins a new handshake with us only when it finds another certificate.
 */
export async function newCertificate(): Promise<RTCCertificate> {
  const { certPem, keyPem, signatureHash } = await createSelfSignedCertificate(
    { signature: SignatureAlgorithm.ecdsa_3, hash: HashAlgorithm.sha256_4 },
    NamedCurveAlgorithm.secp256r1_23,
  )
  return new RTCCertificate(keyPem, certPem, signatureHash)
}

interface OwnEnd {
  certificate: RTCCertificate
  /** The first address of this host. */
  address: string | undefined
}

/** A connection that speaks what was chosen of the offer, before it has read it. */
export function newConnection(
  { video, audio, mic }: ParsedOffer,
  { settings, iceServers }: Pick<RtcPeerOptions, 'settings' | 'iceServers'>,
  { certificate, address }: OwnEnd,
): RTCPeerConnection {
  const opus = audio ?? mic
  return new RTCPeerConnection({
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
    iceAdditionalHostAddresses: address === undefined ? [] : [address],
    ...(settings.portRange ? { icePortRange: [...settings.portRange] as [number, number] } : {}),
    codecs: {
      video: video ? [video.chosen, ...(video.rtx ? [video.rtx] : [])].map((codec) => codecParameters('video', codec)) : [],
      audio: opus ? [codecParameters('audio', opus.chosen)] : [],
    },
    headerExtensions: { video: extensions(), audio: extensions() },
  })
}

function codecParameters(
  kind: 'video' | 'audio',
  { name, clockRate, channels, payloadType, parameters, feedback }: Codec,
): RTCRtpCodecParameters {
  return new RTCRtpCodecParameters({
    mimeType: `${kind}/${name}`,
    clockRate,
    payloadType,
    ...(channels === undefined ? {} : { channels }),
    ...(parameters === undefined ? {} : { parameters }),
    rtcpFeedback: feedback.map((line) => {
      const [type = '', parameter] = line.split(' ')
      return { type, ...(parameter === undefined ? {} : { parameter }) }
    }),
  })
}

/** What packets carry beside their payload: when they left, and which part of the offer they belong to. */
function extensions(): RTCRtpHeaderExtensionParameters[] {
  return [ABS_SEND_TIME_URI, MID_URI].map((uri) => new RTCRtpHeaderExtensionParameters({ uri }))
}

/**
 * Where no STUN server is given, the library asks a public one of its own choice, an empty list notwithstanding: takes it away,
 * before candidates are gathered.
 */
export function askOnly(iceServers: readonly RtcIceServer[], { iceTransports }: RTCPeerConnection): void {
  if (iceServers.some(({ urls }) => [urls].flat().some((url) => /^stuns?:/i.test(url)))) return
  for (const { connection } of iceTransports) delete connection.stunServer
}

/** Waits for work or until it has taken this long, whichever is first. @throws what the work throws in that time */
export async function withinMs(work: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    // what fails later shows in the connection's state
    work.catch(() => {})
  }
}

/** Addresses of private networks and of this machine (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291). */
const PRIVATE_ADDRESS =
  /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|::1$|f[cd]|fe80:)/i

interface PairEnd {
  type: string
  /** Its address. */
  host: string
}

/**
 * A client that hides its address is only known by where its packets come from: from a private network or this host, they come
 * directly.
 *
 * @param own addresses of this host
 */
export function pathOf(
  pair: { localCandidate: PairEnd; remoteCandidate: PairEnd } | undefined,
  own: readonly string[],
): RtcPath | undefined {
  if (!pair) return undefined
  const kinds = [pair.localCandidate, pair.remoteCandidate].map(({ type, host }) => {
    if (type !== 'prflx') return type
    return PRIVATE_ADDRESS.test(host) || own.includes(host) ? 'host' : 'srflx'
  })
  if (kinds.includes('relay')) return 'relay'
  return kinds.includes('srflx') ? 'srflx' : 'host'
}
