/**
 * The one PNG kind that packs use: 8-bit grey, not interlaced (PNG specification, third edition, sections 5, 9 and 11). Node brings
 * inflate and CRC; a package would add every other kind, which a pack must not have, and the bounds on a forged header would still be ours.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

export interface GreyImage {
  width: number
  height: number
  /** Row by row, one byte a pixel. */
  pixels: Uint8Array
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Pixels; more than any mask needs, so a forged header cannot ask for gigabytes. */
const MAX_PIXELS = 4_194_304

/** @throws Error that says in words what is wrong with the file */
export function decodeGreyPng(file: Buffer): GreyImage {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error('is not a PNG file')
  let width = 0
  let height = 0
  const data: Buffer[] = []
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at)
    const type = file.toString('latin1', at + 4, at + 8)
    if (at + 12 + length > file.length) throw new Error('is cut off')
    const body = file.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR') {
      if (length !== 13) throw new Error('has a damaged header')
      width = body.readUInt32BE(0)
      height = body.readUInt32BE(4)
      if (body[8] !== 8 || body[9] !== 0) throw new Error('must be 8-bit grey without alpha')
      if (body[12] !== 0) throw new Error('must not be interlaced')
      if (width * height > MAX_PIXELS || width * height === 0) throw new Error(`has an impossible size of ${width} x ${height}`)
    } else if (type === 'IDAT') data.push(body)
    else if (type === 'IEND') break
    at += 12 + length
  }
  if (width === 0 || data.length === 0) throw new Error('has no picture in it')
  const stride = width + 1
  let raw: Buffer
  try {
    raw = inflateSync(Buffer.concat(data), { maxOutputLength: stride * height })
  } catch (cause) {
    throw new Error('has damaged picture data', { cause })
  }
  if (raw.length !== stride * height) throw new Error('has too little picture data')
  return { width, height, pixels: unfilter(raw, width, height) }
}

/** Undoes the per-row filters with one byte a pixel. */
function unfilter(raw: Uint8Array, width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (width + 1)] ?? 0
    if (filter > 4) throw new Error('has an unknown row filter')
    for (let x = 0; x < width; x++) {
      const left = x > 0 ? (pixels[y * width + x - 1] ?? 0) : 0
      const up = y > 0 ? (pixels[(y - 1) * width + x] ?? 0) : 0
      const upLeft = x > 0 && y > 0 ? (pixels[(y - 1) * width + x - 1] ?? 0) : 0
      pixels[y * width + x] = (raw[y * (width + 1) + 1 + x] ?? 0) + predict(filter, left, up, upLeft)
    }
  }
  return pixels
}

function predict(filter: number, left: number, up: number, upLeft: number): number {
  if (filter === 0) return 0
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  const estimate = left + up - upLeft
  const toLeft = Math.abs(estimate - left)
  const toUp = Math.abs(estimate - up)
  const toUpLeft = Math.abs(estimate - upLeft)
  if (toLeft <= toUp && toLeft <= toUpLeft) return left
  return toUp <= toUpLeft ? up : upLeft
}

/** The same kind, unfiltered. @param pixels row by row, one byte each */
export function encodeGreyPng({ width, height, pixels }: GreyImage): Buffer {
  const raw = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) raw.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, body: Buffer): Buffer {
  const out = Buffer.alloc(body.length + 12)
  out.writeUInt32BE(body.length, 0)
  out.write(type, 4, 'latin1')
  body.copy(out, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length)
  return out
}
