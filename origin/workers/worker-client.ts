/**
 * Work that runs beside the event loop, in a worker thread or a process of its own: jobs go to it in order, as many at a time as it
 * may have; the others wait here. A worker that dies or hangs fails the jobs that it had, and is replaced.
 */
import type { Transferable } from 'node:worker_threads'
import type { JobReply, JobWorker } from './job-worker.ts'

/** What went wrong: `busy` too many jobs wait, `failed` the job threw, `crashed` or `timeout` the worker is gone, `closed` by us. */
export type JobErrorKind = 'busy' | 'failed' | 'crashed' | 'timeout' | 'closed'

export class JobError extends Error {
  override readonly name = 'JobError'
  readonly kind: JobErrorKind
  constructor(kind: JobErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

export interface WorkerClientOptions {
  /** For messages: `flite`, `decoder`. */
  name: string
  spawn: () => JobWorker
  /** Jobs that the worker has at one time; it does them one after another. @default no bound */
  maxPending?: number
  /** Jobs that may wait here. @default no bound */
  maxQueued?: number
  /** ms that one job may run. */
  timeoutMs: number
  /** ms without a job after which the worker is ended; the next job starts one. @default never */
  idleMs?: number
  /** Jobs after which the worker is replaced, between two of them: for native code whose memory grows. @default never */
  jobsPerWorker?: number
  /** A worker died that we did not end, or could not be started again. */
  onCrash?: (cause: Error) => void
  /** What callers are given for a `JobError`. @default the error itself */
  toError?: (error: JobError) => Error
}

interface Pending {
  job: unknown
  transfer: Transferable[]
  resolve: (result: unknown) => void
  reject: (reason: unknown) => void
  cleanUp: () => void
}

/** ms before the first and the longest wait before a worker that is kept running is started again. */
const RESTART_MS = 50
const MAX_RESTART_MS = 5_000
/** ms that closing waits for the job under way. */
const CLOSE_MS = 3_000

export class WorkerClient<Job, Result> {
  readonly #options: WorkerClientOptions
  /** From `start`: a worker runs before there is a job, and is started again at once when it dies. */
  #keepsRunning = false
  #worker: JobWorker | undefined
  /** One that `start` waits for. */
  #starting: { worker: JobWorker; resolve: () => void; reject: (cause: Error) => void } | undefined
  /** What the worker has, oldest first. */
  readonly #inFlight = new Map<number, Pending>()
  #queue: Pending[] = []
  #nextId = 1
  #jobsDone = 0
  #closed = false
  /** Of the job that runs: the oldest in flight. */
  #timeout: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined
  #restart: NodeJS.Timeout | undefined
  #restartMs = RESTART_MS

  /** Starts a worker with the first job, and after a crash with the next one. */
  constructor(options: WorkerClientOptions) {
    this.#options = options
  }

  /** A client whose worker always runs. Resolves when it is set up. @throws Error with the worker's own message when it cannot be */
  static async start<Job, Result>(options: WorkerClientOptions): Promise<WorkerClient<Job, Result>> {
    const client = new WorkerClient<Job, Result>(options)
    client.#keepsRunning = true
    try {
      await client.#launch()
    } catch (thrown) {
      await client.close()
      throw thrown
    }
    return client
  }

  /** Jobs without an answer. */
  get pending(): number {
    return this.#inFlight.size + this.#queue.length
  }

  /**
   * The job's result. An aborted job that still waits is never run; of one that runs the result is thrown away.
   *
   * @param transfer buffers of the job that this side gives up
   * @throws JobError, or what `toError` makes of it; the signal's reason when aborted
   */
  run(job: Job, { signal, transfer = [] }: { signal?: AbortSignal; transfer?: Transferable[] } = {}): Promise<Result> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed) return Promise.reject(this.#error('closed', 'closed'))
    if (this.#keepsRunning && !this.#worker) return Promise.reject(this.#error('crashed', 'is being started again'))
    if (this.#queue.length >= (this.#options.maxQueued ?? Number.POSITIVE_INFINITY)) {
      return Promise.reject(this.#error('busy', `${this.#queue.length} jobs are waiting`))
    }
    return new Promise((resolve, reject) => {
      const pending: Pending = { job, transfer, resolve: resolve as (result: unknown) => void, reject, cleanUp: () => {} }
      if (signal) {
        const onAbort = (): void => {
          this.#queue = this.#queue.filter((waiting) => waiting !== pending)
          reject(signal.reason)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        pending.cleanUp = () => signal.removeEventListener('abort', onAbort)
      }
      this.#queue.push(pending)
      this.#next()
    })
  }

  /** Rejects what has no answer, and ends the worker after the job under way. Closing twice is fine. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idle)
    clearTimeout(this.#restart)
    const workers = [this.#worker, this.#starting?.worker]
    this.#starting?.reject(new Error('closed while starting'))
    this.#starting = undefined
    this.#worker = undefined
    this.#rejectInFlight('closed', 'closed')
    for (const pending of this.#queue.splice(0)) settle(pending, () => pending.reject(this.#error('closed', 'closed')))
    const graceMs = Math.min(CLOSE_MS, this.#options.timeoutMs)
    await Promise.all(workers.map((worker) => worker?.close(graceMs)))
  }

  // --- jobs ---------------------------------------------------------------------------------------------------------

  #next(): void {
    clearTimeout(this.#idle)
    while (!this.#closed && this.#inFlight.size < (this.#options.maxPending ?? Number.POSITIVE_INFINITY)) {
      const pending = this.#queue.shift()
      if (!pending) break
      this.#post(pending)
    }
    if (this.#inFlight.size === 0) this.#rest()
  }

  #post(pending: Pending): void {
    const worker = this.#worker ?? this.#spawn()
    this.#worker = worker
    const id = this.#nextId++
    worker.setBusy(true)
    try {
      worker.post({ id, job: pending.job }, pending.transfer)
    } catch (thrown) {
      if (this.#inFlight.size === 0) worker.setBusy(false)
      settle(pending, () => pending.reject(thrown))
      return
    }
    this.#inFlight.set(id, pending)
    if (this.#inFlight.size === 1) this.#watch(worker)
  }

  /** Times the job that runs now. */
  #watch(worker: JobWorker): void {
    clearTimeout(this.#timeout)
    if (this.#inFlight.size === 0) return
    const { timeoutMs } = this.#options
    this.#timeout = setTimeout(() => this.#drop(worker, 'timeout', new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
  }

  #answered(worker: JobWorker, reply: { id: number; result: unknown } | { id: number; error: string }): void {
    const pending = this.#inFlight.get(reply.id)
    if (this.#worker !== worker || !pending) return
    this.#inFlight.delete(reply.id)
    this.#watch(worker)
    if (this.#inFlight.size === 0) worker.setBusy(false)
    settle(pending, () => {
      if ('error' in reply) pending.reject(this.#error('failed', reply.error))
      else pending.resolve(reply.result)
    })
    this.#jobsDone += 1
    if (this.#jobsDone >= (this.#options.jobsPerWorker ?? Number.POSITIVE_INFINITY) && this.#inFlight.size === 0) this.#retire(worker)
    this.#next()
  }

  // --- the worker ---------------------------------------------------------------------------------------------------

  #spawn(): JobWorker {
    const worker = this.#options.spawn()
    this.#jobsDone = 0
    worker.onReply((reply: JobReply) => {
      if ('ready' in reply) this.#ready(worker)
      else if ('fatal' in reply) this.#drop(worker, 'failed', new Error(reply.fatal))
      else this.#answered(worker, reply)
    })
    worker.onGone((cause) => this.#drop(worker, 'crashed', cause))
    return worker
  }

  #launch(): Promise<void> {
    const worker = this.#spawn()
    worker.setBusy(true)
    return new Promise((resolve, reject) => {
      this.#starting = { worker, resolve, reject }
    })
  }

  #ready(worker: JobWorker): void {
    const starting = this.#starting
    if (starting?.worker !== worker) return
    this.#starting = undefined
    this.#worker = worker
    this.#restartMs = RESTART_MS
    worker.setBusy(false)
    starting.resolve()
    this.#next()
  }

  /** Gives up a worker: the jobs that it had fail. */
  #drop(worker: JobWorker, kind: 'failed' | 'crashed' | 'timeout', cause: Error): void {
    const starting = this.#starting
    if (starting?.worker === worker) {
      this.#starting = undefined
      worker.kill().catch(() => {})
      starting.reject(cause)
      return
    }
    if (this.#worker !== worker) return
    this.#worker = undefined
    // a worker whose set-up fails has not crashed: its callers get the reason
    if (kind !== 'failed') this.#options.onCrash?.(cause)
    // a worker that is gone has nothing to kill, and one that cannot be killed is no longer ours to use either way
    worker.kill().catch(() => {})
    this.#rejectInFlight(kind, cause.message, cause)
    if (this.#keepsRunning) this.#scheduleRestart()
    else this.#next()
  }

  #scheduleRestart(): void {
    if (this.#closed) return
    this.#restart = setTimeout(() => {
      this.#launch().catch((cause: Error) => {
        if (this.#closed) return
        this.#options.onCrash?.(cause)
        this.#scheduleRestart()
      })
    }, this.#restartMs)
    this.#restart.unref()
    this.#restartMs = Math.min(MAX_RESTART_MS, this.#restartMs * 2)
  }

  /** Ends a worker that has had nothing to do for long. */
  #rest(): void {
    const { idleMs } = this.#options
    const worker = this.#worker
    if (idleMs === undefined || !worker) return
    this.#idle = setTimeout(() => {
      if (this.#worker === worker && this.#inFlight.size === 0) this.#retire(worker)
    }, idleMs)
    this.#idle.unref()
  }

  #retire(worker: JobWorker): void {
    this.#worker = undefined
    // no job waits for it
    worker.close(CLOSE_MS).catch(() => {})
  }

  #rejectInFlight(kind: JobErrorKind, why: string, cause?: Error): void {
    clearTimeout(this.#timeout)
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    for (const pending of lost) settle(pending, () => pending.reject(this.#error(kind, why, cause)))
  }

  #error(kind: JobErrorKind, why: string, cause?: Error): Error {
    const { name, toError = (error) => error } = this.#options
    // the job's own message is not prefixed
    return toError(new JobError(kind, kind === 'failed' ? why : `${name}: ${why}`, cause ? { cause } : undefined))
  }
}

function settle(pending: Pending, settling: () => void): void {
  pending.cleanUp()
  settling()
}
