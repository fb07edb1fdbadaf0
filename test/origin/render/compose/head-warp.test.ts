import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readVideo } from '../../../../origin/codec/video.ts'
import { blendInto, type HeadFields, warpHead } from '../../../../origin/render/compose/head-warp.ts'
import { decodeJpeg } from '../../../../origin/render/compose/jpeg.ts'
import { createRenderer } from '../../../../origin/render/index.ts'
import { type AvatarPack, loadPack } from '../../../../origin/render/pack/pack.ts'
import type { FrameRequest, Renderer } from '../../../../origin/render/types.ts'
import type { ClipName } from '../../../../shared/avatar-pack.ts'
import { FACE_PARAMS } from '../../../../shared/face.ts'
import { addHead, makeAvatarPack, PACK_SIZE, PIXELS_PER_DEGREE } from '../../../support/fakes/avatar-pack.ts'

const SIZE = 64
const GRID = 9
const stance = (yaw = 0, pitch = 0, roll = 0, breath = 0): Float32Array => Float32Array.of(yaw, pitch, roll, breath)
/** A field of one value of a stance, by place 0..1. */
function fields(value: number, at: (x: number, y: number) => [number, number]): HeadFields {
  const all = new Float32Array(4 * GRID * GRID * 2)
  for (let node = 0; node < GRID * GRID; node++) {
    all.set(at((node % GRID) / (GRID - 1), Math.floor(node / GRID) / (GRID - 1)), 2 * (value * GRID * GRID + node))
  }
  return { grid: GRID, fields: all }
}
/** Levels that say where a pixel is from: red across, green down. */
const frame = (): Uint8Array =>
  Uint8Array.from({ length: 3 * SIZE * SIZE }, (_, i) => {
    const pixel = Math.floor(i / 3)
    return i % 3 === 0 ? 3 * (pixel % SIZE) : i % 3 === 1 ? 3 * Math.floor(pixel / SIZE) : 77
  })
const red = (rgb: Uint8Array, x: number, y: number): number => Number(rgb[3 * (y * SIZE + x)])
const green = (rgb: Uint8Array, x: number, y: number): number => Number(rgb[3 * (y * SIZE + x) + 1])

function warped(head: HeadFields, from: Float32Array, to: Float32Array, clipSize = SIZE): Uint8Array {
  const rgb = frame()
  const out = new Uint8Array(rgb.length).fill(1)
  warpHead({ rgb, size: SIZE, clipSize, head, from, to, out })
  return out
}

describe('warpHead', () => {
  const sideways = fields(0, () => [1, 0])

  it('leaves a frame that stands as wanted as it is, to the bit', () => {
    expect(warped(sideways, stance(3), stance(3))).toEqual(frame())
  })

  it('moves every point by what its field says, in the pixels of the frame', () => {
    const out = warped(sideways, stance(), stance(5))
    expect([red(out, 30, 30), green(out, 30, 30)]).toEqual([3 * 25, 90])
    const half = warped(sideways, stance(1), stance(-8), 2 * SIZE)
    expect(red(half, 20, 20)).toBe(Math.round(3 * (20 + 4.5)))
  })

  it('shows the edge where nothing was seen before', () => {
    expect(red(warped(sideways, stance(), stance(10)), 3, 9)).toBe(0)
  })

  it('copies what does not move, beside what does', () => {
    const out = warped(
      fields(1, (_, y) => [0, y < 0.5 ? 2 : 0]),
      stance(),
      stance(0, 2),
    )
    expect(out.subarray((3 * SIZE * SIZE * 5) / 8)).toEqual(frame().subarray((3 * SIZE * SIZE * 5) / 8))
    expect(green(out, 10, 16)).toBe(3 * 12)
  })

  it('finds the source of a motion that differs from place to place: forth and back is where it was', () => {
    const swell = fields(2, (x, y) => [Math.sin(Math.PI * x) * Math.sin(Math.PI * y), 0])
    const there = warped(swell, stance(), stance(0, 0, 4))
    const back = new Uint8Array(there.length)
    warpHead({ rgb: there, size: SIZE, clipSize: SIZE, head: swell, from: stance(0, 0, 4), to: stance(), out: back })
    const before = frame()
    const off = back.map((level, i) => Math.abs(level - Number(before[i])))
    expect(Math.max(...off)).toBeLessThanOrEqual(3)
    expect(red(there, 32, 32)).toBeCloseTo(3 * 28, -1)
  })
})

describe('blendInto', () => {
  it('mixes by share', () => {
    const rgb = Uint8Array.of(0, 100, 255)
    blendInto(rgb, Uint8Array.of(200, 100, 0), 0.25)
    expect([...rgb]).toEqual([50, 100, 191])
  })
})

describe('a renderer', () => {
  let dir: string
  let renderer: Renderer
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'heads-'))
    await addHead(await makeAvatarPack(dir, 'nodding'))
    await makeAvatarPack(dir, 'stiff')
    renderer = await createRenderer({ packsDir: dir, device: 'cpu', capacity: 4, intraOpThreads: 1, composeThreads: 1 })
  })
  afterAll(async () => {
    await renderer?.close()
    await rm(dir, { recursive: true })
  })
  async function draw(more: Partial<FrameRequest>): Promise<Buffer> {
    const [result] = await renderer.render([{ avatarId: 'nodding', quality: 'medium', clip: 'idle', frame: 3, ...more }])
    if (result?.status !== 'fulfilled') throw result?.reason
    const rgb = Buffer.alloc(3 * result.value.size * result.value.size)
    decodeJpeg(Buffer.from(result.value.jpeg), rgb)
    return rgb
  }

  it('says which avatars can nod', () => {
    expect(['nodding', 'stiff', 'nobody'].map((id) => renderer.canNod(id))).toEqual([true, false, false])
  })

  it('bends the head of a frame with its drawn mouth on it', async () => {
    const open = Float32Array.from(FACE_PARAMS, (name) => (name === 'aa' ? 1 : 0))
    const degrees = 4
    const down = Math.round((degrees * PIXELS_PER_DEGREE * 512) / PACK_SIZE)
    for (const face of [undefined, open]) {
      const upright = await draw(face ? { face } : {})
      const bent = await draw({ ...(face ? { face } : {}), nodDegrees: degrees })
      // rows in the middle, where neither edge comes in
      const rows = (rgb: Buffer, from: number): Buffer => rgb.subarray(3 * 512 * from, 3 * 512 * (from + 300))
      const off = difference(rows(bent, 100 + down), rows(upright, 100))
      expect(off).toBeLessThan(1)
      expect(difference(rows(bent, 100), rows(upright, 100))).toBeGreaterThan(2 * off)
    }
  })

  it('shows the frame of a pack that cannot nod as it is, from the cache', async () => {
    const before = renderer.stats().cached_frames ?? 0
    await draw({ avatarId: 'stiff', nodDegrees: 5 })
    expect(renderer.stats().cached_frames).toBe(before + 1)
  })

  it('glides through mixtures of both clips, and only then', async () => {
    const before = renderer.stats().cached_frames ?? 0
    await draw({ avatarId: 'stiff', toward: { clip: 'listening', share: 0 } })
    expect(renderer.stats().cached_frames).toBe(before + 1)
    await draw({ avatarId: 'stiff', toward: { clip: 'listening', share: 1.5 } })
  })

  it('refuses a nod that no neck makes, and a share that is no number', async () => {
    await expect(draw({ nodDegrees: 9 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(draw({ nodDegrees: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(draw({ toward: { clip: 'listening', share: Number.NaN } })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('the default avatar, from idle into listening', () => {
  // a cut between the clips moves the head by several pixels at once
  it('changes from frame to frame hardly more than its clips do, and far less than a cut', async () => {
    const pack = await loadPack('avatars/avatar_1')
    const glide = 12
    // as far as a blink of either clip
    const idle = frames(pack, 'idle', 45)
    const listening = frames(pack, 'listening', 45)
    const shown = idle.slice(0, glide + 8).map((rgb, i) => {
      const way = Math.min(1, Math.max(0, (i - 4) / glide))
      const share = way * way * (3 - 2 * way)
      return between(pack, i, rgb, listening[i] ?? rgb, share)
    })
    const steps = (sequence: Uint8Array[]): number[] => sequence.slice(1).map((rgb, i) => difference(rgb, sequence[i] ?? rgb))
    const own = Math.max(...steps(idle), ...steps(listening))
    const largest = Math.max(...steps(shown))
    const cut = difference(idle[9] ?? new Uint8Array(0), listening[10] ?? new Uint8Array(0))
    expect(largest).toBeLessThan(1.5 * own)
    expect(largest).toBeLessThan(cut / 2)
  })
})

/** First frames of a clip at 360 pixels. */
function frames(pack: AvatarPack, clip: ClipName, count: number): Uint8Array[] {
  const found: Uint8Array[] = []
  for (const frame of readVideo(pack.clips[clip]?.file ?? '')) {
    found.push(Uint8Array.from(frame.rgb(360)))
    if (found.length === count) break
  }
  return found
}

/** What the compose thread makes of two frames of the same number. */
function between(pack: AvatarPack, index: number, idle: Uint8Array, listening: Uint8Array, share: number): Uint8Array {
  const { head } = pack
  if (head === undefined) throw new Error('the default avatar has no head')
  const of = (clip: ClipName): Float32Array => head.stances[clip]?.subarray(4 * index, 4 * index + 4) ?? new Float32Array(4)
  const to = of('idle').map((value, i) => value + share * (Number(of('listening')[i]) - value))
  const turned = (rgb: Uint8Array, from: Float32Array): Uint8Array => {
    const out = new Uint8Array(rgb.length)
    warpHead({ rgb, size: 360, clipSize: pack.manifest.size, head, from, to, out })
    return out
  }
  const rgb = turned(idle, of('idle'))
  blendInto(rgb, turned(listening, of('listening')), share)
  return rgb
}

function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(Number(a[i]) - Number(b[i]))
  return sum / a.length
}
