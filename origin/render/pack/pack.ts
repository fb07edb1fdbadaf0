/** Loads avatar packs: every file is checked against the manifest before anything uses it. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod'
import type { AvatarInfo } from '../../../shared/api.ts'
import { AvatarManifest, type ClipName, type Layer, type WeightsLicence } from '../../../shared/avatar-pack.ts'
import { FACE_PARAMS } from '../../../shared/face.ts'
import { STANCE_VALUES } from '../compose/head-warp.ts'
import type { InferModel } from '../infer/infer-worker.ts'
import { decodeGreyPng } from './png.ts'

/** Bytes; larger pack files are refused before they are read. */
const MAX_FILE_BYTES = 256 * 1024 * 1024

/** A pack that cannot be used; the message names the pack, the file and what is wrong with it. */
export class PackError extends Error {
  override readonly name = 'PackError'
}

interface PackClip {
  /** Absolute path of the video. */
  file: string
  frames: number
  /** [frames, FACE_PARAMS.length]: the face that each frame shows. */
  tracks: Float32Array
}

interface LayerBase {
  name: Layer['name']
  width: number
  height: number
  grid: number
  /** [height, width] in shared memory. */
  mask: Uint8Array
  /** Per clip [frames, 4 + 2 * grid * grid] in shared memory, see `Layer` in shared/avatar-pack.ts. */
  placements: Partial<Record<ClipName, Float32Array>>
  /** Absolute path of the ONNX file. */
  modelFile: string
}
/** A layer that face parameters drive. */
interface FaceLayer extends LayerBase {
  kind: 'decoder'
  /** Indices into FACE_PARAMS, in the model's order. */
  inputs: number[]
  visemeGain: number
  /** Absolute path of the model in half precision, for accelerators. */
  halfFile?: string
}
/** A layer that sound drives; its model also sees the clip's own frame under the patch. */
interface SoundLayer extends LayerBase {
  kind: 'wav2lip'
}
export type PackLayer = FaceLayer | SoundLayer

/** What the model's thread must know of a layer. */
export function inferModel(layer: PackLayer): InferModel {
  const { modelFile: file, width, height } = layer
  return layer.kind === 'decoder'
    ? { kind: layer.kind, file, halfFile: layer.halfFile, width, height, inputs: layer.inputs.length }
    : { kind: layer.kind, file, width, height }
}

/** How the still person moves, see `Head` in shared/avatar-pack.ts; arrays are in shared memory. */
interface PackHead {
  grid: number
  /** [STANCE_VALUES, grid, grid, 2] */
  fields: Float32Array
  /** Per clip [frames, STANCE_VALUES]. */
  stances: Partial<Record<ClipName, Float32Array>>
}

export interface AvatarPack {
  folder: string
  manifest: AvatarManifest
  info: AvatarInfo
  clips: Partial<Record<ClipName, PackClip>> & { idle: PackClip }
  layers: PackLayer[]
  /** Undefined where a pack does not say how its head moves. */
  head: PackHead | undefined
}

export const CLIP_NAMES = ['idle', 'listening'] as const satisfies readonly ClipName[]

/** Folders under `packsDir` that hold a manifest, in order of name. @throws PackError when there is none */
export async function findPacks(packsDir: string): Promise<string[]> {
  const entries = await readdir(packsDir, { withFileTypes: true }).catch((cause: unknown) => {
    throw new PackError(`avatar packs: cannot read the folder ${packsDir}; create it or set another one`, { cause })
  })
  const folders: string[] = []
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue
    const folder = join(packsDir, entry.name)
    if (
      await stat(join(folder, 'manifest.json')).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      folders.push(folder)
  }
  if (folders.length === 0) throw new PackError(`avatar packs: no folder with a manifest.json in ${packsDir}`)
  return folders
}

/** Everything of a pack except its video and its model. @throws PackError */
export async function loadPack(folder: string): Promise<AvatarPack> {
  const files = new PackFiles(folder)
  const manifest = parseManifest(files, await files.read('manifest.json'))
  const clips: Partial<Record<ClipName, PackClip>> = {}
  for (const name of CLIP_NAMES) {
    const clip = manifest.clips[name]
    if (clip === undefined) continue
    const tracks = await files.floats(clip.tracks, clip.frames, FACE_PARAMS.length)
    clips[name] = { file: await files.path(clip.file), frames: clip.frames, tracks }
  }
  const { idle } = clips
  if (idle === undefined) throw files.error('manifest.json', 'needs an idle clip')
  const layers: PackLayer[] = []
  for (const layer of manifest.layers) layers.push(await loadLayer(files, manifest, layer))
  const { id, name, description, licence } = manifest
  const info: AvatarInfo = { avatar_id: id, name, description, licence, qualities: ['low', 'medium', 'high'] }
  return { folder, manifest, info, clips: { ...clips, idle }, layers, head: await loadHead(files, manifest) }
}

async function loadHead(files: PackFiles, { head, clips }: AvatarManifest): Promise<PackHead | undefined> {
  if (head === undefined) return undefined
  const { grid } = head
  const fields = await files.floats(head.fields, STANCE_VALUES * grid, 2 * grid)
  const stances: PackHead['stances'] = {}
  for (const clip of CLIP_NAMES) {
    const { frames } = clips[clip] ?? { frames: 0 }
    if (frames === 0) continue
    const file = head.stances[clip]
    if (file === undefined) throw files.error('manifest.json', `head has no stances for the ${clip} clip`)
    stances[clip] = await files.floats(file, frames, STANCE_VALUES)
  }
  return { grid, fields, stances }
}

function parseManifest(files: PackFiles, text: Buffer): AvatarManifest {
  let json: unknown
  try {
    json = JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw files.error('manifest.json', 'is not JSON', cause)
  }
  const parsed = AvatarManifest.safeParse(json)
  if (!parsed.success) throw files.error('manifest.json', `does not fit the schema: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`)
  const names = parsed.data.layers.map((layer) => layer.name)
  if (new Set(names).size !== names.length) throw files.error('manifest.json', 'names a layer twice')
  return parsed.data
}

async function loadLayer(files: PackFiles, manifest: AvatarManifest, layer: Layer): Promise<PackLayer> {
  const { width, height } = layer.patch
  const maskFile = await files.read(layer.mask)
  let image: ReturnType<typeof decodeGreyPng>
  try {
    image = decodeGreyPng(maskFile)
  } catch (cause) {
    throw files.error(layer.mask, cause instanceof Error ? cause.message : 'cannot be read', cause)
  }
  if (image.width !== width || image.height !== height) {
    throw files.error(layer.mask, `is ${image.width} x ${image.height}, but the ${layer.name} patch is ${width} x ${height}`)
  }
  const mask = new Uint8Array(new SharedArrayBuffer(width * height))
  mask.set(image.pixels)
  const placements: Partial<Record<ClipName, Float32Array>> = {}
  for (const clip of CLIP_NAMES) {
    const { frames } = manifest.clips[clip] ?? { frames: 0 }
    if (frames === 0) continue
    const file = layer.placements[clip]
    if (file === undefined) throw files.error('manifest.json', `layer ${layer.name} has no placements for the ${clip} clip`)
    const rows = await files.floats(file, frames, 4 + 2 * layer.grid * layer.grid)
    checkPlacements(files, file, rows, { ...layer, size: manifest.size })
    placements[clip] = rows
  }
  const { model } = layer
  const base: LayerBase = { name: layer.name, width, height, grid: layer.grid, mask, placements, modelFile: await files.path(model.file) }
  if (model.kind === 'decoder') {
    const half = model.half === undefined ? {} : { halfFile: await files.path(model.half) }
    const inputs = model.inputs.map((input) => FACE_PARAMS.indexOf(input))
    return { ...base, kind: model.kind, inputs, visemeGain: model.viseme_gain, ...half }
  }
  await requireAcceptedLicence(files, model.file, base.modelFile, model.licence)
  return { ...base, kind: model.kind }
}

/** Published weights are the operator's to answer for. @throws PackError naming the licence where it was not accepted for this file */
async function requireAcceptedLicence(files: PackFiles, file: string, path: string, licence: WeightsLicence): Promise<void> {
  const terms = `the licence "${licence.name}"${licence.source === undefined ? '' : ` (${licence.source})`}`
  if (licence.accepted === undefined) {
    throw files.error(
      file,
      `comes under ${terms}, which nobody has accepted for this use; make the pack with avatar:create --licence-accepted if it fits, or remove the pack`,
    )
  }
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  if (hash.digest('hex') !== licence.accepted.sha256) {
    throw files.error(file, `is not the file for which ${terms} was accepted; make the pack again with avatar:create --licence-accepted`)
  }
}

function checkPlacements(files: PackFiles, file: string, rows: Float32Array, layer: Layer & { size: number }): void {
  const width = 4 + 2 * layer.grid * layer.grid
  for (let at = 0; at < rows.length; at += width) {
    const [x = -1, y = -1, w = 0, h = 0] = rows.subarray(at, at + 4)
    const inside = x >= 0 && y >= 0 && w >= 1 && h >= 1 && x + w <= layer.size && y + h <= layer.size
    if (!inside || ![x, y, w, h].every(Number.isInteger)) {
      throw files.error(file, `frame ${at / width}: box ${x},${y} ${w}x${h} is not whole pixels inside the ${layer.size} px clip`)
    }
  }
}

/** Reads files of one pack, never outside it. */
class PackFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  error(file: string, what: string, cause?: unknown): PackError {
    return new PackError(`avatar pack ${this.#folder}: ${file} ${what}`, { cause })
  }

  /** Absolute path of an existing file whose real place, links followed, is inside the pack. */
  async path(file: string): Promise<string> {
    const root = await realpath(this.#folder)
    const path = await realpath(join(root, file)).catch((cause: unknown) => {
      throw this.error(file, 'is missing', cause)
    })
    if (!path.startsWith(root + sep)) throw this.error(file, 'lies outside the pack')
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES) throw this.error(file, `is larger than ${MAX_FILE_BYTES} bytes`)
    return path
  }

  async read(file: string): Promise<Buffer> {
    const path = await this.path(file)
    return readFile(path).catch((cause: unknown) => {
      throw this.error(file, 'cannot be read', cause)
    })
  }

  /** Little-endian float32 in shared memory, `rows` rows of `columns`, all finite. */
  async floats(file: string, rows: number, columns: number): Promise<Float32Array> {
    const bytes = await this.read(file)
    const count = rows * columns
    if (bytes.length !== count * 4) {
      throw this.error(file, `has ${bytes.length} bytes, but ${rows} frames of ${columns} float32 values are ${count * 4}`)
    }
    const values = new Float32Array(new SharedArrayBuffer(count * 4))
    for (let i = 0; i < count; i++) values[i] = bytes.readFloatLE(i * 4)
    const bad = values.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) throw this.error(file, `frame ${Math.floor(bad / columns)} has a value that is not a number`)
    return values
  }
}
