import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readSource } from '../../../origin/avatar-tools/source.ts'
import { VideoFile } from '../../../origin/codec/video-writer.ts'

const SIZE = 256
/** Corners of the upright frame, clockwise from the left upper one. */
const COLOURS = [
  [200, 40, 40],
  [40, 160, 60],
  [50, 60, 200],
  [220, 200, 60],
] as const
type Matrix = readonly [a: number, b: number, c: number, d: number]
/** What cameras write into the track's header: where a stored pixel is seen, x' = a x + c y, y' = b x + d y. */
const MATRICES: [string, Matrix][] = [
  ['as it is', [1, 0, 0, 1]],
  ['turned by 90 degrees', [0, 1, -1, 0]],
  ['turned by 180 degrees', [-1, 0, 0, -1]],
  ['turned by 270 degrees', [0, -1, 1, 0]],
  ['mirrored', [-1, 0, 0, 1]],
  ['upside down and mirrored', [1, 0, 0, -1]],
  ['mirrored and turned by 90 degrees', [0, 1, 1, 0]],
  ['mirrored and turned by 270 degrees', [0, -1, -1, 0]],
]
/** Bytes from a track header's type to its matrix, and of a row of the matrix (version 0, ISO/IEC 14496-12). */
const MATRIX_AT = 44
const ROW = 12

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rotated-'))
})
afterAll(() => rm(dir, { recursive: true }))

/** The film as it is stored: what is seen at x', y' is where the matrix takes it from. */
function stored([a, b, c, d]: Matrix): Uint8Array {
  const rgb = new Uint8Array(3 * SIZE * SIZE)
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at += 3) {
      const [u, v] = [x + 0.5 - SIZE / 2, y + 0.5 - SIZE / 2]
      const right = a * u + c * v > 0
      const clockwise = b * u + d * v < 0 ? Number(right) : 3 - Number(right)
      rgb.set(COLOURS[clockwise] ?? [0, 0, 0], at)
    }
  }
  return rgb
}

async function film(matrix: Matrix): Promise<string> {
  const file = join(dir, 'film.mp4')
  const writer = new VideoFile({ file, size: SIZE })
  for (let i = 0; i < 52; i++) writer.write(stored(matrix))
  writer.finish()
  const bytes = await readFile(file)
  const header = bytes.indexOf('tkhd', 0, 'latin1')
  expect(header).toBeGreaterThan(0)
  const [a, b, c, d] = matrix
  for (const [i, value] of [a, b].entries()) bytes.writeInt32BE(value * 0x1_0000, header + MATRIX_AT + 4 * i)
  for (const [i, value] of [c, d].entries()) bytes.writeInt32BE(value * 0x1_0000, header + MATRIX_AT + ROW + 4 * i)
  await writeFile(file, bytes)
  return file
}

it.each(MATRICES)('a film that has to be shown %s stands upright', async (_name, matrix) => {
  const box = { x: 60, y: 60, width: 120, height: 130 }
  const source = readSource({ file: await film(matrix), box, scratch: join(dir, 'frames.raw') })
  try {
    const rgb = source.frames.read(source.frames.count - 1, new Uint8Array(3 * source.frames.size ** 2))
    const quarter = source.frames.size / 4
    const corners = [
      [1, 1],
      [3, 1],
      [3, 3],
      [1, 3],
    ] as const
    for (const [i, [x, y]] of corners.entries()) {
      const at = 3 * (y * quarter * source.frames.size + x * quarter)
      const off = [...rgb.subarray(at, at + 3)].map((level, c) => Math.abs(level - Number(COLOURS[i]?.[c])))
      expect(Math.max(...off), `corner ${i}`).toBeLessThanOrEqual(2)
    }
    expect(source.box).toEqual(box)
  } finally {
    source.frames.close()
  }
})
