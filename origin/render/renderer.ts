/** Pictures for all sessions: a clip's own, or with a face drawn in. */
import type { AvatarInfo } from '../../shared/api.ts'
import type { ClipName } from '../../shared/avatar-pack.ts'
import { AvatarError } from '../../shared/errors.ts'
import { FACE_PARAMS } from '../../shared/face.ts'
import { QUALITIES, type Quality, TICK_MS } from '../../shared/media.ts'
import { soundFeatures } from './adapters/sound.ts'
import type { SoundFeatures } from './adapters/types.ts'
import { type ClipStore, JPEG_QUALITY, type StoredPicture } from './clip-store.ts'
import type { ComposeHost, ComposePatch } from './compose-worker.ts'
import { FACE_STEP, FADE_DISTANCE, faceDistance, mixFace, modelInputs } from './face-mix.ts'
import type { AvatarPack, PackLayer } from './pack.ts'
import type { PatchLoan, PatchSource } from './patch-source.ts'
import { ReferenceCrops } from './reference-crops.ts'
import type { RenderStats } from './stats.ts'
import type { Picture, PictureRequest, Renderer } from './types.ts'

/** A layer and its place among all models and masks of the process. */
export type ServedLayer = PackLayer & { index: number }
export interface ServedPack {
  pack: AvatarPack
  layers: ServedLayer[]
}

export interface RendererParts {
  served: readonly ServedPack[]
  store: ClipStore
  composers: readonly ComposeHost[]
  patches: PatchSource
  stats: RenderStats
  device: string
  capacity: number
  maxTicksBehind: number
  /** Ends the threads. */
  close: () => Promise<void>
}

/** A layer that must be drawn for one picture. */
interface Drawing {
  layer: ServedLayer
  row: Float32Array
  placement: Float32Array
  blend: number
}

/** One picture to be drawn. */
interface Work {
  pack: AvatarPack
  stored: StoredPicture
  drawings: Drawing[]
  quality: Quality
  jpeg: boolean
  raw: boolean
}

/** Drawn pictures that may wait, per tick of allowed lag and session carried: bursts of twice the machine's own. */
const QUEUED_PER_SESSION_TICK = 2
const MIN_QUEUED = 64
/** Share of the allowed lag that a picture which sound drives may take: it then still comes in time to be shown. */
const SOUND_SHARE = 0.25

export class AvatarRenderer implements Renderer {
  readonly avatars: readonly AvatarInfo[]
  readonly device: string
  readonly capacity: number
  readonly #packs: Map<string, ServedPack>
  readonly #parts: RendererParts
  readonly #crops: ReferenceCrops
  readonly #maxQueued: number
  /** Start times (ms) of drawn pictures under way, oldest first. */
  readonly #underWay = new Set<{ startedMs: number }>()
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(parts: RendererParts) {
    this.#parts = parts
    this.avatars = parts.served.map(({ pack }) => pack.info)
    this.#packs = new Map(parts.served.map((served) => [served.pack.manifest.id, served]))
    this.device = parts.device
    this.capacity = parts.capacity
    this.#crops = new ReferenceCrops({ store: parts.store, host: () => this.#idlest() })
    this.#maxQueued = Math.max(MIN_QUEUED, parts.maxTicksBehind * parts.capacity * QUEUED_PER_SESSION_TICK)
  }

  clipLength(avatarId: string, clip: ClipName): number {
    const { clips } = this.#served(avatarId).pack
    return (clips[clip] ?? clips.idle).pictures
  }

  soundOf(avatarId: string): SoundFeatures | undefined {
    return soundFeatures(this.#packs.get(avatarId)?.layers ?? [])
  }

  async render(requests: readonly PictureRequest[]): Promise<PromiseSettledResult<Picture>[]> {
    const pictures = requests.map(async (request) => this.#picture(request))
    const settled = Promise.allSettled(pictures)
    const before = this.#last
    this.#last = settled
    await before
    return settled
  }

  stats(): Record<string, number> {
    return {
      ...this.#parts.stats.toRecord(),
      pictures_under_way: this.#underWay.size,
      clip_bytes: this.#parts.store.bytes,
      crop_bytes: this.#crops.bytes,
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#parts.close()
  }

  #served(avatarId: string): ServedPack {
    const served = this.#packs.get(avatarId)
    if (served === undefined) {
      throw new AvatarError('AVATAR_NOT_FOUND', 'No such avatar; GET /v1/avatars lists them.', { avatar_id: avatarId })
    }
    return served
  }

  #picture(request: PictureRequest): Picture | Promise<Picture> {
    if (this.#closed) throw new AvatarError('ORIGIN_UNAVAILABLE', 'The renderer is shutting down; try another origin.')
    const { avatarId, quality, clip, picture, face, blend = 1, sound, jpeg = true, raw = false } = request
    const served = this.#served(avatarId)
    if (!Number.isInteger(picture)) throw new AvatarError('INVALID_REQUEST', 'A picture number must be whole.', { picture })
    for (const share of [blend, sound?.blend ?? 0]) {
      if (!Number.isFinite(share)) throw new AvatarError('INVALID_REQUEST', 'A blend must be a number from 0 to 1.', { blend: share })
    }
    const { stats, store } = this.#parts
    const length = this.clipLength(avatarId, clip)
    const stored = store.picture(served.pack, clip, ((picture % length) + length) % length, quality)
    const drawings = face === undefined || blend <= 0 ? [] : facesToDraw(served, stored, face, Math.min(1, blend))
    if (sound !== undefined && sound.blend > 0) {
      const heard = soundsToDraw(served, stored, sound)
      for (const { layer } of heard) this.#refuseWhenLate(layer.index)
      drawings.push(...heard)
    }
    if (drawings.length > 0 || raw) return this.#drawn({ pack: served.pack, stored, drawings, quality, jpeg, raw })
    stats.pictures++
    stats.cachedPictures++
    return { jpeg: stored.jpeg, size: QUALITIES[quality].size }
  }

  async #drawn(work: Work): Promise<Picture> {
    const { stats } = this.#parts
    this.#refuseWhenBehind()
    const ticket = { startedMs: performance.now() }
    this.#underWay.add(ticket)
    try {
      const picture = await this.#compose(work)
      stats.pictures++
      stats.picture.add(performance.now() - ticket.startedMs)
      return picture
    } catch (error) {
      stats.failed++
      throw error
    } finally {
      this.#underWay.delete(ticket)
    }
  }

  async #compose({ pack, stored, drawings, quality, jpeg: wanted, raw }: Work): Promise<Picture> {
    const { stats } = this.#parts
    const drawn = await Promise.allSettled(drawings.map((drawing) => this.#patch(pack, stored, drawing)))
    const patches = drawn.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    try {
      for (const result of drawn) if (result.status === 'rejected') throw result.reason
      const { size } = QUALITIES[quality]
      // a clip's own picture has its JPEG already
      const ready = drawings.length === 0 ? stored.jpeg : undefined
      const result = await this.#idlest().request({
        kind: 'picture',
        base: stored.jpeg,
        size,
        jpegQuality: wanted && !ready ? JPEG_QUALITY[quality] : undefined,
        raw,
        patches: patches.map(({ patch }) => patch),
      })
      if (result.kind !== 'picture') throw new Error('a picture was asked for')
      const { jpeg, rgb, decodeMs, pasteMs, encodeMs } = result
      stats.decode.add(decodeMs)
      stats.paste.add(pasteMs)
      stats.encode.add(encodeMs)
      return { jpeg: wanted ? (ready ?? jpeg) : jpeg, size, rgb }
    } finally {
      for (const { loan } of patches) loan.release()
    }
  }

  async #patch(pack: AvatarPack, stored: StoredPicture, drawing: Drawing): Promise<{ patch: ComposePatch; loan: PatchLoan }> {
    const { layer, row, placement, blend } = drawing
    const crop = layer.kind === 'decoder' ? undefined : await this.#crops.get(pack, layer, stored, placement)
    const loan = await this.#parts.patches.patch(layer.index, row, crop?.reference)
    const patch = { layer: layer.index, placement, patch: loan.values, blend }
    return { patch: crop === undefined ? patch : { ...patch, rim: crop.rim }, loan }
  }

  #idlest(): ComposeHost {
    return this.#parts.composers.reduce((best, host) => (host.pending < best.pending ? host : best))
  }

  /**
   * Published networks may take longer than a picture lasts. A picture that would come too late to be shown is not begun, so
   * that those that are drawn come in time, if fewer.
   */
  #refuseWhenLate(model: number): void {
    const { patches, stats, maxTicksBehind } = this.#parts
    const waitMs = patches.waitMs(model)
    if (waitMs <= SOUND_SHARE * maxTicksBehind * TICK_MS) return
    stats.rejected++
    throw new AvatarError('CAPACITY_EXCEEDED', 'This machine draws this avatar slower than it speaks; a picture is left out.', {
      behind_ms: Math.round(waitMs),
    })
  }

  /** Lag that grows would only be handed on to every listener: new work is refused instead. */
  #refuseWhenBehind(): void {
    const { maxTicksBehind, stats } = this.#parts
    const oldest = this.#underWay.values().next().value
    const behindMs = oldest === undefined ? 0 : performance.now() - oldest.startedMs
    if (behindMs <= maxTicksBehind * TICK_MS && this.#underWay.size < this.#maxQueued) return
    stats.rejected++
    throw new AvatarError('CAPACITY_EXCEEDED', 'This machine draws as many faces as it can; try again shortly.', {
      behind_ms: Math.round(behindMs),
      waiting: this.#underWay.size,
    })
  }
}

/** Face-driven layers whose model would draw something else than the clip's picture shows. @throws AvatarError `INVALID_REQUEST` */
function facesToDraw({ pack, layers }: ServedPack, stored: StoredPicture, face: Float32Array, blend: number): Drawing[] {
  if (face.length !== FACE_PARAMS.length || !face.every(Number.isFinite)) {
    throw new AvatarError('INVALID_REQUEST', `A face is ${FACE_PARAMS.length} finite numbers.`, { length: face.length })
  }
  const tracks = pack.clips[stored.clip]?.tracks ?? new Float32Array(0)
  const shown = tracks.subarray(stored.index * FACE_PARAMS.length, (stored.index + 1) * FACE_PARAMS.length)
  const mixed = mixFace(shown, face)
  return layers.flatMap((layer) => {
    if (layer.kind !== 'decoder') return []
    const distance = faceDistance(layer.inputs, mixed, shown)
    const placement = placementOf(layer, stored)
    if (distance < FACE_STEP || placement === undefined) return []
    return [
      { layer, row: modelInputs(layer.inputs, layer.visemeGain, mixed), placement, blend: blend * Math.min(1, distance / FADE_DISTANCE) },
    ]
  })
}

/** Sound-driven layers: they always draw what they hear. @throws AvatarError `INVALID_REQUEST` */
function soundsToDraw({ layers }: ServedPack, stored: StoredPicture, { window, blend }: NonNullable<PictureRequest['sound']>): Drawing[] {
  return layers.flatMap((layer) => {
    const features = soundFeatures([layer])
    const placement = placementOf(layer, stored)
    if (features === undefined || placement === undefined) return []
    if (window.length !== features.windowLength || !window.every(Number.isFinite)) {
      const message = `A window of sound is ${features.windowLength} finite numbers for this avatar.`
      throw new AvatarError('INVALID_REQUEST', message, { length: window.length })
    }
    return [{ layer, row: window, placement, blend: Math.min(1, blend) }]
  })
}

function placementOf(layer: ServedLayer, { clip, index }: StoredPicture): Float32Array | undefined {
  const rowLength = 4 + 2 * layer.grid * layer.grid
  return layer.placements[clip]?.subarray(index * rowLength, (index + 1) * rowLength)
}
