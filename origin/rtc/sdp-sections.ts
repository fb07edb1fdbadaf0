/** Reads SDP (RFC 8866) as far as an offer of WebRTC needs it: its media sections, and what each of them says. */

export const ABS_SEND_TIME_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'
export const MID_URI = 'urn:ietf:params:rtp-hdrext:sdes:mid'

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

/** One `m=` section. */
export interface Section {
  /** `video`, `audio`, `application`, … */
  kind: string
  /** Its name in the group and in packets; undefined where the offer gives none. */
  mid: string | undefined
  /** `UDP/TLS/RTP/SAVPF`, … */
  protocol: string
  formats: readonly string[]
  /** It was closed before, or is not to be used: port 0, and not bundle-only (RFC 9143 section 6). */
  closed: boolean
  direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'
  /** By preference. */
  codecs: Codec[]
  /** Lines below the m= line. */
  lines: readonly string[]
}

/** A section with what is chosen of it. */
export interface UsedSection {
  section: Section
  /** Its name towards the library: the offer's, or one of ours where the offer has none. */
  mid: string
  chosen: Codec
  /** For packets sent again. */
  rtx: Codec | undefined
}

export interface SessionDescription {
  /** Lines before the first section. */
  lines: readonly string[]
  sections: Section[]
  /** Mids of each BUNDLE group. */
  bundles: string[][]
}

/** @throws Error whose message says what of it is no SDP */
export function readSdp(text: string): SessionDescription {
  const all = text.split(/\r\n|\n/).filter((line) => line !== '')
  if (all[0] !== 'v=0') throw new Error('it does not begin with "v=0"')
  const bad = all.find((line) => !/^[a-z]=/.test(line))
  if (bad !== undefined) throw new Error(`the line "${bad.slice(0, 40)}" is no SDP`)
  const starts = all.flatMap((line, i) => (line.startsWith('m=') ? [i] : []))
  const lines = all.slice(0, starts[0] ?? all.length)
  const sections = starts.map((start, i) => readSection(all.slice(start, starts[i + 1]), lines))
  const bundles = valuesOf(lines, 'group').flatMap((value) => {
    const [semantics, ...mids] = value.split(' ')
    return semantics === 'BUNDLE' ? [mids] : []
  })
  return { lines, sections, bundles }
}

/** The values of all lines `a=NAME:VALUE`. */
export function valuesOf(lines: readonly string[], name: string): string[] {
  const start = `a=${name}:`
  return lines.flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []))
}

/** A codec's format parameters, in lower case. */
export function parametersOf({ parameters = '' }: Codec): Map<string, string> {
  return new Map(
    parameters.split(';').map((pair) => {
      const [name = '', value = ''] = pair.trim().toLowerCase().split('=')
      return [name, value]
    }),
  )
}

/** Id of a header extension; undefined where it is not offered. */
export function extensionId({ lines }: Section, uri: string): number | undefined {
  const value = valuesOf(lines, 'extmap').find((each) => each.split(' ')[1] === uri)
  const id = Number.parseInt(value ?? '', 10)
  return Number.isNaN(id) ? undefined : id
}

function readSection([mLine = '', ...lines]: string[], session: string[]): Section {
  const [kind = '', port = '', protocol = '', ...formats] = mLine.slice(2).trim().split(/ +/)
  const directions = /^a=(sendrecv|sendonly|recvonly|inactive)$/
  const direction = [...session, ...lines].flatMap((line) => directions.exec(line)?.[1] ?? []).at(-1) ?? 'sendrecv'
  return {
    kind: kind.toLowerCase(),
    mid: valuesOf(lines, 'mid')[0],
    protocol,
    formats,
    closed: Number.parseInt(port, 10) === 0 && !lines.includes('a=bundle-only'),
    direction: direction as Section['direction'],
    codecs: readCodecs(formats, lines),
    lines,
  }
}

function readCodecs(formats: readonly string[], lines: readonly string[]): Codec[] {
  const split = (name: string): string[][] => valuesOf(lines, name).map((value) => value.split(' '))
  const maps = new Map(split('rtpmap').map(([type, ...rest]) => [Number(type), rest.join(' ').split('/')]))
  const parameters = new Map(split('fmtp').map(([type, ...rest]) => [Number(type), rest.join(' ')]))
  return formats.flatMap((format): Codec[] => {
    const payloadType = Number(format)
    const [name, clockRate, channels] = maps.get(payloadType) ?? []
    if (name === undefined) return []
    return [
      {
        payloadType,
        name,
        clockRate: Number(clockRate),
        channels: channels === undefined ? undefined : Number(channels),
        parameters: parameters.get(payloadType),
        feedback: split('rtcp-fb').flatMap(([type, ...rest]) => (type === '*' || Number(type) === payloadType ? [rest.join(' ')] : [])),
      },
    ]
  })
}
