/** Exports of one network that differ in all that exports differ in draw the same picture, or are refused in one line. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectWav2lip } from '../../../../origin/avatar-tools/inspect-model.ts'
import { InferenceSession } from '../../../../origin/onnx/runtime.ts'
import { firstRun, fixedBatchOf, runModel } from '../../../../origin/render/adapters/first-run.ts'
import { wav2lipGraph } from '../../../../origin/render/adapters/wav2lip.ts'
import { type TinyOptions, tinyWav2lip } from '../../../support/fakes/wav2lip-graph.ts'

const SIDE = 32
const PATCHES = 2
/** Another colour in every channel, row and column, and another picture for each patch. */
const references = Array.from({ length: PATCHES }, (_, patch) =>
  Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => 20 + 60 * (i % 3) + (Math.floor(i / 3) % SIDE) + 40 * patch),
)
const rows = Float32Array.from({ length: PATCHES * 80 * 16 }, (_, i) => Math.sin(i) + (i < 80 * 16 ? 1 : -2))

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'exports-'))
})
afterAll(() => rm(dir, { recursive: true }))

async function written(graph: Uint8Array): Promise<string> {
  const file = join(dir, 'graph.onnx')
  await writeFile(file, graph)
  return file
}

/** What an export draws of the references and rows, RGB planes. */
async function drawn(options: TinyOptions): Promise<Float32Array[]> {
  const file = await written(tinyWav2lip(SIDE, options))
  const session = await InferenceSession.create(file, { executionProviders: ['cpu'], intraOpNumThreads: 1 })
  try {
    const adapter = wav2lipGraph({ file, width: SIDE, height: SIDE })
    adapter.check(session)
    await firstRun(file, adapter, session)
    const size = fixedBatchOf(session) ?? PATCHES
    const slots: Float32Array[] = []
    for (let from = 0; from < PATCHES; from += size) {
      const part = { size, rows: rows.slice(from * 1280, (from + size) * 1280), references: references.slice(from, from + size) }
      const read = await runModel(adapter, session, part)
      for (let i = 0; i < size; i++) {
        const slot = new Float32Array(3 * SIDE * SIDE)
        read(i, slot)
        slots.push(slot)
      }
    }
    return slots
  } finally {
    await session.release()
  }
}

function worst(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(...a.flatMap((slot, i) => Array.from(slot, (value, at) => Math.abs(value - Number(b[i]?.[at])))))
}

const NAMED: TinyOptions = { mel: 'audio', frames: 'face', output: 'out', framesFirst: true }
/** The last: how far half precision, or a picture in shares of 255, may be off. */
const EXPORTS: [string, TinyOptions, number][] = [
  ['other names, in another order', NAMED, 1e-6],
  ['an output of 0..255', { gain: 255 }, 1e-5],
  ['an output of -1..1', { gain: 2, offset: -1 }, 1e-5],
  ['half precision', { type: 'float16' }, 2e-3],
  ['half precision, 0..255 and other names', { ...NAMED, type: 'float16', gain: 255 }, 2e-3],
  ['half precision, -1..1', { type: 'float16', gain: 2, offset: -1 }, 2e-3],
  ['pictures as bytes', { bytes: true }, 1e-5],
  ['a batch of 1', { batch: 1 }, 1e-6],
  ['mel without a channel', { melAxes: [80, 16] }, 1e-6],
  ['channels last', { channelsLast: true, melAxes: [80, 16, 1] }, 1e-6],
  ['channels last, a batch of 1, 0..255', { channelsLast: true, batch: 1, gain: 255 }, 1e-5],
  ['an open number of mel frames', { melAxes: [1, 80, 'frames'] }, 1e-6],
]

describe('an export with', () => {
  it.each(EXPORTS)('%s draws the same', async (_name, options, tolerance) => {
    expect(worst(await drawn(options), await drawn({}))).toBeLessThan(tolerance)
    expect(await inspectWav2lip(await written(tinyWav2lip(SIDE, options)))).toBe(SIDE)
  })

  it('bands and frames of mel the other way round is given them so', async () => {
    const file = await written(tinyWav2lip(SIDE, { melAxes: [16, 80], mel: 'audio' }))
    const session = await InferenceSession.create(file, { executionProviders: ['cpu'], intraOpNumThreads: 1 })
    const adapter = wav2lipGraph({ file, width: SIDE, height: SIDE })
    adapter.check(session)
    const { audio } = adapter.feeds({ size: 1, rows: Float32Array.from({ length: 1280 }, (_, i) => i), references: [] })
    expect(audio).toMatchObject({ dims: [1, 16, 80] })
    expect([...(audio?.data ?? [])].slice(0, 3)).toEqual([0, 16, 32])
    await session.release()
  })

  it('an open size is used at the size of the manifest, and tried where there is none yet', async () => {
    expect(worst(await drawn({ openSide: true }), await drawn({}))).toBeLessThan(1e-6)
    expect(await inspectWav2lip(await written(tinyWav2lip(256, { openSide: true })))).toBe(256)
    await expect(inspectWav2lip(await written(tinyWav2lip(100, { openSide: true })))).rejects.toThrow(
      /runs with none of the sides 96, 256, 192, 288, 384, 512: .*does not run/,
    )
  })
})

describe('what is no such graph is refused in one line', () => {
  const REFUSED: [string, TinyOptions, RegExp][] = [
    [
      'numbers of no picture',
      { gain: 10 },
      /draws black as 0\.6 and white as 10\.6; a Wav2Lip graph gives pictures in 0\.\.1, -1\.\.1 or 0\.\.255$/,
    ],
    ['weights in another file', { weightsIn: 'graph.onnx.data' }, /keeps its weights in another file; save it as one: onnx\.save/],
    ['far below 0', { gain: 255, offset: -200 }, /draws black as -185 and white as /],
    [
      'another spectrogram',
      { melAxes: [1, 40, 16] },
      /takes mel_spectrogram float32 \[B, 1, 40, 16\] and video_frames .*; a Wav2Lip graph takes mel \[B, 1, 80, 16\]/,
    ],
  ]
  it.each(REFUSED)('%s', async (_name, options, message) => {
    const file = await written(tinyWav2lip(SIDE, options))
    await writeFile(join(dir, 'graph.onnx.data'), new Float32Array(SIDE * SIDE))
    const said = await inspectWav2lip(file).then(
      () => 'it was taken',
      (error: Error) => error.message,
    )
    expect(said).toMatch(message)
    expect(said).not.toContain('\n')
    expect(said).toContain(file)
  })
})
