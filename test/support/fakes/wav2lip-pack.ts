/** A pack whose mouth is drawn by a network of Wav2Lip's kind, over the same gradient as the tiny pack's. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { boxOffset, floats, gradientVideo, greyPng, IDLE_FRAMES, PACK_SIZE, trackRow } from './avatar-pack.ts'

/** The face box in clip pixels, before `boxOffset`. */
export const FACE_BOX = { x: 44, y: 40, side: 72 } as const
export const LICENCE_NAME = 'research only'

/** Share of the patch: all of the lower half but its rim, nothing above. u, v: patch pixels. */
export function lowerMaskShare(u: number, v: number, side: number): number {
  const edge = Math.min(u, side - u, v - 0.5 * side, side - v) / side
  return Math.min(1, Math.max(0, (edge - 0.02) / 0.06))
}

export interface Wav2lipPackOptions {
  id?: string
  side?: number
  model: Uint8Array
  accepted?: boolean
}

/** Writes the pack to `packsDir/id` and answers its folder. */
export async function makeWav2lipPack(
  packsDir: string,
  { id = 'person', side = 96, model, accepted = true }: Wav2lipPackOptions,
): Promise<string> {
  const folder = join(packsDir, id)
  await mkdir(folder, { recursive: true })
  const write = (file: string, data: string | Uint8Array): Promise<void> => writeFile(join(folder, file), data)
  const sha256 = createHash('sha256').update(model).digest('hex')
  const licence = {
    name: LICENCE_NAME,
    source: 'made by a test',
    ...(accepted ? { accepted: { by: 'a test', at: '2026-01-02T03:04:05.000Z', sha256 } } : {}),
  }
  const manifest = {
    schema: 1,
    id,
    name: 'Person',
    description: 'A gradient.',
    licence: 'MIT',
    size: PACK_SIZE,
    fps: 25,
    clips: { idle: { file: 'idle.y4m', frames: IDLE_FRAMES, tracks: 'tracks.f32' } },
    layers: [
      {
        name: 'mouth',
        patch: { width: side, height: side },
        mask: 'mask.png',
        grid: 2,
        placements: { idle: 'boxes.f32' },
        model: { kind: 'wav2lip', file: 'person.onnx', licence },
      },
    ],
  }
  await write('manifest.json', JSON.stringify(manifest))
  await write('idle.y4m', gradientVideo(IDLE_FRAMES))
  await write('tracks.f32', floats(Array.from({ length: IDLE_FRAMES }, () => trackRow(false)).flat()))
  await write(
    'mask.png',
    greyPng(side, side, (x, y) => lowerMaskShare(x + 0.5, y + 0.5, side)),
  )
  const boxes = Array.from({ length: IDLE_FRAMES }, (_, i) => {
    const { x, y } = boxOffset(i)
    return [FACE_BOX.x + x, FACE_BOX.y + y, FACE_BOX.side, FACE_BOX.side, 0, 0, side, 0, 0, side, side, side]
  })
  await write('boxes.f32', floats(boxes.flat()))
  await write('person.onnx', model)
  return folder
}
