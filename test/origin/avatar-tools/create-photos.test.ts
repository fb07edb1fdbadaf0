/** Photos come out upright whatever EXIF says, and as they are where it says nonsense. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import {
  AV_PIX_FMT_BGRA,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUVJ444P,
  type AVPixelFormat,
  FF_ENCODER_LIBWEBP,
  FF_ENCODER_MJPEG,
  FF_ENCODER_PNG,
  type FFEncoderCodec,
} from 'node-av/constants'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSource } from '../../../origin/avatar-tools/source.ts'
import { writeFilm } from '../../support/fakes/film.ts'

const [WIDTH, HEIGHT] = [360, 300]
const BOX = { x: 60, y: 60, width: 120, height: 130 }
/** Of the four quarters of the upright photo, clockwise from the left upper one. */
const COLOURS = [
  [200, 40, 40],
  [40, 160, 60],
  [50, 60, 200],
  [220, 200, 60],
] as const
/** Where the first stored row and column are seen (Exif 2.3, tag 0x0112): a stored pixel's x' and y' from its x and y, in shares of a side. */
const ORIENTATIONS: Record<number, (x: number, y: number) => [number, number]> = {
  1: (x, y) => [x, y],
  2: (x, y) => [1 - x, y],
  3: (x, y) => [1 - x, 1 - y],
  4: (x, y) => [x, 1 - y],
  5: (x, y) => [y, x],
  6: (x, y) => [1 - y, x],
  7: (x, y) => [1 - y, 1 - x],
  8: (x, y) => [y, 1 - x],
}

interface Kind {
  name: string
  codec: FFEncoderCodec
  pixelFormat: AVPixelFormat
  /** Puts EXIF into a file of this kind. */
  tagged: (photo: Buffer, exif: Buffer) => Buffer
}
const KINDS: Kind[] = [
  { name: 'jpg', codec: FF_ENCODER_MJPEG, pixelFormat: AV_PIX_FMT_YUVJ444P, tagged: taggedJpeg },
  { name: 'png', codec: FF_ENCODER_PNG, pixelFormat: AV_PIX_FMT_RGB24, tagged: taggedPng },
  { name: 'webp', codec: FF_ENCODER_LIBWEBP, pixelFormat: AV_PIX_FMT_BGRA, tagged: taggedWebp },
]

/** A TIFF header and one directory with the orientation. */
function exif(value: number, { big = false, type = 3, count = 1, offset = 8, entries = 1 } = {}): Buffer {
  const out = Buffer.alloc(26)
  const u16 = (number: number, at: number): number => (big ? out.writeUInt16BE(number, at) : out.writeUInt16LE(number, at))
  const u32 = (number: number, at: number): number => (big ? out.writeUInt32BE(number, at) : out.writeUInt32LE(number, at))
  out.write(big ? 'MM' : 'II', 'latin1')
  u16(42, 2)
  u32(offset, 4)
  u16(entries, 8)
  u16(0x112, 10)
  u16(type, 12)
  u32(count, 14)
  u16(value, 18)
  return out
}

function taggedJpeg(photo: Buffer, tiff: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff])
  const head = Buffer.from([0xff, 0xe1, 0, 0])
  head.writeUInt16BE(body.length + 2, 2)
  return Buffer.concat([photo.subarray(0, 2), head, body, photo.subarray(2)])
}

function taggedPng(photo: Buffer, tiff: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('eXIf', 'latin1'), tiff])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(tiff.length)
  sum.writeUInt32BE(crc32(body))
  // behind the signature and the header
  return Buffer.concat([photo.subarray(0, 33), length, body, sum, photo.subarray(33)])
}

function taggedWebp(photo: Buffer, tiff: Buffer): Buffer {
  const chunk = (name: string, data: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(data.length)
    return Buffer.concat([Buffer.from(name, 'latin1'), length, data, Buffer.alloc(data.length % 2)])
  }
  const extended = Buffer.alloc(10)
  extended[0] = 8 // it has EXIF
  extended.writeUIntLE(photo.readUInt16LE(26) - 1, 4, 3)
  extended.writeUIntLE(photo.readUInt16LE(28) - 1, 7, 3)
  const body = Buffer.concat([Buffer.from('WEBP', 'latin1'), chunk('VP8X', extended), photo.subarray(12), chunk('EXIF', tiff)])
  return chunk('RIFF', body)
}

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'photos-'))
})
afterAll(() => rm(dir, { recursive: true }))

/** The boxes of a HEIF photo of two tiles (ISO/IEC 23008-12), whose pictures are missing. */
function tiledPhoto(): Buffer {
  const box = (name: string, ...data: Buffer[]): Buffer => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), ...data])
    return Buffer.concat([u32(body.length + 4), body])
  }
  const u32 = (...values: number[]): Buffer =>
    Buffer.concat(values.map((value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value])))
  const u16 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from([value >>> 8, value])))
  const text = (value: string): Buffer => Buffer.from(value, 'latin1')
  const full = (name: string, version: number, ...data: Buffer[]): Buffer => box(name, u32(version << 24), ...data)
  const entry = (id: number, type: string): Buffer => full('infe', 2, u16(id, 0), text(`${type}\0`))
  const sizes = [full('ispe', 0, u32(256, 256)), full('ispe', 0, u32(512, 256))]
  const grid = Buffer.concat([Buffer.from([0, 0, 0, 1]), u16(512, 256)])
  const at = (offset: number): Buffer =>
    full('iloc', 0, u16(0x4400, 3), ...[1, 2, 3].map((id) => Buffer.concat([u16(id, 0, 1), u32(offset, id === 3 ? grid.length : 4)])))
  const meta = (offset: number): Buffer =>
    full(
      'meta',
      0,
      full('hdlr', 0, u32(0), text('pict'), u32(0, 0, 0), Buffer.alloc(1)),
      full('pitm', 0, u16(3)),
      at(offset),
      full('iinf', 0, u16(3), entry(1, 'hvc1'), entry(2, 'hvc1'), entry(3, 'grid')),
      full('iref', 0, box('dimg', u16(3, 2, 1, 2))),
      box(
        'iprp',
        box('ipco', ...sizes),
        full('ipma', 0, u32(3), ...[1, 2, 3].map((id) => Buffer.concat([u16(id), Buffer.from([1, id === 3 ? 2 : 1])]))),
      ),
    )
  const type = box('ftyp', text('heic'), u32(0), text('mif1heic'))
  return Buffer.concat([type, meta(type.length + meta(0).length + 8), box('mdat', grid)])
}

/** A photo as a camera stores it that has to be shown so. */
async function stored({ name, codec, pixelFormat }: Kind, orientation: number): Promise<Buffer> {
  const file = join(dir, `stored.${name}`)
  const seen = ORIENTATIONS[orientation] ?? ((x, y) => [x, y])
  const [width, height] = orientation > 4 ? [HEIGHT, WIDTH] : [WIDTH, HEIGHT]
  const paint = (x: number, y: number): readonly number[] => {
    const [u, v] = seen((x + 0.5) / width, (y + 0.5) / height)
    return COLOURS[v < 0.5 ? Number(u > 0.5) : 3 - Number(u > 0.5)] ?? []
  }
  writeFilm({
    file,
    ...(name === 'jpg' ? { format: 'mjpeg' } : name === 'png' ? { format: 'image2pipe' } : {}),
    codec,
    pixelFormat,
    width,
    height,
    timesMs: [0],
    paint,
  })
  return await readFile(file)
}

async function expectUpright(name: string, photo: Buffer): Promise<void> {
  const file = join(dir, `photo.${name}`)
  await writeFile(file, photo)
  const { frames, isPhoto, box } = readSource({ file, box: BOX, crop: { x: 30, y: 0, side: HEIGHT }, scratch: join(dir, 'frames.raw') })
  try {
    expect(isPhoto).toBe(true)
    expect(box).toEqual({ ...BOX, x: 30 })
    const { size } = frames
    const rgb = frames.read(0, new Uint8Array(3 * size * size))
    for (const [i, [x, y]] of (
      [
        [1, 1],
        [3, 1],
        [3, 3],
        [1, 3],
      ] as const
    ).entries()) {
      const at = 3 * ((y * size * size) / 4 + (x * size) / 4)
      const off = [...rgb.subarray(at, at + 3)].map((level, c) => Math.abs(level - Number(COLOURS[i]?.[c])))
      expect(Math.max(...off), `corner ${i}`).toBeLessThanOrEqual(8)
    }
  } finally {
    frames.close()
  }
}

/** What is said of a photo that cannot be used. */
async function refusal(name: string, photo: Buffer): Promise<string> {
  return await expectUpright(name, photo).then(
    () => 'it was taken',
    (error: Error) => error.message,
  )
}

const numbers = Object.keys(ORIENTATIONS).map(Number)

describe.each(KINDS)('a $name', (kind) => {
  it.each(numbers)('of orientation %i stands upright', async (orientation) => {
    await expectUpright(kind.name, kind.tagged(await stored(kind, orientation), exif(orientation)))
    await expectUpright(kind.name, kind.tagged(await stored(kind, orientation), exif(orientation, { big: true })))
  })

  const NONSENSE: [string, Buffer][] = [
    ['no such orientation', exif(9)],
    ['orientation 0', exif(0)],
    ['a text', exif(6, { type: 2 })],
    ['an unknown type', exif(6, { type: 99 })],
    ['a number of 4 thousand million', exif(6, { count: 0xffffffff })],
    ['a directory outside', exif(6, { offset: 0xffff })],
    ['no header', Buffer.from('nothing of the kind')],
    ...[0, 5, 8, 13, 17].map((bytes): [string, Buffer] => [`${bytes} bytes only`, exif(6).subarray(0, bytes)]),
  ]
  it.each(NONSENSE)('whose EXIF has %s is taken as it is', async (_name, nonsense) => {
    await expectUpright(kind.name, kind.tagged(await stored(kind, 1), nonsense))
  })
})

describe('a photo that cannot be shown whole is refused in one line', () => {
  it.each(KINDS)('a $name that is cut off', async (kind) => {
    const photo = await stored(kind, 1)
    const said = await refusal(kind.name, photo.subarray(0, Math.floor(photo.length / 2)))
    expect(said).toMatch(/photo\.\w+ cannot be read as a video or a photo: cannot /)
    expect(said).not.toContain('\n')
  })

  it('one made of tiles, as HEIC photos of phones', async () => {
    const said = await refusal('heic', tiledPhoto())
    expect(said).toMatch(/photo\.heic is made of tiles, as phones' HEIC photos are; save it as JPEG or PNG$/)
  })
})

describe('a JPEG', () => {
  it('with a second picture behind it, as phones add for depth and brightness, is the first', async () => {
    const [jpeg] = KINDS
    if (jpeg === undefined) return
    const photo = await stored(jpeg, 1)
    await expectUpright('jpg', Buffer.concat([photo, await stored(jpeg, 6)]))
  })
})
