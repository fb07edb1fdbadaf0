/** What the session engine asks of the renderer. */

import type { AvatarInfo } from '../../shared/api.ts'
import type { ClipName } from '../../shared/avatar-pack.ts'
import type { Quality } from '../../shared/media.ts'
import type { SoundFeatures } from './adapters/types.ts'

/** Degrees of a nod that a still picture's warp carries without showing that it is one. */
export const MAX_NOD_DEGREES = 8

export interface FrameRequest {
  avatarId: string
  quality: Quality
  clip: ClipName
  /** Index into the clip's loop; taken modulo its length. */
  frame: number
  /** FACE_PARAMS values to draw into the frame; undefined: the clip's frame as it is (no inference). */
  face?: Float32Array
  /** 0..1: share of the drawn patch over the clip's frame; ramps of a few frames hide the change from idle to speech. */
  blend?: number
  /**
   * For avatars whose model is driven by sound: a window of `soundOf(avatarId)` features around this frame, and the share 0..1
   * of what the model draws. Undefined in silence: the clip's own frame, whose mouth is closed.
   */
  sound?: { window: Float32Array; blend: number }
  /**
   * Another clip into which this one is gliding: its share 0..1, from its frame of the same number. Between stances the head is
   * turned on the way, where the pack says how; a plain cross-fade otherwise.
   */
  toward?: { clip: ClipName; share: number }
  /** Degrees that the head is bent down further than the clip's, -MAX_NOD_DEGREES to MAX_NOD_DEGREES; only where `canNod`. @default 0 */
  nodDegrees?: number
  /** False: the frame is not made into a JPEG. @default true */
  jpeg?: boolean
  /** True: its pixels are handed out too, for a video encoder. @default false */
  raw?: boolean
}

export interface RenderedFrame {
  /** Shared by everyone who asked for the same frame of a clip: not to be changed. Empty when the request said `jpeg: false`. */
  jpeg: Uint8Array
  size: number
  /** sRGB, 3 * size * size bytes, the caller's own; only where the request said `raw`. */
  rgb?: Uint8Array<ArrayBuffer> | undefined
}

/** One renderer serves all sessions of the process; models, clips and caches are shared. */
export interface Renderer {
  readonly avatars: readonly AvatarInfo[]
  /** onnxruntime execution provider that really runs: 'cpu', 'cuda'. */
  readonly device: string
  /** Speaking sessions at medium quality that this machine carries in real time: measured at start, raised if a quiet moment shows more. */
  readonly capacity: number
  /** The audio features that this avatar's model needs for every frame; undefined where face parameters are enough, or there is no such avatar. */
  soundOf(avatarId: string): SoundFeatures | undefined
  /** Whether this avatar's pack says how its head turns; a nod of others is not shown. */
  canNod(avatarId: string): boolean
  /**
   * Frames of one tick, in the order asked. All that need a model run in one batch. Never blocks the event loop.
   * Concurrent calls are served in order. One frame's failure rejects only its own slot.
   */
  render(requests: readonly FrameRequest[]): Promise<PromiseSettledResult<RenderedFrame>[]>
  /** Timings and counts for `/metrics`: `patch_ms_p50`, `compose_ms_p50`, `encode_ms_p50`, `batch_mean`, `frames`, `cached_frames`. */
  stats(): Record<string, number>
  close(): Promise<void>
}

/** The renderer's log for operators; a pino logger fits. */
export interface RenderLog {
  info(fields: Record<string, unknown>, message: string): void
  warn(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}

export interface RendererOptions {
  /** Folder of packs, one folder each. */
  packsDir: string
  /** Says what is loading, with its share done 0..1. */
  onProgress?: (what: string, done: number) => void
  /** @default silent */
  log?: RenderLog
  /** `auto` tries CUDA and logs a warning when it falls back to the CPU; a device asked for by name must work. @default 'auto' */
  device?: 'auto' | 'cpu' | 'cuda' | 'tensorrt'
  /** Threads that draw: each a part of the batch with our decoders, all together a run of a published network. @default the cores, at most 8 */
  intraOpThreads?: number
  /** Threads that paste and encode. @default half the cores, at least 1 */
  composeThreads?: number
  /** Speaking sessions; measured when not given. */
  capacity?: number
  /** Ticks that drawn frames may lag behind before new ones are refused with `CAPACITY_EXCEEDED`. @default 8 */
  maxTicksBehind?: number
}
