/**
 * The answer to an offer: the library's for the sections that are used, with each of the offer's other sections in its place, where an
 * answer must have it (RFC 3264 section 6).
 */
import type { ParsedOffer } from './offer.ts'
import { readSdp, type Section } from './sdp-sections.ts'

/** What the library says of itself, whatever was offered. */
const UNASKED = /^a=(group:|extmap-allow-mixed)/
/** Lines of a section that tell what we send. */
const OF_SENDING = /^a=(msid|ssrc|ssrc-group):/
/** Lines of a section that tell how it is reached, and where. */
const TRANSPORT = /^a=(candidate:|end-of-candidates|ice-|fingerprint:|setup:)/
const ADDRESS = /^a=(candidate:|end-of-candidates)/

/** Lines of a section that tell its codecs. */
const CODECS = /^a=(rtpmap|fmtp):/

/** @param answer the library's, to `offer.sdp` */
export function wholeAnswer(answer: string, offer: ParsedOffer): string {
  const { lines, sections } = readSdp(answer)
  const transport = sections[0]?.lines.filter((line) => TRANSPORT.test(line)) ?? []
  const joined: string[] = []
  const parts = offer.sections.map((section) => {
    const mid = offer.mids.get(section)
    const ours = sections.find((other) => mid !== undefined && other.mid === mid)
    const held = ours || offer.held.includes(section)
    if (held && section.mid !== undefined) joined.push(section.mid)
    if (ours) return answered(section, ours)
    // the first of the bundle leads to all of it
    const leads = held ? transport : transport.filter((line) => !ADDRESS.test(line))
    return [`m=${section.kind} ${held ? 9 : 0} ${section.protocol} ${section.formats.join(' ')}`, ...unused(section, leads)]
  })
  const session = lines.filter((line) => !UNASKED.test(line))
  if (offer.bundled) session.push(`a=group:BUNDLE ${joined.join(' ')}`)
  return `${[session, ...parts].flat().join('\r\n')}\r\n`
}

function answered({ kind, protocol, mid }: Section, { formats, lines, direction }: Section): string[] {
  const said = lines.filter(
    (line) => (mid !== undefined || !line.startsWith('a=mid:')) && (direction !== 'recvonly' || !OF_SENDING.test(line)),
  )
  return [`m=${kind} 9 ${protocol} ${formats.join(' ')}`, ...said]
}

/**
 * Of a section that is rejected, or stays inactive as it was offered. Codecs and transport mean nothing there, but clients stumble where
 * they are missing (aiortc 1.16, werift 0.24.4).
 */
function unused({ mid, lines }: Section, transport: readonly string[]): string[] {
  return [
    'c=IN IP4 0.0.0.0',
    ...transport,
    ...(mid === undefined ? [] : [`a=mid:${mid}`]),
    'a=inactive',
    ...lines.filter((line) => line === 'a=rtcp-mux' || CODECS.test(line)),
  ]
}
