/**
 * Reads a client's offer (RFC 8829): chooses the sections and codecs that are used, and refuses what cannot work. A section that is of
 * no use to us does not spoil the others: the answer rejects it (see answer.ts).
 */
import { AvatarError } from '../../shared/errors.ts'
import { isUsableCandidate } from './addresses.ts'
import { offerForLibrary, sharedTransports, transportOf } from './offer-transport.ts'
import {
  ABS_SEND_TIME_URI,
  type Codec,
  extensionId,
  MID_URI,
  parametersOf,
  readSdp,
  type Section,
  type SessionDescription,
  type UsedSection,
  valuesOf,
} from './sdp-sections.ts'
import type { RtcCandidate, RtcVideoCodec } from './types.ts'

const PLAYOUT_DELAY_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay'
/** Video that we encode, and Opus. */
const OUR_CODECS = 'video VP8 or H264 (baseline, main or high profile), audio opus'
/** H.264 profiles whose decoders show constrained baseline, which we send (H.264 annex A.2), by preference. */
const PROFILES = ['42', '4d', '64']

/** What we send of a kind. */
export interface OfferedStream extends UsedSection {
  /** Ids of header extensions. */
  absSendTimeId: number | undefined
  midId: number | undefined
}

export interface ParsedOffer {
  /** The session id of its o= line, which stays the same over all offers of one connection. */
  offeredBy: string
  /** All its sections, in order, those that are not used included. */
  sections: readonly Section[]
  /** What the used sections are called towards the library. */
  mids: ReadonlyMap<Section, string>
  video: (OfferedStream & { codec: RtcVideoCodec }) | undefined
  /** `sendsMic`: the microphone comes in the same section. */
  audio: (OfferedStream & { sendsMic: boolean }) | undefined
  /** Where the client's microphone comes, be it a section of its own. */
  mic: UsedSection | undefined
  /** The client lets its delay of playing be told, as browsers do. */
  isPlayer: boolean
  /** All used sections share one transport (RFC 9143). */
  bundled: boolean
  /** By mid of a used section: the first one with the same transport, where they share one without BUNDLE. */
  leaders: ReadonlyMap<string, string>
  /** Inactive sections of that transport: they stay, for the client to open them in a later offer; a rejected one it could not. */
  held: readonly Section[]
  /** For the library: the used sections, complete, with the chosen codecs and without transport-wide feedback. */
  sdp: string
}

/** @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer */
export function parseOffer(text: string): ParsedOffer {
  const description = read(text)
  const { lines, sections } = description
  const video = choose('video', { wanted: receives, needed: () => true }, description)
  const audio = choose('audio', { wanted: receives, needed: receives }, description)
  const mic = audio && sends(audio.section) ? audio : choose('audio', { wanted: sends, needed: () => false }, description)
  if (!video && !audio) throw withoutMedia(sections, mic)
  const used = [video, audio, mic === audio ? undefined : mic].filter((each) => each !== undefined)
  const bundle = description.bundles.find((mids) => used.every(({ mid }) => mids.includes(mid)))
  const alone = used.find(({ section }) => !bundle && section.lines.includes('a=bundle-only'))
  if (alone) throw refused(`its ${alone.section.kind} part is bundle-only, but no a=group:BUNDLE line joins it with the others`)
  const mids = new Map(used.map(({ section, mid }) => [section, mid]))
  const inGroup = ({ mid }: Section): boolean => mid !== undefined && bundle?.includes(mid) === true
  const data = sections.find((section) => isData(section) && inGroup(section))
  if (data?.mid !== undefined) mids.set(data, data.mid)
  return {
    offeredBy: /^o=\S+ (\S+)/.exec(lines.find((line) => line.startsWith('o=')) ?? '')?.[1] ?? '',
    sections,
    mids,
    video: video && { ...video, ...extensionIds(video.section), codec: video.chosen.name.toLowerCase() as RtcVideoCodec },
    audio: audio && { ...audio, ...extensionIds(audio.section), sendsMic: audio === mic },
    mic,
    isPlayer: video !== undefined && extensionId(video.section, PLAYOUT_DELAY_URI) !== undefined,
    bundled: bundle !== undefined,
    leaders: sharedTransports(description, used),
    held: sections.filter((section) => isMedia(section) && !section.closed && section.direction === 'inactive' && inGroup(section)),
    sdp: offerForLibrary(description, { used, data, bundled: bundle !== undefined }),
  }
}

/** Whether two offers of one connection have the same used sections, codecs and transport. */
export function isSameOffer(one: ParsedOffer, other: ParsedOffer): boolean {
  const lasting = ({ sdp, offeredBy }: ParsedOffer): string =>
    [offeredBy, ...sdp.split('\r\n').filter((line) => !/^(o=|a=(candidate|ssrc|setup):)/.test(line))].join()
  return lasting(one) === lasting(other)
}

/**
 * A later candidate in the form of the library; undefined where it is of no use. Clients look for candidates of sections before they know
 * that these are rejected: in a bundle they lead to all of it.
 *
 * @throws AvatarError `INVALID_REQUEST` where it is no candidate, or the offer has no such section
 */
export function laterCandidate(
  { sections, mids, bundled }: ParsedOffer,
  given: RtcCandidate,
): { candidate: string; sdpMid: string } | undefined {
  const { sdpMid, sdpMLineIndex } = given
  const candidate = given.candidate.replace(/^a=/, '')
  if (candidate === '') return undefined
  if (!/^candidate:\S+ \d+ (udp|tcp) \d+ \S+ \d+ typ \S+/i.test(candidate)) {
    throw new AvatarError('INVALID_REQUEST', 'That is no ICE candidate (RFC 8839 section 5.1).', { field: 'candidate' })
  }
  const section = sdpMid != null ? sections.find(({ mid }) => mid === sdpMid) : sections[sdpMLineIndex ?? 0]
  if (!section) {
    const parts = sections.map(({ mid, kind }, i) => `${i} (${kind}${mid === undefined ? '' : `, mid ${mid.slice(0, 40)}`})`).join(', ')
    const message = `The candidate is of no part of the offer: its sdpMid or sdpMLineIndex must name one of ${parts}.`
    throw new AvatarError('INVALID_REQUEST', message, { field: 'candidate' })
  }
  const [first] = mids.values()
  const mid = mids.get(section) ?? (bundled ? first : undefined)
  return mid === undefined || !isUsableCandidate(candidate) ? undefined : { candidate, sdpMid: mid }
}

const isMedia = ({ kind }: Section): boolean => kind === 'video' || kind === 'audio'
/** A channel for data: it opens, and nothing comes over it. */
const isData = ({ closed, protocol, formats }: Section): boolean =>
  !closed && protocol.endsWith('/DTLS/SCTP') && formats[0] === 'webrtc-datachannel'
const receives = ({ direction }: Section): boolean => direction === 'recvonly' || direction === 'sendrecv'
const sends = ({ direction }: Section): boolean => direction === 'sendonly' || direction === 'sendrecv'

/** @throws AvatarError where the text is no SDP, or has no media section */
function read(text: string): SessionDescription {
  let description: SessionDescription
  try {
    description = readSdp(text)
  } catch (thrown) {
    throw refused(thrown instanceof Error ? thrown.message : String(thrown))
  }
  const { sections } = description
  if (sections.length === 0) throw refused('it has no m= line: ask for a video and an audio track')
  const mids = sections.flatMap(({ mid }) => mid ?? [])
  const twice = mids.find((mid, i) => mids.indexOf(mid) !== i)
  if (twice !== undefined) throw refused(`two of its parts have the same a=mid:${twice.slice(0, 40)}`)
  return description
}

/** Why a section cannot be used. */
interface Fault {
  why: string
  details: Record<string, unknown>
}

/**
 * The first section of a kind that can be used.
 *
 * @param wanted whether a section has the direction for it
 * @param needed whether the offer makes no sense without it
 * @throws AvatarError where a needed section is offered and none can be used, with the reasons
 */
function choose(
  kind: string,
  { wanted, needed }: Record<'wanted' | 'needed', (section: Section) => boolean>,
  description: SessionDescription,
): UsedSection | undefined {
  const open = description.sections.filter((section) => section.kind === kind && !section.closed && section.direction !== 'inactive')
  const faults: Fault[] = []
  for (const section of open) {
    const found = wanted(section) ? use(section, description) : wrongDirection(section)
    if ('chosen' in found) return found
    faults.push(found)
  }
  if (!open.some(needed)) return undefined
  const reasons = [...new Set(faults.map(({ why }) => why))]
  throw refused(reasons.join('; '), Object.assign({}, ...faults.map(({ details }) => details)))
}

function use(section: Section, description: SessionDescription): UsedSection | Fault {
  const { kind } = section
  const transport = transportOf(section, description)
  const missing = ['ice-ufrag', 'ice-pwd', 'fingerprint'].find((name) => valuesOf(transport, name).length === 0)
  if (missing) return { why: `its ${kind} part has no a=${missing}: it is no WebRTC offer`, details: {} }
  if (!transport.includes('a=rtcp-mux')) {
    return { why: `its ${kind} part has no a=rtcp-mux: offer RTP and RTCP over one port`, details: {} }
  }
  const chosen = kind === 'video' ? chooseVideo(section) : section.codecs.find(isOpus)
  if (!chosen) return withoutCodec(section)
  const rtx = section.codecs.find(
    (other) => other.name.toLowerCase() === 'rtx' && parametersOf(other).get('apt') === String(chosen.payloadType),
  )
  return { section, mid: section.mid ?? `section${description.sections.indexOf(section)}`, chosen, rtx }
}

/** VP8 or H.264, whichever is offered first; of several forms of H.264 the one that is closest to what we send. */
function chooseVideo({ codecs }: Section): Codec | undefined {
  const first = codecs.find((codec) => isVp8(codec) || h264Rank(codec) !== undefined)
  if (!first || isVp8(first)) return first
  return codecs.filter((codec) => h264Rank(codec) !== undefined).sort((one, other) => (h264Rank(one) ?? 0) - (h264Rank(other) ?? 0))[0]
}

const isOpus = ({ name, clockRate }: Codec): boolean => name.toLowerCase() === 'opus' && clockRate === 48_000
const isVp8 = ({ name, clockRate }: Codec): boolean => name.toLowerCase() === 'vp8' && clockRate === 90_000

/**
 * Undefined where we cannot send this form of H.264. What is left out means the baseline profile and single NAL units (RFC 6184
 * section 8.1), which is what we send: also where several units in a packet are allowed (mode 1). Mode 2 needs another form.
 */
function h264Rank(codec: Codec): number | undefined {
  if (codec.name.toLowerCase() !== 'h264' || codec.clockRate !== 90_000) return undefined
  const parameters = parametersOf(codec)
  const mode = parameters.get('packetization-mode') ?? '0'
  const profile = PROFILES.indexOf((parameters.get('profile-level-id') ?? '42').slice(0, 2))
  return profile < 0 || !['0', '1'].includes(mode) ? undefined : 2 * profile + (mode === '1' ? 0 : 1)
}

function extensionIds(section: Section): { absSendTimeId: number | undefined; midId: number | undefined } {
  return { absSendTimeId: extensionId(section, ABS_SEND_TIME_URI), midId: extensionId(section, MID_URI) }
}

function wrongDirection({ kind, direction }: Section): Fault {
  return { why: `its ${kind} is ${direction}: make it recvonly or sendrecv`, details: {} }
}

function withoutCodec({ kind, codecs }: Section): Fault {
  const offered = [...new Set(codecs.map(({ name }) => name))]
  return { why: `its ${kind} offers ${offered.join(', ') || 'no codec'}; this origin speaks ${OUR_CODECS}`, details: { kind, offered } }
}

/** Nothing of the offer receives. */
function withoutMedia(sections: Section[], mic: UsedSection | undefined): AvatarError {
  if (mic) return refused('its audio is sendonly, and it asks for nothing to receive: make it sendrecv, or add video')
  if (!sections.some(isMedia)) return refused('it has neither a video nor an audio m= line')
  return refused('its video and audio parts are closed or inactive: make them recvonly or sendrecv')
}

function refused(why: string, details: Record<string, unknown> = {}): AvatarError {
  return new AvatarError('INVALID_REQUEST', `The SDP offer cannot be answered: ${why}.`, { field: 'sdp.sdp', reason: why, ...details })
}
