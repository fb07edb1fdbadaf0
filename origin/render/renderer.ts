/** Frames for all sessions: a clip's own, or with a face drawn in. */
import type { AvatarInfo } from '../../shared/api.ts'
import type { ClipName } from '../../shared/avatar-pack.ts'
import { AvatarError } from '../../shared/errors.ts'
import { QUALITIES, type Quality, TICK_MS } from '../../shared/media.ts'
import { soundFeatures } from './adapters/sound.ts'
import type { SoundFeatures } from './adapters/types.ts'
import { type ClipStore, JPEG_QUALITY, type StoredFrame } from './clips/clip-store.ts'
import type { ComposeClient, ComposePatch, ComposeSource } from './compose/compose-worker.ts'
import type { PatchLoan, PatchSource } from './infer/patch-source.ts'
import type { AvatarPack } from './pack/pack.ts'
import { type Drawing, facesToDraw, type ServedPack, shownStance, soundsToDraw, wantedStance } from './patches/drawings.ts'
import { ReferenceCrops } from './patches/reference-crops.ts'
import type { RenderStats } from './stats.ts'
import { type FrameRequest, MAX_NOD_DEGREES, type RenderedFrame, type Renderer } from './types.ts'

export interface RendererParts {
  served: readonly ServedPack[]
  store: ClipStore
  composers: readonly ComposeClient[]
  patches: PatchSource
  stats: RenderStats
  device: string
  capacity: number
  maxTicksBehind: number
  /** Ends the threads. */
  close: () => Promise<void>
}

/** A clip's frame and what is drawn into it. */
interface Source {
  stored: StoredFrame
  drawings: Drawing[]
  turn: ComposeSource['turn']
}

/** One frame to be drawn. */
interface Work {
  pack: AvatarPack
  source: Source
  second: { source: Source; share: number } | undefined
  quality: Quality
  jpeg: boolean
  raw: boolean
}

/** Drawn frames that may wait, per tick of allowed lag and session carried: bursts of twice the machine's own. */
const QUEUED_PER_SESSION_TICK = 2
const MIN_QUEUED = 64
/** Share of the allowed lag that an audio-driven frame may have: it is then still in time to be shown. */
const SOUND_SHARE = 0.25

export class AvatarRenderer implements Renderer {
  readonly avatars: readonly AvatarInfo[]
  readonly device: string
  /** Only raised, when a quiet moment shows more. */
  capacity: number
  readonly #packs: Map<string, ServedPack>
  readonly #parts: RendererParts
  readonly #crops: ReferenceCrops
  /** Start times (ms) of drawn frames under way, oldest first. */
  readonly #underWay = new Set<{ startedMs: number }>()
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(parts: RendererParts) {
    this.#parts = parts
    this.avatars = parts.served.map(({ pack }) => pack.info)
    this.#packs = new Map(parts.served.map((served) => [served.pack.manifest.id, served]))
    this.device = parts.device
    this.capacity = parts.capacity
    this.#crops = new ReferenceCrops({ store: parts.store, idlestComposer: () => this.#idlest() })
  }

  soundOf(avatarId: string): SoundFeatures | undefined {
    return soundFeatures(this.#packs.get(avatarId)?.layers ?? [])
  }

  canNod(avatarId: string): boolean {
    return this.#packs.get(avatarId)?.headIndex !== undefined
  }

  async render(requests: readonly FrameRequest[]): Promise<PromiseSettledResult<RenderedFrame>[]> {
    const frames = requests.map(async (request) => this.#frame(request))
    const settled = Promise.allSettled(frames)
    const before = this.#last
    this.#last = settled
    await before
    return settled
  }

  stats(): Record<string, number> {
    return {
      ...this.#parts.stats.toRecord(),
      frames_under_way: this.#underWay.size,
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

  #frame(request: FrameRequest): RenderedFrame | Promise<RenderedFrame> {
    if (this.#closed) throw new AvatarError('ORIGIN_UNAVAILABLE', 'The renderer is shutting down; try another origin.')
    const { avatarId, quality, frame, blend = 1, sound, toward, nodDegrees = 0, jpeg = true, raw = false } = request
    const served = this.#served(avatarId)
    if (!Number.isInteger(frame)) throw new AvatarError('INVALID_REQUEST', 'A frame number must be whole.', { frame })
    for (const share of [blend, sound?.blend ?? 0, toward?.share ?? 0]) {
      if (!Number.isFinite(share)) throw new AvatarError('INVALID_REQUEST', 'A blend must be a number from 0 to 1.', { blend: share })
    }
    if (!(Math.abs(nodDegrees) <= MAX_NOD_DEGREES)) {
      throw new AvatarError('INVALID_REQUEST', `A nod is of ${MAX_NOD_DEGREES} degrees at most.`, { degrees: nodDegrees })
    }
    const first = this.#stored(served, request.clip, request)
    const other = toward && toward.share > 0 ? this.#stored(served, toward.clip, request) : undefined
    // a clip that the pack lacks is the other one
    const gliding = other !== undefined && other.jpeg !== first.jpeg
    const share = gliding ? Math.min(1, toward?.share ?? 0) : 0
    const stance = wantedStance(served, first, gliding ? { stored: other, share } : undefined, nodDegrees)
    const source = this.#source(served, first, stance, request)
    const second = gliding ? { source: this.#source(served, other, stance, request), share } : undefined
    const { stats } = this.#parts
    if (second !== undefined || source.turn !== undefined || source.drawings.length > 0 || raw) {
      return this.#drawn({ pack: served.pack, source, second, quality, jpeg, raw })
    }
    stats.frames++
    stats.cachedFrames++
    return { jpeg: first.jpeg, size: QUALITIES[quality].size }
  }

  #stored({ pack }: ServedPack, clip: ClipName, { frame, quality }: FrameRequest): StoredFrame {
    // packs may lack the listening clip
    const length = (pack.clips[clip] ?? pack.clips.idle).frames
    return this.#parts.store.frame(pack, clip, ((frame % length) + length) % length, quality)
  }

  /** @param stance undefined: as the clip's frame has it */
  #source(served: ServedPack, stored: StoredFrame, stance: Float32Array | undefined, { face, blend = 1, sound }: FrameRequest): Source {
    const drawings = face === undefined || blend <= 0 ? [] : facesToDraw(served, stored, face, Math.min(1, blend))
    if (sound !== undefined && sound.blend > 0) {
      const fromSound = soundsToDraw(served, stored, sound)
      for (const { layer } of fromSound) this.#refuseWhenLate(layer.index)
      drawings.push(...fromSound)
    }
    const from = shownStance(served, stored)
    const turn =
      served.headIndex === undefined || stance === undefined || from === undefined
        ? undefined
        : { head: served.headIndex, from, to: stance }
    return { stored, drawings, turn }
  }

  async #drawn(work: Work): Promise<RenderedFrame> {
    const { stats } = this.#parts
    this.#refuseWhenBehind()
    const ticket = { startedMs: performance.now() }
    this.#underWay.add(ticket)
    try {
      const frame = await this.#compose(work)
      stats.frames++
      stats.frame.add(performance.now() - ticket.startedMs)
      return frame
    } catch (error) {
      stats.failed++
      throw error
    } finally {
      this.#underWay.delete(ticket)
    }
  }

  async #compose({ pack, source, second, quality, jpeg: wanted, raw }: Work): Promise<RenderedFrame> {
    const { stats } = this.#parts
    const sources = second === undefined ? [source] : [source, second.source]
    const drawn = await Promise.allSettled(
      sources.flatMap(({ stored, drawings }) => drawings.map((drawing) => this.#patch(pack, stored, drawing))),
    )
    const patches = drawn.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    try {
      for (const result of drawn) if (result.status === 'rejected') throw result.reason
      const { size } = QUALITIES[quality]
      const inFirst = source.drawings.length
      const composed = ({ stored, turn }: Source, own: typeof patches): ComposeSource => {
        return { base: stored.jpeg, patches: own.map(({ patch }) => patch), turn }
      }
      // a clip's own frame has its JPEG already
      const ready = patches.length === 0 && source.turn === undefined && second === undefined ? source.stored.jpeg : undefined
      const result = await this.#idlest().run({
        kind: 'frame',
        source: composed(source, patches.slice(0, inFirst)),
        second: second && { source: composed(second.source, patches.slice(inFirst)), share: second.share },
        size,
        jpegQuality: wanted && !ready ? JPEG_QUALITY[quality] : undefined,
        raw,
      })
      if (result.kind !== 'frame') throw new Error('a frame was asked for')
      const { jpeg, rgb, decodeMs, pasteMs, encodeMs } = result
      stats.decode.add(decodeMs)
      stats.paste.add(pasteMs)
      stats.encode.add(encodeMs)
      return { jpeg: wanted ? (ready ?? jpeg) : jpeg, size, rgb }
    } finally {
      for (const { loan } of patches) loan.release()
    }
  }

  async #patch(pack: AvatarPack, stored: StoredFrame, drawing: Drawing): Promise<{ patch: ComposePatch; loan: PatchLoan }> {
    const { layer, row, placement, blend } = drawing
    const crop = layer.kind === 'decoder' ? undefined : await this.#crops.get(pack, layer, stored, placement)
    const loan = await this.#parts.patches.patch(layer.index, row, crop?.reference)
    const patch = { layer: layer.index, placement, patch: loan.values, blend }
    return { patch: crop === undefined ? patch : { ...patch, rim: crop.rim }, loan }
  }

  #idlest(): ComposeClient {
    return this.#parts.composers.reduce((best, client) => (client.pending < best.pending ? client : best))
  }

  /**
   * Published networks may take longer than a frame lasts. A frame that would come too late to be shown is not begun, so
   * that those that are drawn come in time, if fewer.
   */
  #refuseWhenLate(model: number): void {
    const { patches, stats, maxTicksBehind } = this.#parts
    const waitMs = patches.waitMs(model)
    if (waitMs <= SOUND_SHARE * maxTicksBehind * TICK_MS) return
    stats.rejected++
    throw new AvatarError('CAPACITY_EXCEEDED', 'This machine draws this avatar slower than it speaks; a frame is left out.', {
      behind_ms: Math.round(waitMs),
    })
  }

  /** Growing lag would delay every session: new work is refused instead. */
  #refuseWhenBehind(): void {
    const { maxTicksBehind, stats } = this.#parts
    const oldest = this.#underWay.values().next().value
    const behindMs = oldest === undefined ? 0 : performance.now() - oldest.startedMs
    const maxQueued = Math.max(MIN_QUEUED, maxTicksBehind * this.capacity * QUEUED_PER_SESSION_TICK)
    if (behindMs <= maxTicksBehind * TICK_MS && this.#underWay.size < maxQueued) return
    stats.rejected++
    throw new AvatarError('CAPACITY_EXCEEDED', 'This machine draws as many faces as it can; try again shortly.', {
      behind_ms: Math.round(behindMs),
      waiting: this.#underWay.size,
    })
  }
}
