/** Reads a client's SDP offer (RFC 8866, RFC 8829): refuses what cannot work, and leaves in it what we send and receive. */
import { AvatarError } from '../../shared/errors.ts'
import type { RtcVideoCodec } from './types.ts'

export const ABS_SEND_TIME_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'
export const MID_URI = 'urn:ietf:params:rtp-hdrext:sdes:mid'
/** Candidates of one offer that are tried. */
const MAX_CANDIDATES = 32
/** Video that we encode, and Opus. */
const OUR_CODECS = 'video VP8 or H264 (baseline, packetization-mode 1), audio opus'

export interface Codec {
  payloadType: number
  /** In the spelling of the offer. */
  name: string
  clockRate: number
  channels: number | undefined
  parameters: string | undefined
  /** `nack`, `nack pli`, … */
  feedback: string[]
}
interface Section {
  kind: string
  /** Lines below the m= line. */
  lines: string[]
  /** Payload types in the order of preference. */
  payloads: number[]
  mLine: string
  codecs: Codec[]
  direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'
}

/** What we send of a kind, by the offer. */
export interface OfferedStream {
  chosen: Codec
  /** For packets sent again. */
  rtx: Codec | undefined
  /** Ids of header extensions. */
  absSendTimeId: number | undefined
  midId: number | undefined
}

export interface ParsedOffer {
  /** The offer without what we do not speak: other codecs, name-only and TCP candidates, transport-wide feedback. */
  sdp: string
  /** The session id of its o= line, which stays the same over all offers of one connection. */
  offeredBy: string
  video: (OfferedStream & { codec: RtcVideoCodec }) | undefined
  audio: (OfferedStream & { sendsMic: boolean }) | undefined
}

/** @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer */
export function parseOffer(text: string): ParsedOffer {
  const lines = text.split(/\r\n|\n/).filter((line) => line !== '')
  if (lines[0] !== 'v=0') throw refused('it does not begin with "v=0"')
  const bad = lines.find((line) => !/^[a-z]=/.test(line))
  if (bad !== undefined) throw refused(`the line "${bad.slice(0, 40)}" is no SDP`)
  const starts = lines.flatMap((line, i) => (line.startsWith('m=') ? [i] : []))
  const session = lines.slice(0, starts[0] ?? lines.length)
  const sections = starts.map((start, i) => readSection(lines.slice(start, starts[i + 1]), session))
  if (sections.length === 0) throw refused('it has no m= line: ask for a video and an audio track')
  requireTransport(session, sections)

  const video = sections.find((section) => section.kind === 'video')
  const audio = sections.find((section) => section.kind === 'audio')
  if (!video && !audio) throw refused('it has neither a video nor an audio m= line')
  const chosenVideo = video && chooseVideo(video)
  const opus = audio?.codecs.find((codec) => codec.name.toLowerCase() === 'opus' && codec.clockRate === 48_000)
  if (audio && !opus) throw withoutCodec('audio', audio)
  return {
    sdp: `${[session, ...sections.map((section) => prune(section, chosenVideo, opus))].flat().join('\r\n')}\r\n`,
    offeredBy: /^o=\S+ (\S+)/.exec(session.find((line) => line.startsWith('o=')) ?? '')?.[1] ?? '',
    video: video && chosenVideo && { ...chosenVideo, ...extensionIds(video) },
    audio: audio &&
      opus && {
        chosen: opus,
        rtx: undefined,
        ...extensionIds(audio),
        sendsMic: audio.direction === 'sendrecv' || audio.direction === 'sendonly',
      },
  }
}

function readSection([mLine = '', ...lines]: string[], session: string[]): Section {
  const [kind = '', , , ...formats] = mLine.slice(2).split(' ')
  const payloads = formats.map(Number).filter(Number.isInteger)
  const of = (name: string): string[][] =>
    lines.flatMap((line) => (line.startsWith(`a=${name}:`) ? [line.slice(name.length + 3).split(' ')] : []))
  const maps = new Map(of('rtpmap').map(([type, ...rest]) => [Number(type), rest.join(' ').split('/')]))
  const parameters = new Map(of('fmtp').map(([type, ...rest]) => [Number(type), rest.join(' ')]))
  const codecs = payloads.flatMap((payloadType): Codec[] => {
    const [name, clockRate, channels] = maps.get(payloadType) ?? []
    if (name === undefined) return []
    const feedback = of('rtcp-fb').flatMap(([type, ...rest]) => (type === '*' || Number(type) === payloadType ? [rest.join(' ')] : []))
    return [
      {
        payloadType,
        name,
        clockRate: Number(clockRate),
        channels: channels === undefined ? undefined : Number(channels),
        parameters: parameters.get(payloadType),
        feedback,
      },
    ]
  })
  const directions = /^a=(sendrecv|sendonly|recvonly|inactive)$/
  const direction = [...session, ...lines].flatMap((line) => directions.exec(line)?.[1] ?? []).at(-1) ?? 'sendrecv'
  return { kind, mLine, lines, payloads, codecs, direction: direction as Section['direction'] }
}

function requireTransport(session: string[], sections: Section[]): void {
  for (const section of sections) {
    if (section.mLine.split(' ')[1] === '0') continue
    const has = (name: string): boolean => [...session, ...section.lines].some((line) => line.startsWith(`a=${name}:`))
    for (const name of ['ice-ufrag', 'ice-pwd', 'fingerprint']) {
      if (!has(name)) throw refused(`its ${section.kind} part has no a=${name}: it is no WebRTC offer`)
    }
  }
  for (const section of sections) {
    if (!['video', 'audio'].includes(section.kind) || section.direction === 'recvonly' || section.direction === 'sendrecv') continue
    throw refused(`its ${section.kind} is ${section.direction}: make it recvonly or sendrecv`)
  }
}

function chooseVideo(section: Section): { codec: RtcVideoCodec; chosen: Codec; rtx: Codec | undefined } {
  for (const codec of section.codecs) {
    const name = codec.name.toLowerCase()
    const usable = codec.clockRate === 90_000 && (name === 'vp8' || (name === 'h264' && isBaseline(codec)))
    if (!usable) continue
    const rtx = section.codecs.find((other) => other.name.toLowerCase() === 'rtx' && other.parameters === `apt=${codec.payloadType}`)
    return { codec: name, chosen: codec, rtx }
  }
  throw withoutCodec('video', section)
}

/** Profile 42 (baseline, constrained or not; RFC 6184 section 8.1: the default) and several NAL units a frame. */
function isBaseline({ parameters = '' }: Codec): boolean {
  const values = new Map(parameters.split(';').map((pair) => pair.trim().toLowerCase().split('=') as [string, string]))
  return values.get('packetization-mode') === '1' && (values.get('profile-level-id') ?? '42').startsWith('42')
}

function prune(section: Section, video: { chosen: Codec; rtx: Codec | undefined } | undefined, opus: Codec | undefined): string[] {
  const kept = section.kind === 'video' && video ? [video.chosen, video.rtx] : section.kind === 'audio' ? [opus] : undefined
  const types = kept?.flatMap((codec) => (codec ? [codec.payloadType] : []))
  let candidates = 0
  const lines = section.lines.filter((line) => {
    if (line.startsWith('a=candidate:')) return isUsableCandidate(line.slice(2)) && ++candidates <= MAX_CANDIDATES
    // later candidates are taken until the session ends, whatever the offer says
    if (line === 'a=end-of-candidates') return false
    if (!types) return true
    if (/^a=rtcp-fb:\S+ transport-cc$/.test(line)) return false
    const about = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line)
    return about === null || types.includes(Number(about[1]))
  })
  if (!types) return [section.mLine, ...lines]
  const [media, port, protocol] = section.mLine.split(' ')
  return [`${media} ${port} ${protocol} ${types.join(' ')}`, ...lines]
}

/**
 * False for TCP, and for `.local` names of browsers that hide their address: to resolve one takes seconds and a multicast
 * socket, while the client's own checks reveal the address at once (peer-reflexive, RFC 8445 section 7.3.1.3).
 */
export function isUsableCandidate(line: string): boolean {
  const [, , protocol = '', , address = ''] = line.split(' ')
  return protocol.toLowerCase() === 'udp' && address !== '' && !address.toLowerCase().endsWith('.local')
}

function extensionIds(section: Section): { absSendTimeId: number | undefined; midId: number | undefined } {
  return { absSendTimeId: extensionId(section, ABS_SEND_TIME_URI), midId: extensionId(section, MID_URI) }
}

function extensionId(section: Section, uri: string): number | undefined {
  const line = section.lines.find((other) => other.startsWith('a=extmap:') && other.split(' ')[1] === uri)
  const id = Number.parseInt(line?.slice('a=extmap:'.length) ?? '', 10)
  return Number.isNaN(id) ? undefined : id
}

function withoutCodec(kind: string, section: Section): AvatarError {
  const offered = [...new Set(section.codecs.map((codec) => codec.name))]
  return refused(`its ${kind} offers ${offered.join(', ') || 'no codec'}; this origin speaks ${OUR_CODECS}`, { kind, offered })
}

function refused(why: string, details: Record<string, unknown> = {}): AvatarError {
  return new AvatarError('INVALID_REQUEST', `The SDP offer cannot be answered: ${why}.`, { field: 'sdp.sdp', reason: why, ...details })
}
