/** A worker that does jobs, whatever carries it: a thread of this process, or a process of its own. `serveJobs` is its other side. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type Transferable, Worker } from 'node:worker_threads'

/** To a worker. `close`: a thread is to end itself after the job under way. */
export type JobMessage = { id: number; job: unknown } | { close: true }
/** From a worker. `ready`: it is set up; `fatal`: it cannot be. */
export type JobReply = { id: number; result: unknown } | { id: number; error: string } | { ready: true } | { fatal: string }

/** What a thread finds in `workerData`. */
export interface ThreadData {
  /** The first element turns 1 when no other job is to begin. */
  closing: Int32Array
  data: unknown
}

/** Unreferenced while it has nothing to do, so that it keeps no process alive. */
export interface JobWorker {
  post(message: { id: number; job: unknown }, transfer: Transferable[]): void
  onReply(listener: (reply: JobReply) => void): void
  /** Called once, when the worker is gone for whatever reason. */
  onGone(listener: (cause: Error) => void): void
  setBusy(busy: boolean): void
  /** Ends it after the job under way, or after `graceMs`. */
  close(graceMs: number): Promise<void>
  /** Ends it at once. A thread inside a native call may abort the whole process by it: `close` is the ordinary way. */
  kill(): Promise<void>
}

/**
 * A worker thread.
 *
 * @param entry module that calls `serveJobs`
 * @param data given to its `setUp`
 */
export function threadWorker(entry: URL, name: string, data?: unknown): JobWorker {
  const closing = new Int32Array(new SharedArrayBuffer(4))
  const given: ThreadData = { closing, data }
  const worker = new Worker(entry, { name, workerData: given, execArgv: [] })
  let cause: Error | undefined
  let exited = false
  worker.on('error', (error) => {
    cause = error instanceof Error ? error : new Error(String(error))
  })
  worker.on('exit', () => {
    exited = true
  })
  worker.unref()
  const kill = async (): Promise<void> => {
    worker.ref()
    await worker.terminate()
  }
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onReply: (listener) => worker.on('message', listener),
    onGone: (listener) => worker.once('exit', (code) => listener(cause ?? new Error(`exit code ${code}`))),
    setBusy: (busy) => (busy ? worker.ref() : worker.unref()),
    close: async (graceMs) => {
      if (exited) return
      worker.ref()
      const ended = once(worker, 'exit')
      Atomics.store(closing, 0, 1)
      worker.postMessage({ close: true } satisfies JobMessage)
      const overdue = setTimeout(() => void kill(), graceMs)
      await ended
      clearTimeout(overdue)
    },
    kill,
  }
}

/** A process of its own, without our environment: for native code that reads bytes of strangers. @param env all that it gets of one */
export function processWorker(entry: URL, env: Record<string, string> = {}): JobWorker {
  const child = fork(entry, { execArgv: [], env, serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  let gone = (_cause: Error) => {}
  child.on('error', (error) => gone(error))
  child.on('exit', (code, signal) => gone(new Error(signal ?? `exit code ${code}`)))
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
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    // unreferenced, it would let the event loop end before it does
    child.ref()
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    post: (message) => {
      // a failed send is followed by `exit`, which is where it is handled
      child.send(message, () => {})
    },
    onReply: (listener) => child.on('message', (reply) => listener(reply as JobReply)),
    onGone: (listener) => {
      gone = (cause) => {
        gone = () => {}
        listener(cause)
      }
    },
    setBusy,
    // nothing of ours is lost with it
    close: kill,
    kill,
  }
}
