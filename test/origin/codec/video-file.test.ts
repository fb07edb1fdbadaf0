import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countFrames, readVideo } from '../../../origin/codec/video.ts'
import { VideoFile } from '../../../origin/codec/video-writer.ts'

const SIZE = 192
/** Four fields a row, wide enough that neither chroma subsampling nor the codec reaches a field's middle. */
const FIELDS = 4
const COLOURS = [
  [0, 0, 0],
  [16, 16, 16],
  [128, 128, 128],
  [235, 235, 235],
  [255, 255, 255],
  [219, 169, 144],
  [168, 82, 80],
  [40, 52, 88],
  [200, 30, 30],
  [30, 160, 60],
  [60, 60, 220],
  [240, 220, 120],
] as const

/** The middle of a field, as a share of the frame's side. */
const middle = (i: number): { x: number; y: number } => ({
  x: ((i % FIELDS) + 0.5) / FIELDS,
  y: (Math.floor(i / FIELDS) + 0.5) / FIELDS,
})

function fields(): Uint8Array {
  const side = SIZE / FIELDS
  return Uint8Array.from({ length: 3 * SIZE * SIZE }, (_, i) => {
    const pixel = Math.floor(i / 3)
    const field = Math.floor(pixel / SIZE / side) * FIELDS + Math.floor((pixel % SIZE) / side)
    return COLOURS[field % COLOURS.length]?.[i % 3] ?? 0
  })
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'colours-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe("a clip's frames", () => {
  // the quick conversion of chroma made them up to three levels darker, and a drawn mouth stood out by as much
  it('have the colours that were written, at their own size, smaller and larger', () => {
    const file = join(folder, 'fields.mp4')
    const writer = new VideoFile({ file, size: SIZE })
    for (let i = 0; i < 3; i++) writer.write(fields())
    writer.finish()
    expect(countFrames(file)).toBe(3)
    let compared = 0
    for (const frame of readVideo(file)) {
      for (const size of [SIZE, SIZE / 2, 1.5 * SIZE]) {
        const rgb = frame.rgb(size)
        const seen = COLOURS.map((_, i) => {
          const { x, y } = middle(i)
          const at = 3 * (Math.round(y * size) * size + Math.round(x * size))
          return [...rgb.subarray(at, at + 3)]
        })
        const worst = Math.max(...COLOURS.flatMap((colour, i) => colour.map((level, c) => Math.abs((seen[i]?.[c] ?? 0) - level))))
        expect(worst, `levels of 255 at ${size} pixels`).toBeLessThanOrEqual(1)
        compared++
      }
    }
    expect(compared).toBe(9)
  })
})
