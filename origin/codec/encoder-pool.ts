/** Video encoding in a few threads, each with the encoders of several streams. */
import { threadWorker } from '../workers/job-worker.ts'
import { JobError, WorkerClient } from '../workers/worker-client.ts'
import type { EncodeJob, EncodeResult } from './encode-worker.ts'
import type { VideoEncoderOptions } from './video-encoder.ts'

/** Frames of one stream in a thread: the one being encoded and one behind it. A further one is dropped. */
const MAX_PENDING = 2
/** Jobs that may wait for one thread, of all its streams. */
const MAX_QUEUED = 256
/** ms for one frame; 720 x 720 takes 3 to 6 on a free core. */
const ENCODE_TIMEOUT_MS = 3_000
const TIMES_KEPT = 100

export interface EncodedVideo {
  data: Uint8Array
  keyframe: boolean
}

export interface EncoderPoolOptions {
  threads: number
  /** A thread died; its streams continue in a new one, with a key frame. */
  onCrash: (why: string) => void
}

export interface EncodeMs {
  p50: number
  p95: number
}

interface EncodeThread {
  client: WorkerClient<EncodeJob, EncodeResult>
  streams: number
}

export class EncoderPool {
  readonly #threads: EncodeThread[]
  #nextStream = 1
  readonly #times = new RecentTimes()

  constructor({ threads, onCrash }: EncoderPoolOptions) {
    this.#threads = Array.from({ length: threads }, (_, i) => ({
      streams: 0,
      client: new WorkerClient<EncodeJob, EncodeResult>({
        name: `encode-${i}`,
        spawn: () => threadWorker(new URL('./encode-worker.ts', import.meta.url), `encode-${i}`),
        maxPending: 1,
        maxQueued: MAX_QUEUED,
        timeoutMs: ENCODE_TIMEOUT_MS,
        onCrash: ({ message }) => onCrash(message),
      }),
    }))
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#threads.reduce((sum, { streams }) => sum + streams, 0)
  }

  /** ms for one frame, of the last 100 of all streams; undefined before the first. */
  get encodeMs(): EncodeMs | undefined {
    return this.#times.quantiles
  }

  /** A stream on the thread that has the fewest. */
  open(options: VideoEncoderOptions): VideoStream {
    const thread = this.#threads.reduce((best, other) => (other.streams < best.streams ? other : best))
    thread.streams += 1
    return new VideoStream({
      options,
      stream: this.#nextStream++,
      run: (job, transfer) => thread.client.run(job, { transfer }),
      onTime: (ms) => this.#times.add(ms),
      onClose: () => {
        thread.streams -= 1
      },
    })
  }

  /** Ends each thread after the frame that it encodes now. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ client }) => client.close()))
  }
}

class RecentTimes {
  readonly #ms: number[] = []

  add(ms: number): void {
    this.#ms.push(ms)
    if (this.#ms.length > TIMES_KEPT) this.#ms.shift()
  }

  get quantiles(): EncodeMs | undefined {
    const sorted = [...this.#ms].sort((a, b) => a - b)
    const [p50, p95] = [sorted[Math.floor(sorted.length * 0.5)], sorted[Math.floor(sorted.length * 0.95)]]
    return p50 === undefined || p95 === undefined ? undefined : { p50, p95 }
  }
}

interface VideoStreamParts {
  options: VideoEncoderOptions
  stream: number
  run: (job: EncodeJob, transfer: ArrayBuffer[]) => Promise<EncodeResult>
  onTime: (ms: number) => void
  onClose: () => void
}

/** One stream of frames at FPS. */
export class VideoStream {
  /** In bit/s; takes effect with the next frame. VP8 then restarts with a key frame. */
  bitrateBps: number
  /** Frames dropped because those before them were not done. */
  dropped = 0
  readonly #parts: VideoStreamParts
  readonly #times = new RecentTimes()
  #pending = 0
  #keyframeWanted = false
  #closed = false

  constructor(parts: VideoStreamParts) {
    this.#parts = parts
    this.bitrateBps = parts.options.bitrateBps
  }

  /** ms for one frame, of the last 100; undefined before the first. */
  get encodeMs(): EncodeMs | undefined {
    return this.#times.quantiles
  }

  /** The next frame that is not dropped becomes a key frame. */
  forceKeyframe(): void {
    this.#keyframeWanted = true
  }

  /**
   * Frames come out in the order they went in.
   *
   * @param rgb sRGB, 3 * size * size bytes; handed over, not to be used afterwards
   * @param index number of the frame at FPS
   * @returns undefined when the frame was dropped
   * @throws JobError when its thread died while it was encoded; the next frame reopens the stream
   */
  async encode(rgb: Uint8Array<ArrayBuffer>, index: number): Promise<EncodedVideo | undefined> {
    if (this.#closed) return undefined
    if (this.#pending >= MAX_PENDING) {
      this.dropped += 1
      return undefined
    }
    const { stream, run, options, onTime } = this.#parts
    const keyframe = this.#keyframeWanted
    this.#keyframeWanted = false
    this.#pending += 1
    try {
      const job: EncodeJob = { kind: 'frame', stream, options: { ...options, bitrateBps: this.bitrateBps }, rgb, index, keyframe }
      const result = await run(job, [rgb.buffer])
      this.#times.add(result.encodeMs)
      onTime(result.encodeMs)
      return result.data && { data: result.data, keyframe: result.keyframe }
    } catch (thrown) {
      // the key frame was not made
      if (keyframe) this.#keyframeWanted = true
      if (thrown instanceof JobError && (thrown.kind === 'busy' || thrown.kind === 'closed')) {
        this.dropped += 1
        return undefined
      }
      throw thrown
    } finally {
      this.#pending -= 1
    }
  }

  /** Gives the encoder back. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { run, stream, onClose } = this.#parts
    onClose()
    // a thread that is gone has taken the encoder along
    run({ kind: 'close', stream }, []).catch(() => {})
  }
}
