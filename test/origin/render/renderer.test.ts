import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { decodeJpeg } from '../../../origin/render/compose/jpeg.ts'
import { createRenderer } from '../../../origin/render/index.ts'
import type { FrameRequest, RenderedFrame, Renderer } from '../../../origin/render/types.ts'
import { FACE_PARAMS, type FaceParam } from '../../../shared/face.ts'
import { QUALITIES, type Quality } from '../../../shared/media.ts'
import { countLoopTurns, stoppedClock } from '../../support/clocks.ts'
import {
  BLINK_AT,
  clipColour,
  IDLE_FRAMES,
  inputColour,
  LISTENING_FRAMES,
  makeAvatarPack,
  maskShare,
  ORIGIN,
  PACK_SIZE,
  PATCH,
} from '../../support/fakes/avatar-pack.ts'
import { until } from '../../support/until.ts'

let dir: string
let renderer: Renderer
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'render-'))
  await makeAvatarPack(dir)
  renderer = await open()
  await untilFilled(renderer)
})
afterAll(async () => {
  await renderer?.close()
  await rm(dir, { recursive: true })
})

function open(options: { maxTicksBehind?: number; capacity?: number } = {}): Promise<Renderer> {
  return createRenderer({ packsDir: dir, device: 'cpu', capacity: 4, intraOpThreads: 1, composeThreads: 1, ...options })
}

/** Until every frame of both clips can be shown, at every quality: one that is not made yet has the last one before it in its place. */
async function untilFilled(opened: Renderer): Promise<void> {
  for (const [clip, length] of [
    ['idle', IDLE_FRAMES],
    ['listening', LISTENING_FRAMES],
  ] as const) {
    for (const quality of Object.keys(QUALITIES) as Quality[]) {
      await until(`the last frame of ${clip} at ${quality} quality`, async () => {
        const [last, before] = await Promise.all([1, 2].map((back) => draw({ clip, quality, frame: length - back }, opened)))
        return last?.jpeg !== before?.jpeg
      })
    }
  }
}

function face(values: Partial<Record<FaceParam, number>>): Float32Array {
  return Float32Array.from(FACE_PARAMS, (name) => values[name] ?? 0)
}
function request(more: Partial<FrameRequest> = {}): FrameRequest {
  return { avatarId: 'tiny', quality: 'medium', clip: 'idle', frame: 3, ...more }
}
async function draw(more: Partial<FrameRequest> = {}, from = renderer): Promise<RenderedFrame> {
  const [result] = await from.render([request(more)])
  if (result?.status !== 'fulfilled') throw result?.reason
  return result.value
}
function pixels({ jpeg, size }: RenderedFrame): Buffer {
  const rgb = Buffer.alloc(3 * size * size)
  expect(decodeJpeg(Buffer.from(jpeg), rgb)).toEqual({ width: size, height: size })
  return rgb
}

/** Colours 0..255 that a frame must show: the gradient, with the inputs' colours where the layer's mask is. */
function expected(
  size: number,
  drawn: { layer: keyof typeof ORIGIN; inputs: Partial<Record<FaceParam, number>>; blend?: number }[],
): Float64Array {
  const out = new Float64Array(3 * size * size)
  const changes = drawn.map(({ layer, inputs, blend = 1 }) => {
    const change = [0, 1, 2].map((c) =>
      Object.entries(inputs).reduce((sum, [name, value]) => sum + blend * value * Number(inputColour(name as FaceParam)[c]), 0),
    )
    return { ...ORIGIN[layer], change }
  })
  for (let pixel = 0; pixel < size * size; pixel++) {
    const cx = (((pixel % size) + 0.5) * PACK_SIZE) / size
    const cy = ((Math.floor(pixel / size) + 0.5) * PACK_SIZE) / size
    for (let c = 0; c < 3; c++) out[3 * pixel + c] = 255 * clipColour(c, cx, cy)
    for (const { x, y, change } of changes) {
      if (cx < x || cy < y || cx > x + PATCH || cy > y + PATCH) continue
      const share = 255 * maskShare(cx - x - 0.5, cy - y - 0.5)
      for (let c = 0; c < 3; c++) out[3 * pixel + c] = Number(out[3 * pixel + c]) + share * Number(change[c])
    }
  }
  return out
}

/** Levels by which a smooth gradient differs from itself after video, scaling and JPEG, mean over a layer's square. */
const CODEC_ERROR = 2.6

/** Mean difference in the square that a layer's patch covers. */
function differenceIn(layer: keyof typeof ORIGIN, frame: RenderedFrame, wanted: ArrayLike<number>): number {
  const { size } = frame
  const rgb = pixels(frame)
  const scale = size / PACK_SIZE
  let sum = 0
  let count = 0
  for (let y = Math.ceil(ORIGIN[layer].y * scale); y < (ORIGIN[layer].y + PATCH) * scale; y++) {
    for (let x = Math.ceil(ORIGIN[layer].x * scale); x < (ORIGIN[layer].x + PATCH) * scale; x++) {
      for (let at = 3 * (y * size + x), c = 0; c < 3; c++, at++, count++) sum += Math.abs(Number(rgb[at]) - Number(wanted[at]))
    }
  }
  return sum / count
}
function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(Number(a[i]) - Number(b[i]))
  return sum / a.length
}

describe('a frame without a face', () => {
  it("is the clip's own, at every quality, from the cache", async () => {
    const before = renderer.stats()
    for (const [quality, { size }] of Object.entries(QUALITIES)) {
      const frame = await draw({ quality: quality as Quality })
      expect(frame.size).toBe(size)
      expect(meanDifference(pixels(frame), expected(size, []))).toBeLessThan(CODEC_ERROR)
    }
    expect((await draw()).jpeg).toBe((await draw()).jpeg)
    expect(renderer.stats().patches).toBe(before.patches)
    expect(renderer.stats().cached_frames).toBe((before.cached_frames ?? 0) + 5)
  })

  it('comes round at the end of the loop, also backwards', async () => {
    const third = (await draw({ frame: 3 })).jpeg
    expect((await draw({ frame: 3 + 7 * IDLE_FRAMES })).jpeg).toBe(third)
    expect((await draw({ frame: 3 - IDLE_FRAMES })).jpeg).toBe(third)
    const first = (await draw({ clip: 'listening', frame: 1 })).jpeg
    expect((await draw({ clip: 'listening', frame: 1 + 2 * LISTENING_FRAMES })).jpeg).toBe(first)
    expect((await draw({ clip: 'listening', frame: 2 })).jpeg).not.toBe(first)
  })
})

describe('a frame with a face', () => {
  it.each(Object.keys(QUALITIES) as Quality[])('has the patch where its mask is, at %s quality', async (quality) => {
    const frame = await draw({ quality, frame: 11, face: face({ aa: 0.5, oh: 0.5 }) })
    // viseme_gain of the pack is 1.1
    const wanted = expected(frame.size, [{ layer: 'mouth', inputs: { aa: 0.55, oh: 0.55 } }])
    expect(differenceIn('mouth', frame, wanted)).toBeLessThan(CODEC_ERROR)
    expect(differenceIn('mouth', frame, expected(frame.size, []))).toBeGreaterThan(3 * CODEC_ERROR)
    // outside the patch it is the clip's own frame
    expect(differenceIn('eyes', frame, wanted)).toBeLessThan(CODEC_ERROR)
  })

  it("is the clip's own frame at rest and at blend 0, without a model run", async () => {
    const { patches } = renderer.stats()
    const own = (await draw()).jpeg
    expect((await draw({ face: face({ sil: 1 }) })).jpeg).toBe(own)
    expect((await draw({ face: face({ aa: 1 }), blend: 0 })).jpeg).toBe(own)
    expect(renderer.stats().patches).toBe(patches)
  })

  it('is halfway at blend 0.5', async () => {
    const frame = await draw({ face: face({ aa: 1 }), blend: 0.5 })
    expect(differenceIn('mouth', frame, expected(frame.size, [{ layer: 'mouth', inputs: { aa: 1.1 }, blend: 0.5 }]))).toBeLessThan(
      CODEC_ERROR,
    )
  })

  it('fades into rest: the last step before the model stops is hardly seen', async () => {
    const size = QUALITIES.high.size
    const nearly = await draw({ quality: 'high', face: face({ sil: 1, jaw: 2 / 256 }) })
    expect(meanDifference(pixels(nearly), pixels(await draw({ quality: 'high' })))).toBeLessThan(0.8)
    expect(nearly.size).toBe(size)
  })

  it('leaves the eyes alone in plain speech and draws them when asked', async () => {
    const { patches } = renderer.stats()
    await draw({ face: face({ PP: 0.9 }) })
    expect(renderer.stats().patches).toBe((patches ?? 0) + 1)
    const both = await draw({ face: face({ PP: 0.8, brow_up: 0.75 }) })
    expect(renderer.stats().patches).toBe((patches ?? 0) + 3)
    const wanted = expected(both.size, [
      { layer: 'mouth', inputs: { PP: 0.88 } },
      { layer: 'eyes', inputs: { brow_up: 0.75 } },
    ])
    expect(differenceIn('mouth', both, wanted)).toBeLessThan(CODEC_ERROR)
    expect(differenceIn('eyes', both, wanted)).toBeLessThan(CODEC_ERROR)
  })

  it("keeps the clip's blink when the eyes are drawn for another reason", async () => {
    const frame = await draw({ frame: BLINK_AT, face: face({ brow_up: 0.5 }) })
    const wanted = expected(frame.size, [{ layer: 'eyes', inputs: { brow_up: 0.5, blink: 1 } }])
    expect(differenceIn('eyes', frame, wanted)).toBeLessThan(CODEC_ERROR)
  })

  it('reuses the patch of a face that comes again, on any frame', async () => {
    const before = renderer.stats()
    const again = face({ oh: 0.71, sil: 0.29 })
    await draw({ frame: 20, face: again })
    const frame = await draw({ frame: 21, face: again })
    expect(renderer.stats().patches).toBe((before.patches ?? 0) + 1)
    expect(renderer.stats().reused_patches).toBe((before.reused_patches ?? 0) + 1)
    expect(differenceIn('mouth', frame, expected(frame.size, [{ layer: 'mouth', inputs: { oh: 0.781 } }]))).toBeLessThan(CODEC_ERROR)
  })
})

describe('a batch', () => {
  it('keeps the order asked, over qualities, clips and faces', async () => {
    const faces = Array.from({ length: 24 }, (_, i) => face({ aa: (i + 1) / 32, sil: 1 - (i + 1) / 32 }))
    const results = await renderer.render(
      faces.map((one, i) =>
        request({
          quality: (['low', 'medium', 'high'] as const)[i % 3] ?? 'low',
          clip: i % 2 ? 'listening' : 'idle',
          frame: i,
          face: one,
        }),
      ),
    )
    for (const [i, result] of results.entries()) {
      if (result.status === 'rejected') throw result.reason
      const wanted = expected(result.value.size, [{ layer: 'mouth', inputs: { aa: (1.1 * (i + 1)) / 32 } }])
      expect(result.value.size).toBe([360, 512, 720][i % 3])
      // the first of them are still fading in
      if (i > 2) expect(differenceIn('mouth', result.value, wanted)).toBeLessThan(CODEC_ERROR)
    }
    expect(renderer.stats().batch_mean).toBeGreaterThan(2)
  })

  it('loses only the slot of a request that is wrong, and says what is wrong with it', async () => {
    const results = await renderer.render([
      request({ avatarId: 'nobody' }),
      request({ face: new Float32Array(3) }),
      request({ face: face({ aa: Number.NaN }) }),
      request({ frame: 0.5 }),
      request({ face: face({ aa: 1 }), blend: Number.NaN }),
      request({ face: face({ aa: 1 }) }),
    ])
    const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : result.status))
    expect(codes).toEqual(['AVATAR_NOT_FOUND', 'INVALID_REQUEST', 'INVALID_REQUEST', 'INVALID_REQUEST', 'INVALID_REQUEST', 'fulfilled'])
  })

  it('answers concurrent calls in the order they were made', async () => {
    const order: number[] = []
    await Promise.all(
      [face({ aa: 0.9 }), undefined, face({ oh: 0.9 }), undefined].map(async (one, i) => {
        await renderer.render([request(one === undefined ? {} : { face: one })])
        order.push(i)
      }),
    )
    expect(order).toEqual([0, 1, 2, 3])
  })

  it('leaves the event loop free while four sessions speak', async () => {
    const ticks = 25
    const speaking = async (): Promise<void> => {
      for (let tick = 0; tick < ticks; tick++) {
        const share = (tick + 1) / (ticks + 1)
        await renderer.render(Array.from({ length: 4 }, (_, i) => request({ frame: tick, face: face({ aa: share, oh: i / 8 }) })))
      }
    }
    // drawn on this thread, a tick would give the loop to nobody; how long it is held is the bench's to say
    expect(await countLoopTurns(speaking())).toBeGreaterThanOrEqual(ticks)
  })
})

describe('under pressure', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('refuses drawn frames beyond its bound, still serves the clip, and recovers', async () => {
    const bounded = await open({ maxTicksBehind: 1, capacity: 1 })
    stoppedClock()
    try {
      const flood = Array.from({ length: 200 }, (_, i) => request({ face: face({ aa: (i + 20) / 256 }) }))
      const results = await bounded.render([...flood, request()])
      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused.length).toBe(200 - 64)
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'CAPACITY_EXCEEDED' })
      expect(results.at(-1)?.status).toBe('fulfilled')
      expect(bounded.stats()).toMatchObject({ rejected_frames: 136, frames_under_way: 0 })
      expect((await draw({ face: face({ aa: 1 }) }, bounded)).size).toBe(512)
    } finally {
      await bounded.close()
    }
  })

  it('refuses drawn frames while the oldest lags more than its bound', async () => {
    const bounded = await open({ maxTicksBehind: 1, capacity: 1000 })
    try {
      const pass = stoppedClock()
      const flood = bounded.render(Array.from({ length: 150 }, (_, i) => request({ face: face({ aa: (i + 20) / 256 }) })))
      pass(41)
      const [late, own] = await bounded.render([request({ face: face({ oh: 1 }) }), request()])
      expect(late).toMatchObject({ status: 'rejected', reason: { code: 'CAPACITY_EXCEEDED' } })
      expect(own?.status).toBe('fulfilled')
      expect((await flood).every((result) => result.status === 'fulfilled')).toBe(true)
    } finally {
      await bounded.close()
    }
  })

  it('closes while busy: what is under way is rejected, nothing hangs, and later calls are refused', async () => {
    const closing = await open()
    const busy = closing.render(Array.from({ length: 60 }, (_, i) => request({ face: face({ aa: (i + 20) / 256 }) })))
    await closing.close()
    for (const result of await busy) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    const [after] = await closing.render([request()])
    expect(after).toMatchObject({ status: 'rejected', reason: { code: 'ORIGIN_UNAVAILABLE' } })
    await closing.close()
  })
})

describe('start', () => {
  it('measures what the machine carries and reports progress up to the end', async () => {
    const shares: number[] = []
    const opened = await createRenderer({ packsDir: dir, device: 'cpu', onProgress: (_what, done) => shares.push(done) })
    expect(opened.capacity).toBeGreaterThanOrEqual(1)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
    expect(opened.stats().frames).toBe(0)
    await opened.close()
  })

  it('falls back to the cpu, says so, and refuses a device asked for by name that does not work', async () => {
    const warnings: string[] = []
    const log = { info: () => {}, warn: (_fields: object, message: string) => warnings.push(message), error: () => {} }
    const opened = await createRenderer({ packsDir: dir, capacity: 1, log })
    if (opened.device === 'cpu') {
      expect(warnings).toEqual(['no accelerator: models run on the cpu'])
      await expect(createRenderer({ packsDir: dir, capacity: 1, device: 'cuda' })).rejects.toThrow(
        /mouth\.onnx cannot be loaded|no cuda support|is not installed/,
      )
    } else expect(warnings).toEqual([])
    await opened.close()
  })
})
