/** The clip's own frame under each sound-driven patch, cut out when first needed and kept. */
import type { ClipStore, StoredFrame } from '../clips/clip-store.ts'
import type { ComposeClient, Crop } from '../compose/compose-worker.ts'
import type { AvatarPack } from '../pack/pack.ts'

/** A layer and its place among all layers of the process. */
interface CroppedLayer {
  index: number
  width: number
  height: number
}

export interface ReferenceCropsOptions {
  store: ClipStore
  /** The thread that has least to do. */
  idlestComposer: () => ComposeClient
  /** @default 128 MiB: two loops of ten seconds at 256 x 256 */
  maxBytes?: number
}

const MAX_BYTES = 128 * 1024 * 1024

export class ReferenceCrops {
  readonly #options: ReferenceCropsOptions
  readonly #maxBytes: number
  /** Oldest use first. */
  readonly #kept = new Map<string, { crop: Promise<Crop>; bytes: number }>()
  #bytes = 0

  constructor(options: ReferenceCropsOptions) {
    this.#options = options
    this.#maxBytes = options.maxBytes ?? MAX_BYTES
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @param placement the frame's row of the layer's placements */
  get(pack: AvatarPack, layer: CroppedLayer, { clip, index }: StoredFrame, placement: Float32Array): Promise<Crop> {
    const key = `${layer.index}:${clip}:${index}`
    const found = this.#kept.get(key)
    if (found !== undefined) {
      this.#kept.delete(key)
      this.#kept.set(key, found)
      return found.crop
    }
    const { store, idlestComposer } = this.#options
    const crop = idlestComposer()
      .run({ kind: 'crop', base: store.frame(pack, clip, index, 'high').jpeg, layer: layer.index, placement })
      .then((result) => {
        if (result.kind !== 'crop') throw new Error('a crop was asked for')
        return result
      })
    const bytes = 3 * layer.width * layer.height
    this.#kept.set(key, { crop, bytes })
    this.#bytes += bytes
    crop.catch(() => this.#forget(key))
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break
      this.#forget(oldest)
    }
    return crop
  }

  #forget(key: string): void {
    const gone = this.#kept.get(key)
    if (gone === undefined) return
    this.#kept.delete(key)
    this.#bytes -= gone.bytes
  }
}
