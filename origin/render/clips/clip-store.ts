/** Every clip's frames as JPEGs of each quality: made in order by a worker, first seconds first. */
import { setTimeout } from 'node:timers/promises'
import type { ClipName } from '../../../shared/avatar-pack.ts'
import { FPS, QUALITIES, type Quality } from '../../../shared/media.ts'
import type { WorkerClient } from '../../workers/worker-client.ts'
import { type AvatarPack, CLIP_NAMES, PackError } from '../pack/pack.ts'
import { startRenderWorker } from '../render-worker.ts'
import type { ClipJob, ClipResult } from './clip-worker.ts'

/**
 * JPEG quality by frame size. Clips and composed frames use the same, so that decoding a clip's frame and encoding it
 * again hardly changes what the patch does not touch: nothing outside the face shifts when speech begins.
 */
export const JPEG_QUALITY: Record<Quality, number> = { low: 90, medium: 88, high: 86 }
const QUALITY_NAMES = Object.keys(QUALITIES) as Quality[]
const OUTPUTS = QUALITY_NAMES.map((quality) => ({ size: QUALITIES[quality].size, jpegQuality: JPEG_QUALITY[quality] }))
/** Frames of each idle clip that are ready before serving starts. */
const FIRST_FRAMES = FPS
/** Frames of one background job: short, so that closing need not wait. */
const RUN_FRAMES = 10
/** Tries of one clip, and ms between them: the worker is started again after a crash. */
const FILL_ATTEMPTS = 3
const RETRY_MS = 1_000

/** A frame of a clip and which one it is. */
export interface StoredFrame {
  clip: ClipName
  index: number
  jpeg: Uint8Array
}

interface StoredClip {
  pack: AvatarPack
  name: ClipName
  file: string
  frames: number
  /** Per quality in QUALITY_NAMES order; filled from the front. */
  jpegs: Uint8Array[][]
}

export interface ClipStoreOptions {
  packs: readonly AvatarPack[]
  onProgress: (what: string, done: number) => void
  onError: (error: Error) => void
}

export class ClipStore {
  readonly #clips = new Map<AvatarPack, Partial<Record<ClipName, StoredClip>>>()
  readonly #all: StoredClip[] = []
  readonly #options: ClipStoreOptions
  #worker: WorkerClient<ClipJob, ClipResult> | undefined
  #closed = false
  /** Resolves when all frames are there, or the store was closed. */
  filled: Promise<void> = Promise.resolve()

  private constructor(options: ClipStoreOptions) {
    this.#options = options
    for (const pack of options.packs) {
      const stored: Partial<Record<ClipName, StoredClip>> = {}
      for (const name of CLIP_NAMES) {
        const clip = pack.clips[name]
        if (clip === undefined) continue
        const entry: StoredClip = { pack, name, file: clip.file, frames: clip.frames, jpegs: QUALITY_NAMES.map(() => []) }
        stored[name] = entry
        this.#all.push(entry)
      }
      this.#clips.set(pack, stored)
    }
    // idle clips of all packs come first
    this.#all.sort((a, b) => CLIP_NAMES.indexOf(a.name) - CLIP_NAMES.indexOf(b.name))
  }

  /** Resolves when the first second of every idle clip is ready. @throws PackError when a clip is not as its manifest says */
  static async open(options: ClipStoreOptions): Promise<ClipStore> {
    const store = new ClipStore(options)
    store.#worker = await startRenderWorker<ClipJob, ClipResult>({
      entry: new URL('./clip-worker.ts', import.meta.url),
      name: 'clips',
      onCrash: options.onError,
    })
    try {
      for (const clip of store.#all) {
        await store.#worker.run({ kind: 'check', file: clip.file, frames: clip.frames })
        if (clip.name === 'idle') await store.#make(clip, Math.min(FIRST_FRAMES, clip.frames), false)
      }
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  /** Makes the rest in the background; `filled` tells when it is done. */
  fill(): void {
    this.filled = this.#fill()
  }

  /**
   * The frame asked for. While a clip is being filled, the last ready one before it; while it has none at all, the idle
   * clip's.
   */
  frame(pack: AvatarPack, clip: ClipName, index: number, quality: Quality): StoredFrame {
    const stored = this.#clips.get(pack)
    const of = QUALITY_NAMES.indexOf(quality)
    for (const entry of [stored?.[clip], stored?.idle]) {
      const jpegs = entry?.jpegs[of]
      if (entry === undefined || jpegs === undefined || jpegs.length === 0) continue
      const wanted = index % entry.frames
      const at = Math.min(wanted, jpegs.length - 1)
      const jpeg = jpegs[at]
      if (jpeg !== undefined) return { clip: entry.name, index: at, jpeg }
    }
    throw new PackError(`avatar pack ${pack.folder}: no frame of its idle clip is ready`)
  }

  /** Bytes of all JPEGs. */
  get bytes(): number {
    let sum = 0
    for (const { jpegs } of this.#all) for (const list of jpegs) for (const { length } of list) sum += length
    return sum
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.close()
  }

  async #fill(): Promise<void> {
    const total = this.#all.reduce((sum, { frames }) => sum + frames, 0)
    for (const clip of this.#all) {
      for (let failures = 0; !this.#closed; ) {
        const ready = clip.jpegs[0]?.length ?? 0
        if (ready >= clip.frames) break
        try {
          await this.#make(clip, Math.min(RUN_FRAMES, clip.frames - ready), true)
        } catch (error) {
          if (this.#closed) return
          this.#options.onError(error instanceof Error ? error : new Error(String(error)))
          failures++
          // what is there is served: the clip stands still at its last frame until the loop begins again
          if (failures === FILL_ATTEMPTS) break
          await setTimeout(RETRY_MS)
        }
        const done = this.#all.reduce((sum, { jpegs }) => sum + (jpegs[0]?.length ?? 0), 0)
        this.#options.onProgress(`frames of ${clip.pack.manifest.id} (${clip.name})`, done / total)
      }
    }
    await this.#worker?.close()
  }

  async #make(clip: StoredClip, count: number, background: boolean): Promise<void> {
    const from = clip.jpegs[0]?.length ?? 0
    const size = clip.pack.manifest.size
    const made = await this.#worker?.run({ kind: 'frames', file: clip.file, size, from, count, outputs: OUTPUTS, background })
    if (made === undefined) return
    for (const jpegs of made) for (const [i, jpeg] of jpegs.entries()) clip.jpegs[i]?.push(jpeg)
  }
}
