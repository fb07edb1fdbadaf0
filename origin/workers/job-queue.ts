/**
 * Work that runs beside the event loop, in a worker thread or in a process of its own: one job at a time, in order,
 * with a bounded queue. A worker that dies or hangs fails the job that it had, and the next job starts a new one.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** What went wrong: `busy` the queue is full, `failed` the job threw, `crashed` or `timeout` the worker is gone, `closed` by us. */
export type JobErrorKind = 'busy' | 'failed' | 'crashed' | 'timeout' | 'closed'

export class JobError extends Error {
  override readonly name = 'JobError'
  readonly kind: JobErrorKind
  constructor(kind: JobErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** What goes to a worker and what comes back. */
export interface JobMessage {
  id: number
  job: unknown
}
export type JobReply = { id: number; result: unknown } | { id: number; error: string }

/** A worker, whatever carries it. Unreferenced while it has nothing to do, so that it keeps no process alive. */
export interface JobWorker {
  post(message: JobMessage, transfer: ArrayBuffer[]): void
  onReply(listener: (reply: JobReply) => void): void
  /** Called once, when the worker is gone for whatever reason. */
  onGone(listener: (why: string) => void): void
  setBusy(busy: boolean): void
  kill(): Promise<void>
}

/**
 * A worker thread.
 *
 * @param entry module that answers `JobMessage`s on its parent port
 * @param data what it finds in `workerData`
 */
export function threadWorker(entry: URL, name: string, data?: unknown): JobWorker {
  const worker = new Worker(entry, { name, workerData: data, execArgv: [] })
  let why = ''
  worker.on('error', (error) => {
    why = error.message
  })
  worker.unref()
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onReply: (listener) => worker.on('message', listener),
    onGone: (listener) => worker.once('exit', (code) => listener(why || `exit code ${code}`)),
    setBusy: (busy) => (busy ? worker.ref() : worker.unref()),
    kill: async () => {
      worker.ref()
      await worker.terminate()
    },
  }
}

/** A process of its own, without our environment: for native code that reads bytes of strangers. */
export function processWorker(entry: URL): JobWorker {
  const child = fork(entry, { execArgv: [], env: {}, serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  let gone = (_why: string) => {}
  child.on('error', (error) => gone(error.message))
  child.on('exit', (code, signal) => gone(signal ?? `exit code ${code}`))
  const setBusy = (busy: boolean) => {
    if (busy) {
      child.ref()
      child.channel?.ref()
    } else {
      child.unref()
      child.channel?.unref()
    }
  }
  setBusy(false)
  return {
    post: (message) => {
      // A failed send is followed by `exit`, which is where it is handled.
      child.send(message, () => {})
    },
    onReply: (listener) => child.on('message', (reply) => listener(reply as JobReply)),
    onGone: (listener) => {
      gone = (why) => {
        gone = () => {}
        listener(why)
      }
    },
    setBusy,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      // Unreferenced, it would let the event loop end before it does.
      child.ref()
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

interface Pending {
  job: unknown
  transfer: ArrayBuffer[]
  resolve: (result: unknown) => void
  reject: (reason: unknown) => void
  cleanUp: () => void
}

export interface JobQueueOptions {
  /** For messages: `speech`, `decoder`. */
  name: string
  spawn: () => JobWorker
  /** Jobs that may wait behind the running one. */
  maxQueued: number
  /** ms that one job may run. */
  timeoutMs: number
  /** ms without a job after which the worker is ended. @default never */
  idleMs?: number
  /** Jobs after which a worker is replaced: for native code whose memory grows. @default never */
  jobsPerWorker?: number
  /** Called when a worker dies that we did not end. */
  onCrash?: (why: string) => void
}

/** Hands jobs to one worker. */
export class JobQueue<Job, Result> {
  readonly #options: JobQueueOptions
  #worker: JobWorker | undefined
  #running: { id: number; pending: Pending; timer: NodeJS.Timeout } | undefined
  #queue: Pending[] = []
  #nextId = 1
  #closed = false
  #idleTimer: NodeJS.Timeout | undefined
  #jobsDone = 0

  constructor(options: JobQueueOptions) {
    this.#options = options
  }

  /**
   * The job's result. An aborted job that still waits is never run; of one that runs the result is thrown away.
   *
   * @param transfer buffers of the job that this side gives up
   * @throws JobError; the signal's reason when aborted
   */
  run(job: Job, { signal, transfer = [] }: { signal?: AbortSignal; transfer?: ArrayBuffer[] } = {}): Promise<Result> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed) return Promise.reject(new JobError('closed', `${this.#options.name}: closed`))
    if (this.#queue.length >= this.#options.maxQueued) {
      return Promise.reject(new JobError('busy', `${this.#options.name}: ${this.#queue.length} jobs are waiting`))
    }
    return new Promise((resolve, reject) => {
      const pending: Pending = { job, transfer, resolve: resolve as (result: unknown) => void, reject, cleanUp: () => {} }
      if (signal) {
        const onAbort = () => {
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

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idleTimer)
    const worker = this.#worker
    this.#worker = undefined
    this.#settleRunning((pending) => pending.reject(new JobError('closed', `${this.#options.name}: closed`)))
    for (const pending of this.#queue.splice(0)) {
      pending.cleanUp()
      pending.reject(new JobError('closed', `${this.#options.name}: closed`))
    }
    await worker?.kill()
  }

  #next(): void {
    if (this.#running || this.#closed) return
    clearTimeout(this.#idleTimer)
    const pending = this.#queue.shift()
    if (!pending) {
      this.#rest()
      return
    }
    const worker = this.#ensureWorker()
    const id = this.#nextId++
    const timer = setTimeout(() => this.#drop(worker, 'timeout', `no answer in ${this.#options.timeoutMs} ms`), this.#options.timeoutMs)
    this.#running = { id, pending, timer }
    worker.setBusy(true)
    try {
      worker.post({ id, job: pending.job }, pending.transfer)
    } catch (thrown) {
      this.#settleRunning(() => pending.reject(thrown))
      worker.setBusy(false)
      this.#next()
    }
  }

  /** Ends a worker that has had nothing to do for long. */
  #rest(): void {
    const worker = this.#worker
    if (this.#options.idleMs === undefined || worker === undefined) return
    this.#idleTimer = setTimeout(() => {
      if (this.#worker === worker && !this.#running) this.#retire(worker)
    }, this.#options.idleMs).unref()
  }

  #retire(worker: JobWorker): void {
    this.#worker = undefined
    // Nobody waits for it any more.
    worker.kill().catch(() => {})
  }

  #ensureWorker(): JobWorker {
    if (this.#worker) return this.#worker
    const worker = this.#options.spawn()
    this.#worker = worker
    this.#jobsDone = 0
    worker.onReply((reply) => {
      if (this.#worker !== worker || this.#running?.id !== reply.id) return
      worker.setBusy(false)
      this.#settleRunning((pending) => {
        if ('error' in reply) pending.reject(new JobError('failed', reply.error))
        else pending.resolve(reply.result)
      })
      if (++this.#jobsDone === this.#options.jobsPerWorker) this.#retire(worker)
      this.#next()
    })
    worker.onGone((why) => this.#drop(worker, 'crashed', why))
    return worker
  }

  /** Gives up a worker; the job that it had fails and the next one gets a new worker. */
  #drop(worker: JobWorker, kind: JobErrorKind, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#options.onCrash?.(why)
    // A worker that is gone has nothing to kill, and one that cannot be killed is no longer ours to use either way.
    worker.kill().catch(() => {})
    this.#settleRunning((pending) => pending.reject(new JobError(kind, `${this.#options.name}: ${why}`)))
    this.#next()
  }

  #settleRunning(settle: (pending: Pending) => void): void {
    const running = this.#running
    if (!running) return
    this.#running = undefined
    clearTimeout(running.timer)
    running.pending.cleanUp()
    settle(running.pending)
  }
}
