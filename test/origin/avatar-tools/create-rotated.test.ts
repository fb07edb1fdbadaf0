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
/** What a phone writes into the track's header (a, b, c, d of its matrix) for each clockwise turn that shows the film upright. */
const MATRICES: Record<number, [number, number, number, number]> = {
  0: [1, 0, 0, 1],
  90: [0, 1, -1, 0],
  180: [-1, 0, 0, -1],
  270: [0, -1, 1, 0],
}
/** Bytes from a track header's type to its matrix, and of a row of the matrix (version 0, ISO/IEC 14496-12). */
const MATRIX_AT = 44
const ROW = 12

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rotated-'))
})
afterAll(() => rm(dir, { recursive: true }))

/** The film as the sensor saw it: the upright frame, turned back. */
function lying(turn: number): Uint8Array {
  const rgb = new Uint8Array(3 * SIZE * SIZE)
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at += 3) {
      const clockwise = y < SIZE / 2 ? (x < SIZE / 2 ? 0 : 1) : x < SIZE / 2 ? 3 : 2
      rgb.set(COLOURS[(clockwise + turn / 90) % 4] ?? [0, 0, 0], at)
    }
  }
  return rgb
}

async function film(turn: number): Promise<string> {
  const file = join(dir, `${turn}.mp4`)
  const writer = new VideoFile({ file, size: SIZE })
  for (let i = 0; i < 52; i++) writer.write(lying(turn))
  writer.finish()
  const bytes = await readFile(file)
  const header = bytes.indexOf('tkhd', 0, 'latin1')
  expect(header).toBeGreaterThan(0)
  const [a, b, c, d] = MATRICES[turn] ?? [1, 0, 0, 1]
  for (const [i, value] of [a, b].entries()) bytes.writeInt32BE(value * 0x1_0000, header + MATRIX_AT + 4 * i)
  for (const [i, value] of [c, d].entries()) bytes.writeInt32BE(value * 0x1_0000, header + MATRIX_AT + ROW + 4 * i)
  await writeFile(file, bytes)
  return file
}

it.each([0, 90, 180, 270])('a phone film that must be turned by %i degrees stands upright', async (turn) => {
  const box = { x: 60, y: 60, width: 120, height: 130 }
  const source = readSource({ file: await film(turn), box, scratch: join(dir, `${turn}.raw`) })
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
