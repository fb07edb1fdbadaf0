import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FrameStore } from '../../../origin/avatar-tools/frame-store.ts'
import { planLoop } from '../../../origin/avatar-tools/loop.ts'
import { makePack } from '../../../origin/avatar-tools/make-pack.ts'
import { mouthMask } from '../../../origin/avatar-tools/mouth-mask.ts'
import { headShift, PHOTO_FRAMES } from '../../../origin/avatar-tools/photo-motion.ts'
import { trackBox } from '../../../origin/avatar-tools/track.ts'
import { readVideo } from '../../../origin/codec/video.ts'
import { VideoFile } from '../../../origin/codec/video-writer.ts'
import { patchMap } from '../../../origin/render/compose/crop.ts'
import { encodeJpeg, jpegBound } from '../../../origin/render/compose/jpeg.ts'
import { type AvatarPack, loadPack } from '../../../origin/render/pack/pack.ts'
import { tinyWav2lip } from '../../support/fakes/wav2lip-graph.ts'

const SIZE = 256
const BOX = { x: 90, y: 60, width: 80, height: 100 }
const SIDE = 96

/** A textured head that moves before a plain wall. */
function person(shiftX: number, shiftY: number): Uint8Array {
  const rgb = new Uint8Array(3 * SIZE * SIZE)
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at += 3) {
      const [u, v] = [x - shiftX, y - shiftY]
      const head = Math.hypot((u - 130) / 50, (v - 110) / 60) < 1
      const texture = 40 * Math.sin(u / 7 + Math.sin(v / 11)) + 30 * Math.cos(v / 9 + u / 23)
      const grey = head ? 150 + texture : 90 + y / 8
      rgb.set([grey, grey * 0.9, grey * 0.8], at)
    }
  }
  return rgb
}
/** Where the head is at a frame: one sway in 50 frames, so that the film repeats itself. */
const sway = (i: number): number => 6 * Math.sin((2 * Math.PI * i) / 50)

let dir: string
let video: string
let photo: string
let model: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'create-'))
  video = join(dir, 'me.mp4')
  photo = join(dir, 'me.jpg')
  model = join(dir, 'wav2lip.onnx')
  await writeFile(model, tinyWav2lip(SIDE))
  const file = new VideoFile({ file: video, size: SIZE })
  for (let i = 0; i < 150; i++) file.write(person(sway(i), 0))
  file.finish()
  await writeFile(photo, encodeJpeg(Buffer.from(person(0, 0)), SIZE, 95, Buffer.alloc(jpegBound(SIZE))))
})
afterAll(() => rm(dir, { recursive: true }))

function options(more: Partial<Parameters<typeof makePack>[0]> = {}): Parameters<typeof makePack>[0] {
  return {
    file: video,
    model,
    box: BOX,
    packsDir: join(dir, 'packs'),
    id: 'me',
    name: 'Me',
    licence: { name: 'research only', by: 'a test' },
    person: 'Jane Doe',
    replace: true,
    ...more,
  }
}
/** Left upper corner of the face in clip pixels, by a pack's placements. */
function faceAt(pack: AvatarPack, frame: number): { x: number; y: number } {
  const row = pack.layers[0]?.placements.idle?.subarray(frame * 12, (frame + 1) * 12) ?? new Float32Array(12)
  const { x0, y0 } = patchMap(row, 2)
  return { x: x0, y: y0 }
}
/** Shift between the pixels of two frames is looked at through what changes: mean levels. */
function meanStep(a: Buffer, b: Buffer): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(Number(a[i]) - Number(b[i]))
  return sum / a.length
}
function allFrames(file: string): Buffer[] {
  const found: Buffer[] = []
  for (const frame of readVideo(file)) found.push(Buffer.from(frame.rgb(SIZE)))
  return found
}

describe('a pack of a video', () => {
  it('is a pack that loads, with consent, licence and provenance, and a loop that closes', async () => {
    const steps: string[] = []
    const made = await makePack(options({ onProgress: (what) => steps.push(what) }))
    expect(made).toMatchObject({ size: SIZE, modelSize: SIDE, loop: 'cross-fade' })
    const pack = await loadPack(made.folder)
    expect(pack.manifest.layers[0]?.model).toMatchObject({
      kind: 'wav2lip',
      licence: { name: 'research only', accepted: { by: 'a test' } },
    })
    expect(JSON.parse(await readFile(join(made.folder, 'CONSENT.json'), 'utf8'))).toMatchObject({
      person: 'Jane Doe',
      recorded_by: 'a test',
      source: { file: 'me.mp4' },
    })
    expect(await readFile(join(made.folder, 'PROVENANCE.md'), 'utf8')).toContain('Jane Doe')
    const frames = allFrames(pack.clips.idle.file)
    expect(frames.length).toBe(made.frames)
    const ordinary = meanStep(frames[10] ?? Buffer.alloc(0), frames[11] ?? Buffer.alloc(0))
    expect(meanStep(frames.at(-1) ?? Buffer.alloc(0), frames[0] ?? Buffer.alloc(0))).toBeLessThan(3 * ordinary + 0.5)
    expect(new Set(steps)).toEqual(
      new Set(['looking at the model', 'reading the frames', 'following the face', 'writing the clip', 'written']),
    )
    expect(await readdir(join(dir, 'packs'))).toEqual(['me'])
  })

  it('follows the face to a pixel, or leaves the box where it is', async () => {
    const followed = await loadPack((await makePack(options({ loop: 'ping-pong' }))).folder)
    const places = Array.from({ length: 100 }, (_, i) => faceAt(followed, i).x - BOX.x)
    for (const [i, x] of places.entries()) expect(Math.abs(x - sway(i))).toBeLessThan(1)
    expect(Math.max(...places)).toBeGreaterThan(4.5)
    const fixed = await loadPack((await makePack(options({ track: false, loop: 'ping-pong' }))).folder)
    for (const i of [0, 12, 60]) expect(faceAt(fixed, i)).toEqual({ x: expect.closeTo(BOX.x, 4), y: expect.closeTo(BOX.y, 4) })
  })

  it('cuts the square asked for and scales the box with it', async () => {
    const crop = { x: 30, y: 20, side: 200 }
    await expect(makePack(options({ crop }))).rejects.toThrow('the square has 200 pixels; at least 256 are needed (the frame is 256 x 256)')
  })
})

describe('a pack of a photo', () => {
  it('moves the head a little, with the box on it, in a seamless loop', async () => {
    const made = await makePack(options({ file: photo, id: 'still' }))
    expect(made).toMatchObject({ loop: 'photo', frames: PHOTO_FRAMES })
    const pack = await loadPack(made.folder)
    const frames = allFrames(pack.clips.idle.file)
    const steps = frames.slice(1).map((frame, i) => meanStep(frame, frames[i] ?? frame))
    expect(Math.max(...steps)).toBeLessThan(1.5)
    expect(meanStep(frames.at(-1) ?? Buffer.alloc(0), frames[0] ?? Buffer.alloc(0))).toBeLessThan(1.5)
    for (const i of [0, 60, 130]) {
      const shift = headShift(i, BOX)
      expect(faceAt(pack, i)).toEqual({ x: expect.closeTo(BOX.x + shift.x, 3), y: expect.closeTo(BOX.y + shift.y, 3) })
      // and the pixels are there: the head, moved
      const wanted = Buffer.from(person(shift.x, shift.y))
      const inFace = (at: number): boolean => {
        const [x, y] = [(Math.floor(at / 3) % SIZE) - shift.x, Math.floor(at / 3 / SIZE) - shift.y]
        return x > 100 && x < 160 && y > 75 && y < 150
      }
      let sum = 0
      let count = 0
      for (const [at, value] of wanted.entries())
        if (inFace(at)) [sum, count] = [sum + Math.abs(value - Number(frames[i]?.[at])), count + 1]
      expect(sum / count).toBeLessThan(4)
    }
  })
})

describe('what is wrong is said in a line, and leaves nothing behind', () => {
  const cases: [string, RegExp, Partial<Parameters<typeof makePack>[0]>][] = [
    ['no such file', /none\.mp4 does not exist/, { file: '/tmp/none.mp4' }],
    ['a box outside', /--box 200,60,80,100 lies outside: the frame is 256 x 256/, { box: { ...BOX, x: 200 } }],
    ['a small face', /--box is 30 x 100; a face needs at least 64 pixels/, { box: { ...BOX, width: 30 } }],
    ['a short film', /has 1\.0 s from 5 s on; at least 2 s are needed/, { startS: 5 }],
    ['a start behind the end', /ends before 60 s; give a smaller --start/, { startS: 60 }],
    ['an id that is a path', /--id \.\.\/x: letters, digits/, { id: '../x' }],
  ]
  it.each(cases)('%s', async (_name, message, more) => {
    const packsDir = join(dir, 'empty')
    await expect(makePack(options({ packsDir, ...more }))).rejects.toThrow(message)
    expect(await readdir(packsDir).catch(() => [])).toEqual([])
  })

  it('a file that is no video, a model that is none, and a pack that exists', async () => {
    await writeFile(join(dir, 'text.mp4'), 'no video')
    await expect(makePack(options({ file: join(dir, 'text.mp4') }))).rejects.toThrow(/text\.mp4 cannot be read as a video or a photo/)
    await expect(makePack(options({ model: video }))).rejects.toThrow(/me\.mp4 cannot be loaded as an ONNX model/)
    await makePack(options({ id: 'twice', file: photo }))
    await expect(makePack(options({ id: 'twice', replace: false }))).rejects.toThrow(/exists; give another --id, or --replace/)
  })
})

describe('the command', () => {
  const run = promisify(execFile)
  const script = fileURLToPath(new URL('../../../scripts/create-avatar.ts', import.meta.url))
  const command = (...args: string[]) =>
    run(process.execPath, [script, '--video', video, '--model', model, '--box', '90,60,80,100', '--packs', join(dir, 'cli'), ...args]).then(
      ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )
  const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? ''

  it('needs the licence accepted and consent given', async () => {
    const refused = await command('--consent', 'Jane Doe')
    expect(refused.code).toBe(1)
    expect(refused.stderr.trim()).toMatch(
      /^wav2lip\.onnx comes under "Wav2Lip weights: .*"; add --licence-accepted if that fits your use.*$/,
    )
    expect((await command('--licence-accepted', '--box', '1,2,x,4', '--consent', 'J')).stderr.trim()).toBe(
      '--box 1,2,x,4: give x,y,w,h in whole pixels',
    )
  })

  it('makes a pack and its report', async () => {
    const { code, stdout } = await command('--licence-accepted', '--consent', 'Jane Doe', '--seconds', '2')
    expect(stdout).toContain('rest of mouth in idle')
    expect(code).toBe(0)
    expect(lastLine(stdout)).toBe('Start the origin, and ask for avatar_id "my_avatar".')
    const report = JSON.parse(await readFile(join(dir, 'cli/my_avatar/REPORT.json'), 'utf8'))
    expect(report.layers[0]).toMatchObject({ driven_by: 'sound' })
    // the tiny network's tint is matched along the rim
    expect(report.layers[0].rim_mean_levels).toBeLessThan(4)
  })

  it('takes exports with other names, numbers and ranges, and says of others in one line why not', async () => {
    const other = join(dir, 'other.onnx')
    const args = ['--model', other, '--licence-accepted', '--consent', 'Jane Doe', '--seconds', '2', '--id', 'other', '--replace'] as const
    await writeFile(other, tinyWav2lip(SIDE, { mel: 'audio', frames: 'face', output: 'out', type: 'float16', gain: 255 }))
    const taken = await command(...args)
    expect(taken.code).toBe(0)
    expect(lastLine(taken.stdout)).toMatch(/^Start the origin/)
    await writeFile(other, tinyWav2lip(SIDE, { gain: 10 }))
    const refused = await command(...args)
    expect(refused.code).toBe(1)
    expect(refused.stdout).toBe('')
    expect(lastLine(refused.stderr)).toMatch(/other\.onnx draws black as 0\.6 and white as 10\.6; a Wav2Lip graph gives/)
  })

  it('ends with what is wrong when the pack is not within the limits', async () => {
    const still = join(dir, 'still.onnx')
    await writeFile(still, tinyWav2lip(SIDE, { moves: false }))
    const args = ['--model', still, '--licence-accepted', '--consent', 'Jane Doe', '--seconds', '2', '--id', 'still'] as const
    const { code, stdout } = await command(...args)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^PROBLEM vowel moves the mouth by 0 levels only$/m)
    expect(lastLine(stdout)).toMatch(/^Not within the limits: 1 problem above\. .*still was written all the same/)
    expect(stdout).not.toContain('Start the origin')
  })
})

describe('the parts', () => {
  it('the mask shows the lower part, feathered, and nothing at the border', () => {
    const mask = mouthMask(SIDE)
    const at = (x: number, y: number): number => mask[Math.floor(y * SIDE) * SIDE + Math.floor(x * SIDE)] ?? Number.NaN
    expect(at(0.5, 0.7)).toBe(1)
    expect(at(0.5, 0.35)).toBe(0)
    expect(at(0.5, 0.42)).toBeGreaterThan(0)
    expect(at(0.5, 0.42)).toBeLessThan(0.5)
    for (let i = 0; i < SIDE; i++) for (const edge of [i, i * SIDE, i * SIDE + SIDE - 1, (SIDE - 1) * SIDE + i]) expect(mask[edge]).toBe(0)
  })

  it('a film that never repeats itself goes forth and back; one that does is cut where it does', () => {
    const drift = new FrameStore(join(dir, 'drift.rgb'), SIZE)
    const repeats = new FrameStore(join(dir, 'repeats.rgb'), SIZE)
    for (let i = 0; i < 130; i++) {
      drift.add(person(i / 3, 0))
      repeats.add(person(sway(i), 0))
    }
    const away = planLoop(drift, 'auto')
    expect(away.kind).toBe('ping-pong')
    expect(away.frames.length).toBe(2 * 130 - 2)
    expect([away.frames[0]?.index, away.frames.at(-1)?.index]).toEqual([0, 1])
    const back = planLoop(repeats, 'auto')
    expect(back.kind).toBe('cross-fade')
    expect(back.frames.length % 50).toBe(0)
    const { lost } = trackBox(drift, BOX)
    expect(lost).toBe(0)
    drift.close()
    repeats.close()
  })
})
