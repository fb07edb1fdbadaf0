/** Encoded frames to RTP payloads. */
import { MAX_PAYLOAD_BYTES } from '../codec/packet-size.ts'

export { MAX_PAYLOAD_BYTES }

const VP8_DESCRIPTOR_BYTES = 4
const NAL_TYPE_FU_A = 28

/** VP8 (RFC 7741 section 4.2): every payload carries the frame's 15-bit number. */
export function packetizeVp8(frame: Uint8Array, pictureId: number): Buffer[] {
  const room = MAX_PAYLOAD_BYTES - VP8_DESCRIPTOR_BYTES
  const payloads: Buffer[] = []
  for (let at = 0; at < frame.length; at += room) {
    const part = frame.subarray(at, at + room)
    const payload = Buffer.allocUnsafe(VP8_DESCRIPTOR_BYTES + part.length)
    // X: extended; S: this payload begins the (only) partition
    payload[0] = 0x80 | (at === 0 ? 0x10 : 0)
    // I: a frame id follows, in two bytes
    payload[1] = 0x80
    payload[2] = 0x80 | ((pictureId >> 8) & 0x7f)
    payload[3] = pictureId & 0xff
    payload.set(part, VP8_DESCRIPTOR_BYTES)
    payloads.push(payload)
  }
  return payloads
}

/** H.264 in Annex B form (RFC 6184): a NAL unit a payload, larger ones in fragments (FU-A, section 5.8). */
export function packetizeH264(accessUnit: Uint8Array): Buffer[] {
  return nalUnits(accessUnit).flatMap((nal) => {
    if (nal.length <= MAX_PAYLOAD_BYTES) return [Buffer.from(nal)]
    const header = nal[0] ?? 0
    const room = MAX_PAYLOAD_BYTES - 2
    const payloads: Buffer[] = []
    for (let at = 1; at < nal.length; at += room) {
      const part = nal.subarray(at, at + room)
      const payload = Buffer.allocUnsafe(2 + part.length)
      payload[0] = (header & 0xe0) | NAL_TYPE_FU_A
      payload[1] = (at === 1 ? 0x80 : 0) | (at + room >= nal.length ? 0x40 : 0) | (header & 0x1f)
      payload.set(part, 2)
      payloads.push(payload)
    }
    return payloads
  })
}

/** The parts between start codes (00 00 01, with or without one more 00 before it). */
function nalUnits(bytes: Uint8Array): Uint8Array[] {
  const starts: { code: number; nal: number }[] = []
  for (let i = bytes.indexOf(1, 2); i >= 0; i = bytes.indexOf(1, i + 1)) {
    if (bytes[i - 1] !== 0 || bytes[i - 2] !== 0) continue
    starts.push({ code: bytes[i - 3] === 0 ? i - 3 : i - 2, nal: i + 1 })
  }
  return starts.map(({ nal }, i) => bytes.subarray(nal, starts[i + 1]?.code ?? bytes.length)).filter((nal) => nal.length > 0)
}
