import { describe, expect, it } from 'vitest'
import { MAX_PAYLOAD_BYTES, packetizeH264, packetizeVp8 } from '../../../origin/rtc/packetize.ts'

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 0xff)

describe('VP8 payloads', () => {
  it('hold the whole frame, begin it once, and carry its number', () => {
    const frame = bytes(5_000)
    const payloads = packetizeVp8(frame, 0x1234)
    expect(payloads.every(({ length }) => length <= MAX_PAYLOAD_BYTES)).toBe(true)
    expect(Buffer.concat(payloads.map((payload) => payload.subarray(4)))).toEqual(Buffer.from(frame))
    expect(payloads.map((payload) => payload[0])).toEqual([0x90, ...payloads.slice(1).map(() => 0x80)])
    for (const payload of payloads) expect([...payload.subarray(1, 4)]).toEqual([0x80, 0x92, 0x34])
  })
})

/** What a receiver makes of it (RFC 6184). */
function reassemble(payloads: readonly Buffer[]): Buffer[] {
  const units: Buffer[] = []
  for (const payload of payloads) {
    const [indicator = 0, header = 0] = payload
    if ((indicator & 0x1f) !== 28) units.push(payload)
    else if (header & 0x80) units.push(Buffer.concat([Buffer.from([(indicator & 0xe0) | (header & 0x1f)]), payload.subarray(2)]))
    else units.push(Buffer.concat([units.pop() ?? Buffer.alloc(0), payload.subarray(2)]))
  }
  return units
}

describe('H.264 payloads', () => {
  // no start code inside: 0 never follows 0
  const unit = (type: number, length: number): Buffer => Buffer.from([0x60 | type, ...bytes(length).map((value) => value | 1)])

  it('hold every unit of a frame, large ones in marked fragments', () => {
    const units = [unit(7, 20), unit(8, 4), unit(5, 4_000)]
    const stream = Buffer.concat([
      Buffer.from([0, 0, 0, 1]),
      units[0] ?? '',
      Buffer.from([0, 0, 0, 1]),
      units[1] ?? '',
      Buffer.from([0, 0, 1]),
      units[2] ?? '',
    ] as Buffer[])
    const payloads = packetizeH264(stream)
    expect(payloads.every(({ length }) => length <= MAX_PAYLOAD_BYTES)).toBe(true)
    expect(reassemble(payloads)).toEqual(units)
    const fragments = payloads.slice(2)
    expect(fragments.map((payload) => (payload[1] ?? 0) >> 6)).toEqual([2, ...fragments.slice(2).map(() => 0), 1])
  })

  it('of nothing are none', () => {
    expect(packetizeH264(new Uint8Array(0))).toEqual([])
  })
})
