/** Makes an avatar pack of a person's video or photo and an operator's Wav2Lip weights. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AvatarManifest } from '../../shared/avatar-pack.ts'
import { FACE_PARAMS } from '../../shared/face.ts'
import { FPS } from '../../shared/media.ts'
import { VideoFile } from '../codec/video-writer.ts'
import { encodeGreyPng } from '../render/pack/png.ts'
import { inspectWav2lip } from './inspect-model.ts'
import { type LoopKind, loopFrame, planLoop } from './loop.ts'
import { mouthMask } from './mouth-mask.ts'
import { headShift, moveHead, PHOTO_FRAMES } from './photo-motion.ts'
import { consentRecord, licenceText, provenanceText } from './records.ts'
import { type Box, readSource, type Source, SourceError, type SourceOptions } from './source.ts'
import { trackBox } from './track.ts'

export interface MakePackOptions extends Pick<SourceOptions, 'file' | 'box' | 'crop' | 'startS' | 'maxS'> {
  /** ONNX file of a Wav2Lip graph. */
  model: string
  /** Folder of packs. */
  packsDir: string
  id: string
  name: string
  /** The weights' licence in its owner's words, which `by` accepts for this use. */
  licence: { name: string; source?: string; by: string }
  /** Who is shown and agreed to it. */
  person: string
  /** @default 'auto' */
  loop?: LoopKind | 'auto'
  /** False: the box stays where it is in every frame. @default true */
  track?: boolean
  /** True: a pack of this id is replaced. @default false */
  replace?: boolean
  onProgress?: (what: string, done: number) => void
  onWarning?: (message: string) => void
}

export interface MadePack {
  folder: string
  frames: number
  /** How the loop was closed. */
  loop: LoopKind | 'photo'
  /** Side of the clip, and of the frames that the model takes, pixels. */
  size: number
  modelSize: number
}

/** The clip in the making: where the face is in each frame. */
interface ClipPlan {
  kind: MadePack['loop']
  boxes: Box[]
  /** Writes frame after frame. */
  frames: () => Generator<Uint8Array>
}

/** Share of lost frames above which the box should be checked. */
const MAX_LOST_SHARE = 0.1
/** Bytes; larger weights are refused by the renderer. */
const MAX_MODEL_BYTES = 256 * 1024 * 1024

/** @throws SourceError in one line that says what to do; nothing is left behind then */
export async function makePack(options: MakePackOptions): Promise<MadePack> {
  const { packsDir, id, replace = false, onProgress = () => {} } = options
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) throw new SourceError(`--id ${id}: letters, digits, _ and - only, at most 64`)
  const folder = join(packsDir, id)
  if (!replace && (await exists(folder))) throw new SourceError(`${folder} exists; give another --id, or --replace`)
  for (const file of [options.file, options.model]) if (!(await exists(file))) throw new SourceError(`${file} does not exist`)
  if ((await stat(options.model)).size > MAX_MODEL_BYTES) throw new SourceError(`${options.model} is larger than ${MAX_MODEL_BYTES} bytes`)
  onProgress('looking at the model', 0)
  const modelSize = await inspectWav2lip(options.model).catch((cause: Error) => {
    throw new SourceError(cause.message.split('\n')[0] ?? '', { cause })
  })
  const partial = join(packsDir, `.${id}.partial`)
  await rm(partial, { recursive: true, force: true })
  for (const part of ['clips', 'tracks', 'masks', 'models']) await mkdir(join(partial, part), { recursive: true })
  let source: Source | undefined
  try {
    const scratch = join(partial, 'frames.rgb')
    const { file, box, crop, startS, maxS } = options
    source = readSource({
      file,
      box,
      ...(crop && { crop }),
      ...(startS !== undefined && { startS }),
      ...(maxS !== undefined && { maxS }),
      scratch,
      onProgress,
    })
    const plan = source.isPhoto ? planPhoto(source) : planVideo(source, options)
    writeClip(join(partial, 'clips/idle.mp4'), source.frames.size, plan, onProgress)
    await rm(scratch)
    await writeFiles(partial, options, plan, { size: source.frames.size, modelSize })
    if (replace) await rm(folder, { recursive: true, force: true })
    await rename(partial, folder)
    onProgress('written', 1)
    return { folder, frames: plan.boxes.length, loop: plan.kind, size: source.frames.size, modelSize }
  } finally {
    source?.frames.close()
    await rm(partial, { recursive: true, force: true })
  }
}

function planVideo({ frames, box }: Source, { loop = 'auto', track = true, onProgress, onWarning }: MakePackOptions): ClipPlan {
  const still = Array.from({ length: frames.count }, () => box)
  const { boxes, lost } = track ? trackBox(frames, box, (done) => onProgress?.('following the face', done)) : { boxes: still, lost: 0 }
  if (lost > MAX_LOST_SHARE * frames.count) {
    onWarning?.(`the face was not found in ${lost} of ${frames.count} frames; check --box, or film with less motion`)
  }
  const { kind, frames: order } = planLoop(frames, loop)
  return {
    kind,
    boxes: order.map(({ index, other, share }) => mixedBox(boxes[index] ?? box, boxes[other] ?? box, share)),
    *frames() {
      const [into, scratch] = [Buffer.alloc(3 * frames.size ** 2), Buffer.alloc(3 * frames.size ** 2)]
      for (const frame of order) yield loopFrame(frames, frame, into, scratch)
    },
  }
}

function mixedBox(a: Box, b: Box, share: number): Box {
  return { ...a, x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y) }
}

function planPhoto({ frames, box }: Source): ClipPlan {
  const numbers = Array.from({ length: PHOTO_FRAMES }, (_, i) => i)
  return {
    kind: 'photo',
    boxes: numbers.map((i) => {
      const { x, y } = headShift(i, box)
      return { ...box, x: box.x + x, y: box.y + y }
    }),
    *frames() {
      const photo = frames.read(0, Buffer.alloc(3 * frames.size ** 2))
      const out = Buffer.alloc(photo.length)
      for (const i of numbers) yield moveHead(photo, frames.size, box, i, out)
    },
  }
}

function writeClip(file: string, size: number, { boxes, frames }: ClipPlan, onProgress: (what: string, done: number) => void): void {
  const video = new VideoFile({ file, size })
  try {
    let written = 0
    for (const rgb of frames()) {
      video.write(rgb)
      onProgress('writing the clip', ++written / boxes.length)
    }
    video.finish()
  } finally {
    video.close()
  }
}

async function writeFiles(
  folder: string,
  options: MakePackOptions,
  plan: ClipPlan,
  sizes: { size: number; modelSize: number },
): Promise<void> {
  const { id, name, model, licence, person, file } = options
  const { size, modelSize } = sizes
  const write = (path: string, data: string | Uint8Array): Promise<void> => writeFile(join(folder, path), data)
  const at = new Date().toISOString()
  await copyFile(model, join(folder, 'models/wav2lip.onnx'))
  const sha256 = await hashOf(join(folder, 'models/wav2lip.onnx'))
  const manifest: AvatarManifest = AvatarManifest.parse({
    schema: 1,
    id,
    name,
    description: `Made from a ${plan.kind === 'photo' ? 'photo' : 'video'} of ${person}, with their consent.`,
    licence: 'private',
    size,
    fps: FPS,
    clips: { idle: { file: 'clips/idle.mp4', frames: plan.boxes.length, tracks: 'tracks/idle.f32' } },
    layers: [
      {
        name: 'mouth',
        patch: { width: modelSize, height: modelSize },
        mask: 'masks/mouth.png',
        grid: 2,
        placements: { idle: 'tracks/idle.mouth.f32' },
        model: {
          kind: 'wav2lip',
          file: 'models/wav2lip.onnx',
          licence: {
            name: licence.name,
            ...(licence.source === undefined ? {} : { source: licence.source }),
            accepted: { by: licence.by, at, sha256 },
          },
        },
      },
    ],
  })
  await write('manifest.json', `${JSON.stringify(manifest, undefined, 2)}\n`)
  const rest = FACE_PARAMS.map((param) => Number(param === 'sil'))
  await write('tracks/idle.f32', floats(plan.boxes.flatMap(() => rest)))
  await write('tracks/idle.mouth.f32', floats(plan.boxes.flatMap((box) => placementRow(box, size, modelSize))))
  const pixels = Uint8Array.from(mouthMask(modelSize), (share) => Math.round(255 * share))
  await write('masks/mouth.png', encodeGreyPng({ width: modelSize, height: modelSize, pixels }))
  const consent = consentRecord({ person, at, by: licence.by, source: { file: basename(file), sha256: await hashOf(file) } })
  await write('CONSENT.json', `${JSON.stringify(consent, undefined, 2)}\n`)
  await write('LICENSE', licenceText(person, licence.name))
  await write('PROVENANCE.md', provenanceText({ consent, loop: plan.kind, model: { file: basename(model), sha256, licence, at } }))
}

/** The box in whole pixels around the face, and the patch pixels at its corners: the face itself keeps its fractions. */
function placementRow(face: Box, size: number, side: number): number[] {
  const x = Math.max(0, Math.floor(face.x))
  const y = Math.max(0, Math.floor(face.y))
  const width = Math.min(size, Math.ceil(face.x + face.width)) - x
  const height = Math.min(size, Math.ceil(face.y + face.height)) - y
  const u = (px: number): number => ((px - face.x) * side) / face.width
  const v = (py: number): number => ((py - face.y) * side) / face.height
  const corners = [
    [x, y],
    [x + width, y],
    [x, y + height],
    [x + width, y + height],
  ] as const
  return [x, y, width, height, ...corners.flatMap(([px, py]) => [u(px), v(py)])]
}

function floats(values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) out.writeFloatLE(value, i * 4)
  return out
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
