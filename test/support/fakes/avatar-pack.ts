/**
 * Makes a small avatar pack: every frame is one slanted colour gradient, and at rest the decoders draw that same gradient,
 * so that a drawn face equals the clip wherever the mouth is closed and differs by a known colour where it is not.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { FACE_PARAMS, type FaceParam } from '../../../shared/face.ts'
import { tinyDecoder } from './tiny-onnx.ts'

export const PACK_SIZE = 160
export const PATCH = 64
export const GRID = 4
export const IDLE_FRAMES = 40
export const LISTENING_FRAMES = 12
/** Frames of the idle clip whose track shows closed eyes. */
export const BLINK_AT = 7

/** Left upper corner, in clip pixels, of the square that a layer's patch shows at one patch pixel a clip pixel. */
export const ORIGIN = { mouth: { x: 48, y: 80 }, eyes: { x: 48, y: 8 } } as const
const MOUTH_INPUTS: FaceParam[] = ['sil', 'PP', 'aa', 'oh', 'jaw', 'smile']
const EYES_INPUTS: FaceParam[] = ['blink', 'brow_up', 'gaze_x']

/** Colour 0..1 of the clip at a point in clip pixels. */
export function clipColour(channel: number, x: number, y: number): number {
  return 0.3 + 0.1 * channel + (0.3 * x) / PACK_SIZE + (0.1 * y) / PACK_SIZE
}

/** Share 0..1 of the patch at a patch pixel's centre. */
export function maskShare(x: number, y: number): number {
  const edge = Math.min(x + 0.5, y + 0.5, PATCH - x - 0.5, PATCH - y - 0.5)
  return Math.min(1, Math.max(0, (edge - 2) / 10))
}

/** What one unit of an input adds to red, green and blue; nothing for `sil`. */
export function inputColour(input: FaceParam): readonly [number, number, number] {
  const i = FACE_PARAMS.indexOf(input)
  return input === 'sil' ? [0, 0, 0] : [0.1 + 0.005 * i, -0.12 + 0.002 * i, 0.12 - 0.004 * i]
}

/** Where the box of a frame begins, relative to the layer's place: it wanders a little, as a head does. */
export function boxOffset(frame: number): { x: number; y: number } {
  return { x: -4 + (frame % 5), y: -3 + (frame % 3) }
}

/** Writes the pack to `packsDir/id` and answers its folder. */
export async function makeAvatarPack(packsDir: string, id = 'tiny'): Promise<string> {
  const folder = join(packsDir, id)
  await mkdir(folder, { recursive: true })
  const layers = (['mouth', 'eyes'] as const).map((name) => ({
    name,
    patch: { width: PATCH, height: PATCH },
    mask: 'mask.png',
    grid: GRID,
    placements: { idle: `${name}_idle.f32`, listening: `${name}_listening.f32` },
    model: { kind: 'decoder', file: `${name}.onnx`, inputs: name === 'mouth' ? MOUTH_INPUTS : EYES_INPUTS, viseme_gain: 1.1 },
  }))
  const clip = (name: string, frames: number) => ({ file: `${name}.y4m`, frames, tracks: `tracks_${name}.f32` })
  const manifest = {
    schema: 1,
    id,
    name: 'Tiny',
    description: 'A gradient.',
    licence: 'MIT',
    size: PACK_SIZE,
    fps: 25,
    clips: { idle: clip('idle', IDLE_FRAMES), listening: clip('listening', LISTENING_FRAMES) },
    layers,
  }
  const write = (file: string, data: string | Uint8Array): Promise<void> => writeFile(join(folder, file), data)
  await write('manifest.json', JSON.stringify(manifest))
  await write('mask.png', greyPng(PATCH, PATCH, maskShare))
  for (const [name, frames] of [
    ['idle', IDLE_FRAMES],
    ['listening', LISTENING_FRAMES],
  ] as const) {
    await write(`${name}.y4m`, gradientVideo(frames))
    await write(`tracks_${name}.f32`, floats(Array.from({ length: frames }, (_, i) => trackRow(name === 'idle' && i === BLINK_AT)).flat()))
    for (const layer of ['mouth', 'eyes'] as const) {
      await write(`${layer}_${name}.f32`, floats(Array.from({ length: frames }, (_, i) => placementRow(layer, i)).flat()))
    }
  }
  for (const { name, model } of layers) await write(model.file, gradientDecoder(name, model.inputs))
  return folder
}

export function floats(values: readonly number[]): Uint8Array {
  const out = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) out.writeFloatLE(value, i * 4)
  return out
}

/** An 8-bit grey PNG of a function of the pixel, 0..1. */
export function greyPng(width: number, height: number, share: (x: number, y: number) => number): Uint8Array {
  const raw = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) raw[y * (width + 1) + 1 + x] = Math.round(255 * share(x, y))
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, body: Buffer): Buffer {
  const out = Buffer.alloc(body.length + 12)
  out.writeUInt32BE(body.length, 0)
  out.write(type, 4, 'latin1')
  body.copy(out, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length)
  return out
}

export function trackRow(blinks: boolean): number[] {
  return FACE_PARAMS.map((name) => (name === 'sil' ? 1 : name === 'blink' && blinks ? 1 : 0))
}

function placementRow(layer: keyof typeof ORIGIN, frame: number): number[] {
  const { x, y } = boxOffset(frame)
  const side = PATCH + 8
  const row = [ORIGIN[layer].x + x, ORIGIN[layer].y + y, side, side]
  for (let j = 0; j < GRID; j++) for (let i = 0; i < GRID; i++) row.push(x + (side * i) / (GRID - 1), y + (side * j) / (GRID - 1))
  return row
}

function gradientDecoder(layer: keyof typeof ORIGIN, inputs: readonly FaceParam[]): Buffer {
  const { x, y } = ORIGIN[layer]
  const alongX = Float32Array.from({ length: 3 * PATCH }, (_, i) => clipColour(Math.floor(i / PATCH), x + (i % PATCH) + 0.5, 0))
  const alongY = Float32Array.from({ length: PATCH }, (_, i) => clipColour(0, 0, y + i + 0.5) - clipColour(0, 0, 0))
  const weights = Float32Array.from(inputs.flatMap(inputColour))
  return tinyDecoder({ inputs: inputs.length, width: PATCH, height: PATCH, weights, alongX, alongY })
}

/** Uncompressed YUV4MPEG2, 4:4:4, BT.601 limited range. */
export function gradientVideo(frames: number): Uint8Array {
  const plane = PACK_SIZE * PACK_SIZE
  const frame = Buffer.alloc(3 * plane)
  for (let y = 0, at = 0; y < PACK_SIZE; y++) {
    for (let x = 0; x < PACK_SIZE; x++, at++) {
      const [r, g, b] = [0, 1, 2].map((channel) => clipColour(channel, x + 0.5, y + 0.5)) as [number, number, number]
      const luma = 0.299 * r + 0.587 * g + 0.114 * b
      frame[at] = Math.round(16 + 219 * luma)
      frame[plane + at] = Math.round(128 + (112 * (b - luma)) / 0.886)
      frame[2 * plane + at] = Math.round(128 + (112 * (r - luma)) / 0.701)
    }
  }
  const parts: Buffer[] = [Buffer.from(`YUV4MPEG2 W${PACK_SIZE} H${PACK_SIZE} F25:1 Ip A1:1 C444\n`)]
  for (let i = 0; i < frames; i++) parts.push(Buffer.from('FRAME\n'), frame)
  return Buffer.concat(parts)
}

/** Nodes of the head's fields, and clip pixels that a degree of pitch moves everything down by. */
const HEAD_GRID = 5
export const PIXELS_PER_DEGREE = 2

/** Gives the pack a head: pitch moves the whole frame down, all frames stand upright. */
export async function addHead(folder: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Record<string, unknown>
  manifest.head = { grid: HEAD_GRID, fields: 'head.f32', stances: { idle: 'idle_head.f32', listening: 'listening_head.f32' } }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  const fields = Array.from({ length: 4 * HEAD_GRID * HEAD_GRID * 2 }, (_, i) => {
    const isPitch = Math.floor(i / (2 * HEAD_GRID * HEAD_GRID)) === 1
    return isPitch && i % 2 === 1 ? PIXELS_PER_DEGREE : 0
  })
  await writeFile(join(folder, 'head.f32'), floats(fields))
  await writeFile(join(folder, 'idle_head.f32'), floats(new Array<number>(4 * IDLE_FRAMES).fill(0)))
  await writeFile(join(folder, 'listening_head.f32'), floats(new Array<number>(4 * LISTENING_FRAMES).fill(0)))
}
