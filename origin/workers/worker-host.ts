/** A worker thread that answers jobs; restarted when it dies. `serveJobs` is its other side. */
import { parentPort, type Transferable, Worker, workerData } from 'node:worker_threads'
import { AvatarError } from '../../shared/errors.ts'

type Down<Job> = { id: number; job: Job } | { close: true }
/** What a worker gets as `workerData`; `closing[0]` turns 1 when it must not begin another job. */
interface Given {
  closing: Int32Array
  data: unknown
}
type Up<Result> = { id: number; result: Result } | { id: number; error: string } | { ready: true } | { fatal: string }

export interface WorkerHostOptions {
  /** Module of the worker. */
  url: URL
  name: string
  /** Given to every incarnation's `setUp`. */
  data?: unknown
  /** ms that one job may take; a worker that exceeds it is ended and restarted. @default 10_000 */
  jobTimeoutMs?: number
  /** A worker died unasked, or could not be started again; it is being restarted. */
  onCrash?: (error: Error) => void
}

interface Waiting<Result> {
  resolve(result: Result): void
  reject(error: Error): void
  startedMs: number
}

/** ms before the first and the longest wait before a restart. */
const RESTART_MS = 50
const MAX_RESTART_MS = 5_000
/** ms that closing waits for the job under way. */
const CLOSE_MS = 3_000

export class WorkerHost<Job, Result> {
  readonly #options: WorkerHostOptions
  readonly #waiting = new Map<number, Waiting<Result>>()
  readonly #jobTimeoutMs: number
  readonly #watchdog: NodeJS.Timeout
  readonly #closing = new Int32Array(new SharedArrayBuffer(4))
  #worker: Worker | undefined
  #nextId = 0
  #restartMs = RESTART_MS
  #restart: NodeJS.Timeout | undefined
  #closed = false

  private constructor(options: WorkerHostOptions) {
    this.#options = options
    this.#jobTimeoutMs = options.jobTimeoutMs ?? 10_000
    this.#watchdog = setInterval(() => this.#endStuckWorker(), Math.min(1_000, this.#jobTimeoutMs / 2))
    this.#watchdog.unref()
  }

  /** Resolves when the worker has set itself up. @throws Error with the worker's words when it cannot */
  static async start<Job, Result>(options: WorkerHostOptions): Promise<WorkerHost<Job, Result>> {
    const host = new WorkerHost<Job, Result>(options)
    try {
      await host.#launch()
    } catch (error) {
      await host.close()
      throw error
    }
    return host
  }

  /** Jobs that have no answer yet. */
  get pending(): number {
    return this.#waiting.size
  }

  /** @throws AvatarError `INTERNAL_ERROR` when the worker dies first, `ORIGIN_UNAVAILABLE` when closed */
  request(job: Job, transfer: Transferable[] = []): Promise<Result> {
    const worker = this.#worker
    if (this.#closed) return Promise.reject(new AvatarError('ORIGIN_UNAVAILABLE', 'The renderer is shutting down; try another origin.'))
    if (worker === undefined) return Promise.reject(this.#lost())
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, startedMs: performance.now() })
      const message: Down<Job> = { id, job }
      worker.postMessage(message, transfer)
    })
  }

  /**
   * Rejects what has no answer and ends the thread after the job under way: to terminate a thread inside a native call
   * aborts the whole process. Closing twice is fine.
   */
  async close(): Promise<void> {
    this.#closed = true
    Atomics.store(this.#closing, 0, 1)
    clearInterval(this.#watchdog)
    clearTimeout(this.#restart)
    this.#rejectAll(new AvatarError('ORIGIN_UNAVAILABLE', 'The renderer is shutting down; try another origin.'))
    const worker = this.#worker
    this.#worker = undefined
    if (worker === undefined) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const message: Down<Job> = { close: true }
    worker.postMessage(message)
    const overdue = setTimeout(() => void worker.terminate(), Math.min(CLOSE_MS, this.#jobTimeoutMs))
    await ended
    clearTimeout(overdue)
  }

  #launch(): Promise<void> {
    const given: Given = { closing: this.#closing, data: this.#options.data }
    const worker = new Worker(this.#options.url, { name: this.#options.name, workerData: given })
    return new Promise((resolve, reject) => {
      let settled = false
      const died = (error: Error): void => {
        if (!settled) {
          settled = true
          void worker.terminate()
          reject(error)
          return
        }
        if (this.#worker !== worker) return
        this.#worker = undefined
        void worker.terminate()
        this.#rejectAll(this.#lost(error))
        this.#options.onCrash?.(error)
        this.#scheduleRestart()
      }
      worker.on('error', (error) => died(error instanceof Error ? error : new Error(String(error))))
      worker.on('exit', (code) => died(new Error(`worker ${this.#options.name} ended with code ${code}`)))
      worker.on('message', (message: Up<Result>) => {
        if ('ready' in message) {
          if (this.#closed) {
            died(new Error('closed while starting'))
            return
          }
          settled = true
          this.#worker = worker
          this.#restartMs = RESTART_MS
          resolve()
        } else if ('fatal' in message) died(new Error(message.fatal))
        else this.#settle(message)
      })
    })
  }

  #settle(message: Exclude<Up<Result>, { ready: true } | { fatal: string }>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(new Error(message.error))
    else waiting?.resolve(message.result)
  }

  #scheduleRestart(): void {
    if (this.#closed) return
    this.#restart = setTimeout(() => {
      this.#launch().catch((error: unknown) => {
        if (this.#closed) return
        this.#options.onCrash?.(error instanceof Error ? error : new Error(String(error)))
        this.#scheduleRestart()
      })
    }, this.#restartMs)
    this.#restart.unref()
    this.#restartMs = Math.min(MAX_RESTART_MS, this.#restartMs * 2)
  }

  #endStuckWorker(): void {
    const oldest = this.#waiting.values().next().value
    if (oldest === undefined || performance.now() - oldest.startedMs < this.#jobTimeoutMs) return
    // 'exit' follows and restarts it
    void this.#worker?.terminate()
  }

  #rejectAll(error: Error): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(error)
  }

  #lost(cause?: Error): AvatarError {
    return new AvatarError('INTERNAL_ERROR', 'This picture could not be made; the renderer is restarting.', {}, { cause })
  }
}

/** What a job's handler may answer: the result, and buffers to move instead of copying. */
export interface JobAnswer<Result> {
  result: Result
  transfer?: Transferable[]
}

/** The worker's side: sets up, says so, then answers jobs one after another. */
export async function serveJobs<Job, Result>(
  setUp: (data: unknown) => Promise<(job: Job) => JobAnswer<Result> | Promise<JobAnswer<Result>>>,
): Promise<void> {
  const port = parentPort
  if (port === null) throw new Error('this module runs in a worker thread only')
  const { closing, data } = workerData as Given
  const post = (message: Up<Result>, transfer: Transferable[] = []): void => port.postMessage(message, transfer)
  let handle: Awaited<ReturnType<typeof setUp>>
  try {
    handle = await setUp(data)
  } catch (error) {
    post({ fatal: error instanceof Error ? error.message : String(error) })
    return
  }
  let last: Promise<void> = Promise.resolve()
  port.on('message', (message: Down<Job>) => {
    last = last.then(async () => {
      if ('close' in message) process.exit()
      if (Atomics.load(closing, 0) === 1) return
      const { id, job } = message
      try {
        const { result, transfer } = await handle(job)
        post({ id, result }, transfer)
      } catch (error) {
        post({ id, error: error instanceof Error ? error.message : String(error) })
      }
    })
  })
  post({ ready: true })
}
