/**
 * What the renderer needs to know of a kind of model. An adapter has two sides: the graph's, which turns what the renderer has
 * (rows of numbers, a crop of the clip's frame) into tensors and back, and the sound's, which turns speech into such rows.
 * A model that takes face parameters has no use for crops and sound; those that take sound have both.
 */
import type { InferenceSession, Tensor } from '../../onnx/runtime.ts'

/** Side of the adapter that the model's thread uses. */
export interface GraphAdapter {
  /** Numbers that drive one patch. */
  readonly rowLength: number
  /** What the first run is shown, RGB [height, width, 3]: what comes of it tells how the graph's answers are meant. */
  readonly firstReference?: Uint8Array
  /** Reads what the graph takes and gives. @throws Error in one line saying what it has and should have */
  check(session: InferenceSession): void
  /** @param references one per patch of the batch, where `needsReference` says so */
  feeds(batch: PatchBatch): Record<string, Tensor>
  /** Puts patch `index` of the batch into `slot`, planar RGB 0..1. @throws Error when the output is not what the manifest says */
  read(results: Readonly<Record<string, Tensor>>, batch: number): (index: number, slot: Float32Array) => void
}

export interface PatchBatch {
  /** Patches, fillers for a bucket included. */
  size: number
  /** [size, rowLength] */
  rows: Float32Array
  /** The clip's own frame under each patch: RGB, [height, width, 3]. Fewer than `size` where the rest is filler. */
  references: readonly Uint8Array[]
}

/** Shape of one layer's model, as the manifest and the pack give it. */
export interface GraphShape {
  /** Absolute path; error messages name it. */
  file: string
  width: number
  height: number
}

/** What a model hears of the speech. Stateless: each session opens a stream of its own. */
export interface SoundFeatures {
  /** Hz of the sound that a stream takes. */
  readonly sampleRate: number
  /** ms of sound after the start of a frame that its window covers. */
  readonly lookAheadMs: number
  /** ms of sound before the start of a frame that its window covers. */
  readonly lookBackMs: number
  /** Numbers of one window. */
  readonly windowLength: number
  open(): FeatureStream
}

export interface FeatureStream {
  /** Sound at `sampleRate`, -1..1, in order. */
  push(sound: Float32Array): void
  /**
   * The window of a frame; frames are asked for in order.
   *
   * @param frame counted from the stream's first sample, at FPS
   * @throws RangeError when its sound was not pushed, or is forgotten
   */
  window(frame: number): Float32Array
}
