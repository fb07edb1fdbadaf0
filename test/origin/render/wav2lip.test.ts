import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { measurePack } from '../../../origin/avatar-tools/quality-report.ts'
import { wav2lipSound } from '../../../origin/render/adapters/wav2lip-mel.ts'
import { cropPatch, patchMap } from '../../../origin/render/compose/crop.ts'
import { decodeJpeg } from '../../../origin/render/compose/jpeg.ts'
import { createRenderer } from '../../../origin/render/index.ts'
import { loadPack } from '../../../origin/render/pack/pack.ts'
import type { FrameRequest, RenderedFrame, Renderer } from '../../../origin/render/types.ts'
import { FACE_PARAMS } from '../../../shared/face.ts'
import { QUALITIES } from '../../../shared/media.ts'
import { boxOffset, clipColour, makeAvatarPack, PACK_SIZE } from '../../support/fakes/avatar-pack.ts'
import { inTinyMouth, TINY_COLOUR, TINY_MASKED_SHARE, tinyWav2lip } from '../../support/fakes/wav2lip-graph.ts'
import { FACE_BOX, LICENCE_NAME, lowerMaskShare, makeWav2lipPack } from '../../support/fakes/wav2lip-pack.ts'
import { until } from '../../support/until.ts'

let dir: string
let renderer: Renderer
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wav2lip-'))
  await makeAvatarPack(dir)
  await makeWav2lipPack(dir, { model: tinyWav2lip(96) })
  await makeWav2lipPack(dir, { id: 'small', side: 48, model: tinyWav2lip(48, { batch: 1 }) })
  const other = { mel: 'audio', frames: 'face', output: 'out', framesFirst: true, type: 'float16', gain: 255 } as const
  await makeWav2lipPack(dir, { id: 'other', model: tinyWav2lip(96, other) })
  renderer = await open(dir)
})
afterAll(async () => {
  await renderer?.close()
  await rm(dir, { recursive: true })
})

function open(packsDir: string): Promise<Renderer> {
  return createRenderer({ packsDir, device: 'cpu', capacity: 4, intraOpThreads: 1, composeThreads: 1, maxTicksBehind: 500 })
}

/** A window whose mean is known. */
function window(mean: number): Float32Array {
  return Float32Array.from({ length: wav2lipSound.windowLength }, (_, i) => mean + ((i % 2) - 0.5))
}
function request(mean: number | undefined, more: Partial<FrameRequest> = {}): FrameRequest {
  const base: FrameRequest = { avatarId: 'person', quality: 'medium', clip: 'idle', frame: 3, ...more }
  return mean === undefined ? base : { ...base, sound: { window: window(mean), blend: 1, ...more.sound } }
}
async function draw(wanted: FrameRequest, from = renderer): Promise<RenderedFrame> {
  const [result] = await from.render([wanted])
  if (result?.status !== 'fulfilled') throw result?.reason
  return result.value
}

/** Mean difference in levels between a frame and what it must show, inside the mouth and around it within the face box. */
function differences(
  { jpeg, size }: RenderedFrame,
  { frame, mean, blend = 1, side = 96 }: { frame: number; mean: number; blend?: number; side?: number },
) {
  const rgb = Buffer.alloc(3 * size * size)
  decodeJpeg(Buffer.from(jpeg), rgb)
  const offset = boxOffset(frame)
  const [boxX, boxY] = [FACE_BOX.x + offset.x, FACE_BOX.y + offset.y]
  // the masked face: its upper half as the clip has it, black below
  let seen = 0
  for (let v = 0; v < side / 2; v++) {
    for (let u = 0; u < side; u++) {
      for (let c = 0; c < 3; c++) {
        seen += clipColour(c, boxX + ((u + 0.5) * FACE_BOX.side) / side, boxY + ((v + 0.5) * FACE_BOX.side) / side) / (3 * side * side)
      }
    }
  }
  const sums = { mouth: 0, around: 0, mouthCount: 0, aroundCount: 0 }
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [cx, cy] = [((x + 0.5) * PACK_SIZE) / size, ((y + 0.5) * PACK_SIZE) / size]
      const [u, v] = [((cx - boxX) * side) / FACE_BOX.side, ((cy - boxY) * side) / FACE_BOX.side]
      if (u < 0 || v < 0 || u > side || v > side) continue
      const mouth = inTinyMouth(u, v, side)
      // the mouth's own edge is soft in the frame and hard in this sum
      if (inTinyMouth(u - 3, v - 3, side) !== mouth || inTinyMouth(u + 3, v + 3, side) !== mouth) continue
      for (let c = 0; c < 3; c++) {
        const change = mouth ? blend * lowerMaskShare(u, v, side) * (mean * Number(TINY_COLOUR[c]) + TINY_MASKED_SHARE * seen) : 0
        const off = Math.abs(Number(rgb[3 * (y * size + x) + c]) - 255 * (clipColour(c, cx, cy) + change))
        if (mouth) sums.mouth += off
        else sums.around += off
        if (mouth) sums.mouthCount++
        else sums.aroundCount++
      }
    }
  }
  return { mouth: sums.mouth / sums.mouthCount, around: sums.around / sums.aroundCount }
}
/** Levels that video, scaling and JPEG change by themselves, near the drawn mouth's hard edge. */
const CODEC_ERROR = 3.5

describe('a sound-driven avatar', () => {
  it('says what it wants to hear; others want nothing', () => {
    expect(renderer.soundOf('person')).toBe(wav2lipSound)
    expect(renderer.soundOf('tiny')).toBeUndefined()
    expect(renderer.soundOf('nobody')).toBeUndefined()
  })

  it.each(['low', 'medium', 'high'] as const)(
    'shows what its model draws from clip and sound, in its place, at %s quality',
    async (quality) => {
      const frame = await draw(request(2, { quality, frame: 11 }))
      expect(frame.size).toBe(QUALITIES[quality].size)
      // the tint that the model adds everywhere is gone: the patch has the colour of the frame around it
      const { mouth, around } = differences(frame, { frame: 11, mean: 2 })
      expect(mouth).toBeLessThan(CODEC_ERROR)
      expect(around).toBeLessThan(CODEC_ERROR)
      // and the sound matters
      expect(differences(frame, { frame: 11, mean: -1 }).mouth).toBeGreaterThan(3 * CODEC_ERROR)
    },
  )

  it('shows the same of an export with other names, half precision and 0..255', async () => {
    const { mouth, around } = differences(await draw(request(2, { avatarId: 'other', frame: 11 })), { frame: 11, mean: 2 })
    expect(mouth).toBeLessThan(CODEC_ERROR)
    expect(around).toBeLessThan(CODEC_ERROR)
  })

  it('shows the clip alone in silence, without a model run, and half of the patch at blend 0.5', async () => {
    const { patches } = renderer.stats()
    const own = (await draw(request(undefined))).jpeg
    expect((await draw(request(1, { sound: { window: window(1), blend: 0 } }))).jpeg).toBe(own)
    const face = Float32Array.from(FACE_PARAMS, (name) => Number(name === 'aa'))
    expect((await draw(request(undefined, { face }))).jpeg).toBe(own)
    expect(renderer.stats().patches).toBe(patches)
    const half = await draw(request(3, { sound: { window: window(3), blend: 0.5 } }))
    expect(differences(half, { frame: 3, mean: 3, blend: 0.5 }).mouth).toBeLessThan(CODEC_ERROR)
  })

  it('keeps every sound with its frame in a batch', async () => {
    const means = Array.from({ length: 12 }, (_, i) => -3 + i / 2)
    const results = await renderer.render(means.map((mean, i) => request(mean, { frame: i })))
    for (const [i, result] of results.entries()) {
      if (result.status === 'rejected') throw result.reason
      expect(differences(result.value, { frame: i, mean: Number(means[i]) }).mouth).toBeLessThan(CODEC_ERROR)
    }
    expect(renderer.stats().batch_mean).toBeGreaterThan(1)
    expect(renderer.stats().crop_bytes).toBeGreaterThanOrEqual(12 * 3 * 96 * 96)
  })

  it('may have any size, and an export with a fixed batch of 1', async () => {
    const results = await renderer.render([2, -2].map((mean, i) => request(mean, { avatarId: 'small', frame: 5 + i })))
    for (const [i, result] of results.entries()) {
      if (result.status === 'rejected') throw result.reason
      expect(differences(result.value, { frame: 5 + i, mean: 2 - 4 * i, side: 48 }).mouth).toBeLessThan(CODEC_ERROR)
    }
  })

  it('refuses a window of another length or with no number in it, and only that request', async () => {
    const results = await renderer.render([
      request(1, { sound: { window: new Float32Array(7), blend: 1 } }),
      request(1, { sound: { window: window(Number.NaN), blend: 1 } }),
      request(1, { sound: { window: window(1), blend: Number.NaN } }),
      request(1),
    ])
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : result.status))).toEqual([
      'INVALID_REQUEST',
      'INVALID_REQUEST',
      'INVALID_REQUEST',
      'fulfilled',
    ])
  })

  it('leaves frames out that would come too late, and draws on', async () => {
    const slow = await createRenderer({
      packsDir: dir,
      device: 'cpu',
      capacity: 4,
      intraOpThreads: 1,
      composeThreads: 1,
      maxTicksBehind: 0,
    })
    try {
      // what a patch takes is known from the first one on
      await draw(request(1), slow)
      const results = await slow.render([request(1), request(2, { frame: 4 }), request(3, { frame: 5 })])
      const again = await slow.render([request(2, { frame: 6 })])
      expect(again[0]?.status).toBe('fulfilled')
      expect(results[0]?.status).toBe('fulfilled')
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'CAPACITY_EXCEEDED' })
      // while one is drawn, nothing more is begun with no lag allowed; on a busy machine it may be drawn before the next is asked for
      const refused = await until('a frame that would come too late', async () => {
        const first = slow.render([request(1, { frame: 6 })])
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setImmediate(resolve))
        const [next] = await slow.render([request(2, { frame: 6 })])
        expect((await first)[0]?.status).toBe('fulfilled')
        return next?.status === 'rejected' && next
      })
      expect(refused.reason).toMatchObject({ code: 'CAPACITY_EXCEEDED' })
    } finally {
      await slow.close()
    }
  })

  it('has a quality report: softness, rim and how far a vowel moves it', async () => {
    const report = await measurePack(await loadPack(join(dir, 'person')), () => {})
    expect(report.layers).toMatchObject([{ driven_by: 'sound', clip_pixels_per_patch_pixel: 0.75 }])
    expect(report.layers[0]?.rim_mean_levels).toBeLessThan(2)
    expect(report.motion_levels).toMatchObject([{ input: 'vowel' }])
    expect(report.motion_levels[0]?.levels).toBeGreaterThan(3)
  })
})

describe('a pack with published weights does not start', () => {
  async function failure(options: Parameters<typeof makeWav2lipPack>[1], damage?: (folder: string) => Promise<void>): Promise<string> {
    const packs = await mkdtemp(join(tmpdir(), 'refused-'))
    try {
      const folder = await makeWav2lipPack(packs, options)
      await damage?.(folder)
      const opened = await open(packs)
      await opened.close()
      return 'it started'
    } catch (error) {
      return String(error)
    } finally {
      await rm(packs, { recursive: true })
    }
  }

  it('until its licence was accepted, which the message names', async () => {
    const message = await failure({ model: tinyWav2lip(96), accepted: false })
    expect(message).toContain(`person.onnx comes under the licence "${LICENCE_NAME}" (made by a test), which nobody has accepted`)
    expect(message).toContain('--licence-accepted')
  })

  it('with other weights than those it was accepted for', async () => {
    const message = await failure({ model: tinyWav2lip(96) }, (folder) => writeFile(join(folder, 'person.onnx'), tinyWav2lip(48)))
    expect(message).toContain(`is not the file for which the licence "${LICENCE_NAME}"`)
  })

  it('when the graph has another size or takes something else', async () => {
    expect(await failure({ side: 48, model: tinyWav2lip(96) })).toContain('takes frames of 96 x 96; the manifest says 48 x 48')
    const other = await failure({ model: tinyWav2lip(96, { melAxes: [1, 40, 16] }) })
    expect(other).toContain(
      'takes mel_spectrogram float32 [B, 1, 40, 16] and video_frames float32 [B, 6, 96, 96]; a Wav2Lip graph takes mel',
    )
    expect(await failure({ model: new Uint8Array(64) })).toContain('person.onnx cannot be loaded')
  })
})

describe('cropPatch', () => {
  it('follows a turned and shifted box', () => {
    const size = 64
    const colour = (x: number, y: number): number => 20 + 2 * x + y
    const rgb = Uint8Array.from({ length: 3 * size * size }, (_, i) => {
      const pixel = Math.floor(i / 3)
      return colour((pixel % size) + 0.5, Math.floor(pixel / size) + 0.5)
    })
    // u = (x - 20) + 0.2 (y - 12), v = -0.2 (x - 20) + (y - 12) over a box from 20, 12 of 30 x 24
    const at = (x: number, y: number): [number, number] => [x + 0.2 * y, -0.2 * x + y]
    const placement = Float32Array.from([20, 12, 30, 24, ...at(0, 0), ...at(30, 0), ...at(0, 24), ...at(30, 24)])
    const { x0, xu, xv, y0, yu, yv } = patchMap(placement, 2)
    expect([x0, y0]).toEqual([20, 12].map((value) => expect.closeTo(value, 5)))
    const out = new Uint8Array(3 * 16 * 16)
    cropPatch({ rgb, size, clipSize: size, placement, grid: 2, width: 16, height: 16, out })
    for (const [u, v] of [
      [0, 0],
      [15, 2],
      [7, 12],
    ] as const) {
      const [x, y] = [x0 + xu * (u + 0.5) + xv * (v + 0.5), y0 + yu * (u + 0.5) + yv * (v + 0.5)]
      expect(Math.abs(Number(out[3 * (v * 16 + u)]) - colour(x, y))).toBeLessThan(1.6)
    }
  })
})
