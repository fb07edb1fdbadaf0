/** Lip sync from audio alone, by a small recurrent network in a worker thread; any voice, any language. */
import '../onnx/no-telemetry.ts'
import { resolve } from 'node:path'
import { VISEMES } from '../../shared/face.ts'
import { MOUTH_FPS, SAMPLE_RATE } from '../../shared/media.ts'
import { createResampler, type Resampler } from '../codec/resample.ts'
import { HISTORY, MEL_SAMPLE_RATE } from '../dsp/log-mel.ts'
import { concatPcm, FULL_SCALE } from '../dsp/pcm.ts'
import { log } from '../log.ts'
import { threadWorker } from '../workers/job-worker.ts'
import { WorkerClient } from '../workers/worker-client.ts'
import type { NetJob, NetResult, NetState, NetWorkerData } from './net-worker.ts'
import { MouthSettler } from './settle.ts'
import type { LipSync, LipSyncStream, MouthFrames } from './types.ts'

/** Samples of network input in one row. */
const ROW_SAMPLES = MEL_SAMPLE_RATE / MOUTH_FPS
/** Rows by which the network's output trails the sound that it is about: its look-ahead of 80 ms. */
const DELAY_ROWS = 4
/** Rows of one job, 2 s: several streams share the thread. */
const MAX_JOB_ROWS = 100
const MAX_QUEUED = 256
const TIMEOUT_MS = 10_000

export interface LipSyncOptions {
  /** Path of lipsync.onnx. */
  modelPath: string
}

type Jobs = WorkerClient<NetJob, NetResult>

class NetStream implements LipSyncStream {
  readonly #jobs: Jobs
  readonly #resampler: Resampler = createResampler(SAMPLE_RATE, MEL_SAMPLE_RATE)
  readonly #settler = new MouthSettler()
  /** Start of the next job: HISTORY samples of the one before, then those that make no whole row yet. */
  #pending = new Int16Array(HISTORY)
  #state: NetState | undefined
  #levelsDb: number[] = []
  /** Rows still to be thrown away: those before the sound began. */
  #skipRows = DELAY_ROWS
  #samples = 0
  #rowsGiven = 0
  #ended = false
  /** Pushes run one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(jobs: Jobs) {
    this.#jobs = jobs
  }

  push(pcm: Int16Array): Promise<MouthFrames> {
    return this.#inOrder(async () => {
      if (this.#ended) throw new Error('The lip-sync stream is over.')
      this.#samples += pcm.length
      return this.#count(await this.#run(this.#resampler.push(pcm)))
    })
  }

  flush(): Promise<MouthFrames> {
    return this.#inOrder(async () => {
      if (this.#ended) return new Float32Array(0)
      this.#ended = true
      const rest = this.#resampler.flush()
      // Silence for the rows that are still to come out, and to fill the last one.
      const wanted = Math.ceil((this.#samples * MOUTH_FPS) / SAMPLE_RATE)
      const heard = await this.#run(concatPcm([rest, new Int16Array((DELAY_ROWS + 1) * ROW_SAMPLES)]))
      const settled = this.#settler.flush()
      const rows = new Float32Array((wanted - this.#rowsGiven) * VISEMES.length)
      rows.set(heard.subarray(0, rows.length))
      rows.set(settled.subarray(0, Math.max(0, rows.length - heard.length)), Math.min(heard.length, rows.length))
      return this.#count(rows)
    })
  }

  #inOrder(work: () => Promise<MouthFrames>): Promise<MouthFrames> {
    const result = this.#last.then(work)
    // a failure rejects its own call only; the next call still runs
    this.#last = result.catch(() => {})
    return result
  }

  #count(rows: MouthFrames): MouthFrames {
    this.#rowsGiven += rows.length / VISEMES.length
    return rows
  }

  /** Runs what makes whole rows through the network. @param pcm at MEL_SAMPLE_RATE */
  async #run(pcm: Int16Array): Promise<MouthFrames> {
    this.#pending = concatPcm([this.#pending, pcm])
    const parts: Float32Array[] = []
    for (;;) {
      const rows = Math.min(MAX_JOB_ROWS, Math.floor((this.#pending.length - HISTORY) / ROW_SAMPLES))
      if (rows === 0) break
      const piece = this.#pending.slice(0, HISTORY + rows * ROW_SAMPLES)
      this.#pending = this.#pending.slice(rows * ROW_SAMPLES)
      for (let row = 0; row < rows; row++) this.#levelsDb.push(levelDb(piece, HISTORY + row * ROW_SAMPLES))
      const result = await this.#jobs.run({ pcm: piece, state: this.#state })
      this.#state = result.state
      const skipped = Math.min(this.#skipRows, rows)
      this.#skipRows -= skipped
      parts.push(this.#settler.push(result.rows.subarray(skipped * VISEMES.length), this.#levelsDb.splice(0, rows - skipped)))
    }
    return concatRows(parts)
  }
}

/** dBFS of one row of sound, of a full-scale square wave. */
function levelDb(pcm: Int16Array, from: number): number {
  let sum = 0
  for (let i = from; i < from + ROW_SAMPLES; i++) sum += (pcm[i] ?? 0) ** 2
  return 10 * Math.log10(sum / ROW_SAMPLES / FULL_SCALE ** 2 + 1e-12)
}

function concatRows(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Lip sync from sound, warm. @throws JobError when the model cannot be loaded; its message names the reason */
export async function createLipSync({ modelPath }: LipSyncOptions): Promise<LipSync> {
  const data: NetWorkerData = { modelPath: resolve(modelPath) }
  const jobs: Jobs = new WorkerClient({
    name: 'lipsync',
    spawn: () => threadWorker(new URL('./net-worker.ts', import.meta.url), 'lipsync', data),
    maxPending: 1,
    maxQueued: MAX_QUEUED,
    timeoutMs: TIMEOUT_MS,
    onCrash: ({ message }) => log.error({ why: message }, 'the lip-sync thread ended; the next sound starts a new one'),
  })
  try {
    await jobs.run({ pcm: new Int16Array(HISTORY + ROW_SAMPLES), state: undefined })
  } catch (thrown) {
    await jobs.close()
    throw thrown
  }
  return { open: () => new NetStream(jobs), close: () => jobs.close() }
}
