/**
 * How the sections of an offer are reached, and the offer that the library gets. It gets only the sections that are used, each with all
 * that it needs: it cannot reject a single one, and takes what a section leaves out from nowhere.
 */
import { isUsableCandidate } from './addresses.ts'
import {
  ABS_SEND_TIME_URI,
  type Codec,
  MID_URI,
  type Section,
  type SessionDescription,
  type UsedSection,
  valuesOf,
} from './sdp-sections.ts'

/** Candidates of one transport that are tried. */
const MAX_CANDIDATES = 32
const ICE = /^a=ice-(ufrag|pwd):/

/**
 * The lines of ICE and DTLS of a section: its own, else those of its BUNDLE group, where sections may leave them out (RFC 9143 section
 * 7.1.3), else the session's.
 */
export function transportOf(section: Section, { lines, sections, bundles }: SessionDescription): string[] {
  const group = bundles.find((mids) => section.mid !== undefined && mids.includes(section.mid)) ?? []
  const others = sections.filter(({ mid }) => mid !== undefined && group.includes(mid))
  const sources = [section.lines, ...others.map((other) => other.lines), lines]
  const first = (pattern: RegExp): string[] =>
    sources.map((source) => source.filter((line) => pattern.test(line))).find((found) => found.length > 0) ?? []
  const setup = first(/^a=setup:(active|passive|actpass)$/)
  return [
    ...first(ICE),
    ...first(/^a=fingerprint:\S+ \S+$/),
    ...(setup.length > 0 ? setup.slice(0, 1) : ['a=setup:actpass']),
    ...first(/^a=rtcp-mux$/).slice(0, 1),
    ...(lines.includes('a=ice-lite') ? ['a=ice-lite'] : []),
  ]
}

interface ForLibrary {
  used: readonly UsedSection[]
  data: Section | undefined
  /** All share the transport of the first of them. */
  bundled: boolean
}

export function offerForLibrary(description: SessionDescription, { used, data, bundled }: ForLibrary): string {
  const { lines, sections } = description
  const parts = used.map((part) => ({ section: part.section, mid: part.mid, said: mediaLines(part) }))
  // behind the media, by whose place the library counts
  if (data) parts.push({ section: data, mid: data.mid ?? '', said: dataLines(data) })
  const tagged = sections.find((section) => parts.some((part) => part.section === section))
  const session = ['v=0', lines.find((line) => line.startsWith('o=')) ?? 'o=- 0 0 IN IP4 0.0.0.0', 's=-', 't=0 0']
  if (bundled) session.push(`a=group:BUNDLE ${parts.map(({ mid }) => mid).join(' ')}`)
  const whole = parts.map(({ section, mid, said }, i) => {
    const transport = transportOf(bundled && tagged ? tagged : section, description)
    const reached = bundled ? sections.filter((other) => i === 0 && sharesIce(other, transport, description)) : [section]
    return [...said, `a=mid:${mid}`, ...transport, ...candidatesOf(reached)]
  })
  return `${[session, ...whole].flat().join('\r\n')}\r\n`
}

/**
 * Which used sections have one transport although no BUNDLE group says so: the same credentials and the same addresses. Clients that bundle
 * always do so, and a line is easily lost on the way.
 *
 * @returns the mid of each section, and that of the first with its transport
 */
export function sharedTransports(description: SessionDescription, used: readonly UsedSection[]): Map<string, string> {
  const firsts = new Map<string, string>()
  return new Map(
    used.map(({ section, mid }) => {
      const candidates = candidatesOf([section])
      const ice = transportOf(section, description).filter((line) => ICE.test(line))
      const key = candidates.length === 0 ? mid : [...ice, ...candidates].join()
      const first = firsts.get(key) ?? mid
      firsts.set(key, first)
      return [mid, first]
    }),
  )
}

/** Its candidates lead to this transport: also those of a section that is not used. */
function sharesIce(section: Section, transport: readonly string[], description: SessionDescription): boolean {
  const iceOf = (lines: readonly string[]): string => lines.filter((line) => ICE.test(line)).join()
  return iceOf(transportOf(section, description)) === iceOf(transport)
}

/** Later candidates are taken until the session ends, whatever the offer says: without `end-of-candidates`. */
function candidatesOf(sections: readonly Section[]): string[] {
  const all = new Set(sections.flatMap(({ lines }) => lines.filter((line) => line.startsWith('a=candidate:'))))
  return [...all].filter((line) => isUsableCandidate(line.slice(2))).slice(0, MAX_CANDIDATES)
}

function dataLines({ protocol, formats, lines }: Section): string[] {
  return [`m=application 9 ${protocol} ${formats.join(' ')}`, ...lines.filter((line) => /^a=(sctp-port|max-message-size):\d+$/.test(line))]
}

function mediaLines({ section, chosen, rtx }: UsedSection): string[] {
  const codecs = rtx ? [chosen, rtx] : [chosen]
  const ours = (value: string): boolean => /^\d+/.test(value) && [ABS_SEND_TIME_URI, MID_URI].includes(value.split(' ')[1] ?? '')
  return [
    `m=${section.kind} 9 UDP/TLS/RTP/SAVPF ${codecs.map(({ payloadType }) => payloadType).join(' ')}`,
    `a=${section.direction}`,
    ...codecs.flatMap(codecLines),
    ...valuesOf(section.lines, 'extmap')
      .filter(ours)
      .map((value) => `a=extmap:${value}`),
    // of the microphone: the library reports to it by its stream's number
    ...section.lines.filter((line) => section.direction !== 'recvonly' && /^a=ssrc:\d+ \S/.test(line)),
  ]
}

function codecLines({ payloadType, name, clockRate, channels, parameters, feedback }: Codec): string[] {
  return [
    `a=rtpmap:${payloadType} ${name}/${clockRate}${channels === undefined ? '' : `/${channels}`}`,
    ...(parameters === undefined ? [] : [`a=fmtp:${payloadType} ${parameters}`]),
    // a browser then sends REMB instead
    ...feedback.filter((kind) => kind !== 'transport-cc').map((kind) => `a=rtcp-fb:${payloadType} ${kind}`),
  ]
}
