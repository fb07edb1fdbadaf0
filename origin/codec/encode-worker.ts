/** Worker: encodes the frames of many streams, one after another. A stream is opened by its first frame. */
import { type JobAnswer, serveJobs } from '../workers/serve-jobs.ts'
import { VideoEncoder, type VideoEncoderOptions } from './video-encoder.ts'

export type EncodeJob =
  | {
      kind: 'frame'
      stream: number
      /** What to open the stream with, where this worker does not have it: it is the first frame, or the worker is a new one. */
      options: VideoEncoderOptions
      rgb: Uint8Array
      index: number
      keyframe: boolean
    }
  | { kind: 'close'; stream: number }

/** `data` is undefined where the rate control left the frame out. */
export interface EncodeResult {
  data: Uint8Array<ArrayBuffer> | undefined
  keyframe: boolean
  encodeMs: number
}

const encoders = new Map<number, VideoEncoder>()

function perform(job: EncodeJob): JobAnswer<EncodeResult> {
  if (job.kind === 'close') {
    encoders.get(job.stream)?.close()
    encoders.delete(job.stream)
    return { result: { data: undefined, keyframe: false, encodeMs: 0 } }
  }
  const startedMs = performance.now()
  let encoder = encoders.get(job.stream)
  if (encoder === undefined) {
    encoder = new VideoEncoder(job.options)
    encoders.set(job.stream, encoder)
  }
  encoder.bitrateBps = job.options.bitrateBps
  const encoded = encoder.encode(job.rgb, job.index, { keyframe: job.keyframe })
  // a buffer of its own, which can be handed over
  const data = encoded ? Uint8Array.from(encoded.data) : undefined
  const result = { data, keyframe: encoded?.keyframe ?? false, encodeMs: performance.now() - startedMs }
  return { result, transfer: data ? [data.buffer] : [] }
}

await serveJobs<EncodeJob, EncodeResult>(() => perform)
