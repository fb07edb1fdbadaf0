/** Offers: the one of a Chromium, and what people send instead. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseOffer } from '../../../origin/rtc/offer.ts'
import { AvatarError } from '../../../shared/errors.ts'

const CHROMIUM = readFileSync(new URL('../fixtures/chromium-offer.sdp', import.meta.url), 'utf8')
const edit = (change: (lines: string[]) => string[]): string => change(CHROMIUM.split('\r\n')).join('\r\n')
const without = (...patterns: RegExp[]): string => edit((lines) => lines.filter((line) => !patterns.some((pattern) => pattern.test(line))))

function refusal(sdp: string): { message: string; details: Record<string, unknown> } {
  try {
    parseOffer(sdp)
  } catch (thrown) {
    if (thrown instanceof AvatarError && thrown.code === 'INVALID_REQUEST') return { message: thrown.message, details: thrown.details }
    throw thrown
  }
  throw new Error('the offer was taken')
}

describe('an offer of Chromium', () => {
  it('is answered with its first codec that we speak, and its retransmission', () => {
    const { video, audio } = parseOffer(CHROMIUM)
    expect(video).toMatchObject({ codec: 'vp8', chosen: { payloadType: 96 }, rtx: { payloadType: 97 }, absSendTimeId: 2 })
    expect(audio).toMatchObject({ chosen: { payloadType: 111, channels: 2 }, sendsMic: true, absSendTimeId: 2 })
  })

  it('that prefers H.264 gets the baseline profile in several units', () => {
    const { video } = parseOffer(edit((lines) => lines.map((line) => line.replace(/^(m=video \d+ \S+) .*/, '$1 116 104 108 109 96 97'))))
    expect(video).toMatchObject({ codec: 'h264', chosen: { payloadType: 108 }, rtx: { payloadType: 109 } })
  })

  it('keeps nothing else of its codecs, no transport-wide feedback, and all of its transport', () => {
    const { sdp } = parseOffer(CHROMIUM)
    expect(sdp.match(/^m=.*$/gm)).toEqual([
      expect.stringMatching(/^m=video \d+ \S+ 96 97\r?$/),
      expect.stringMatching(/^m=audio \d+ \S+ 111\r?$/),
    ])
    expect([...sdp.matchAll(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/gm)].map((match) => match[1])).toEqual(
      expect.not.arrayContaining(['98', '102', '63', '9', '126']),
    )
    expect(sdp).not.toContain('transport-cc')
    for (const name of ['ice-ufrag', 'ice-pwd', 'fingerprint', 'mid', 'setup']) {
      expect(sdp.match(new RegExp(`^a=${name}:.*$`, 'gm'))).toEqual(CHROMIUM.match(new RegExp(`^a=${name}:.*$`, 'gm')))
    }
  })

  it('keeps UDP candidates with an address, at most 32 of them', () => {
    const candidates = [
      'a=candidate:1 1 udp 2122 192.0.2.5 50000 typ host',
      'a=candidate:2 1 udp 2122 8b5a1c2e-0000-4000-8000-000000000000.local 50001 typ host',
      'a=candidate:3 1 tcp 1518 192.0.2.5 9 typ host tcptype active',
      ...Array.from({ length: 50 }, (_, i) => `a=candidate:9${i} 1 UDP 1000 198.51.100.${i} 40000 typ srflx raddr 0.0.0.0 rport 0`),
      'a=end-of-candidates',
    ]
    const { sdp } = parseOffer(edit((lines) => lines.flatMap((line) => (line.startsWith('a=mid:0') ? [line, ...candidates] : [line]))))
    const kept = sdp.match(/^a=candidate:.*$/gm) ?? []
    expect(kept).toHaveLength(32)
    expect(kept[0]).toContain('192.0.2.5 50000')
    expect(kept.join()).not.toMatch(/\.local|tcp/)
    expect(sdp).not.toContain('end-of-candidates')
  })

  it('tells which of the client’s connections it is of', () => {
    expect(parseOffer(CHROMIUM).offeredBy).toMatch(/^\d{10,}$/)
  })

  it('may leave out its sound, or its video', () => {
    const cut = (kind: string): string =>
      CHROMIUM.split(/(?=^m=)/m)
        .filter((part) => !part.startsWith(`m=${kind}`))
        .join('')
    expect(parseOffer(cut('audio'))).toMatchObject({ audio: undefined, video: { codec: 'vp8' } })
    expect(parseOffer(cut('video'))).toMatchObject({ video: undefined, audio: { sendsMic: true } })
  })
})

describe('what cannot be answered is refused with the reason:', () => {
  it.each([
    ['text that is no SDP', 'hello', 'v=0'],
    ['nothing after the version', 'v=0\r\n', 'no m= line'],
    ['a line that is no SDP', `${CHROMIUM}what is this\r\n`, 'what is this'],
    ['no ICE', without(/^a=ice-pwd/), 'ice-pwd'],
    ['no DTLS', without(/^a=fingerprint/), 'fingerprint'],
    ['a client that only sends', CHROMIUM.replace('a=recvonly', 'a=sendonly'), 'sendonly'],
    [
      'data only',
      CHROMIUM.split(/(?=^m=)/m)[0] +
        'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:sha-256 c\r\n',
      'neither',
    ],
  ])('%s', (_name, sdp, reason) => {
    const { message, details } = refusal(sdp)
    expect(message).toContain(reason)
    expect(details).toMatchObject({ field: 'sdp.sdp', reason: expect.stringContaining(reason) })
  })

  it('video codecs that we do not speak, which are named', () => {
    const { message, details } = refusal(edit((lines) => lines.map((line) => line.replace(/^(m=video \d+ \S+) .*/, '$1 98 99 45'))))
    expect(message).toMatch(/video offers VP9, rtx, AV1.*speaks.*VP8/)
    expect(details).toMatchObject({ kind: 'video', offered: ['VP9', 'rtx', 'AV1'] })
  })

  it('H.264 of a profile or a mode that we do not speak', () => {
    const parameters = (text: string): string =>
      edit((lines) =>
        lines
          .filter((line) => !line.startsWith('a=fmtp:108') || text !== '')
          .map((line) => line.replace(/^(m=video \d+ \S+) .*/, '$1 108').replace(/^a=fmtp:108 .*/, `a=fmtp:108 ${text}`)),
      )
    expect(refusal(parameters('packetization-mode=1;profile-level-id=f4001f')).details).toMatchObject({ offered: ['H264'] })
    expect(refusal(parameters('packetization-mode=2;profile-level-id=42e01f')).message).toMatch(/offers H264; this origin speaks .*H264/)
    // those whose decoders show the baseline profile are spoken, and what is left out means it
    for (const text of [
      '',
      'packetization-mode=0',
      'profile-level-id=42001f',
      'packetization-mode=1; profile-level-id=64001F',
      'profile-level-id=4D001F',
    ]) {
      expect(parseOffer(parameters(text)).video).toMatchObject({ codec: 'h264', chosen: { payloadType: 108 } })
    }
  })

  it('RTP and RTCP on two ports', () => {
    expect(refusal(without(/^a=rtcp-mux$/)).message).toMatch(/video part has no a=rtcp-mux: offer/)
  })

  it('every video part for a reason of its own, which are all told', () => {
    const foreign =
      CHROMIUM.split(/(?=^m=)/m)[1]
        ?.replace(/^(m=video \d+ \S+) .*/, '$1 98')
        .replace('a=mid:0', 'a=mid:7') ?? ''
    const { message, details } = refusal(CHROMIUM.replace('a=recvonly', 'a=sendonly') + foreign)
    expect(message).toMatch(/video is sendonly: make it recvonly or sendrecv; its video offers VP9; this origin speaks/)
    expect(details).toMatchObject({ offered: ['VP9'] })
  })

  it('a microphone and nothing to receive', () => {
    const [session = '', , audio = ''] = CHROMIUM.split(/(?=^m=)/m)
    expect(refusal(session + audio.replace('a=sendrecv', 'a=sendonly')).message).toMatch(/its audio is sendonly.*make it sendrecv/)
  })

  it('parts that are all closed or inactive', () => {
    expect(refusal(CHROMIUM.replace(/^a=(recvonly|sendrecv)/gm, 'a=inactive')).message).toMatch(/closed or inactive: make them recvonly/)
    expect(refusal(CHROMIUM.replace(/^(m=\w+) 9/gm, '$1 0')).message).toMatch(/closed or inactive/)
  })

  it('two parts of one name, and a part that is bundled with nothing', () => {
    expect(refusal(CHROMIUM.replace('a=mid:1', 'a=mid:0')).message).toMatch(/same a=mid:0/)
    const alone = CHROMIUM.replace(/^a=group:BUNDLE.*\r\n/m, '').replace(/^m=audio 9(.*)$/m, 'm=audio 0$1\na=bundle-only')
    expect(refusal(alone).message).toMatch(/audio part is bundle-only/)
  })

  it('sound without Opus', () => {
    const { message } = refusal(edit((lines) => lines.map((line) => line.replace(/^(m=audio \d+ \S+) .*/, '$1 0 8'))))
    expect(message).toMatch(/audio offers PCMU, PCMA/)
  })
})
