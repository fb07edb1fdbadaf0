/** The worker's side of a `WorkerClient`, in a thread or in a process: sets up, reports `ready`, then does jobs one after another. */
import process from 'node:process'
import { parentPort, type Transferable, workerData } from 'node:worker_threads'
import { IdleCollector } from './idle-memory.ts'
import type { JobMessage, JobReply, ThreadData } from './job-worker.ts'

export interface JobAnswer<Result> {
  result: Result
  /** Buffers of the result to move instead of copying; a process copies all. */
  transfer?: Transferable[]
  /** Called once the answer has left: for work that need not delay it. */
  afterwards?: () => void
}

/** Does one job. What it throws rejects that job alone. */
export type JobHandler<Job, Result> = (job: Job) => JobAnswer<Result> | Promise<JobAnswer<Result>>

interface Port {
  data: unknown
  /** No other job is to begin. */
  isClosing: () => boolean
  post: (reply: JobReply, transfer?: Transferable[]) => void
  onMessage: (listener: (message: JobMessage) => void) => void
}

/** @param setUp makes the handler; what it throws fails the worker, with its message */
export async function serveJobs<Job, Result>(
  setUp: (data: unknown) => JobHandler<Job, Result> | Promise<JobHandler<Job, Result>>,
): Promise<void> {
  const { data, isClosing, post, onMessage } = openPort()
  let handle: JobHandler<Job, Result>
  try {
    handle = await setUp(data)
  } catch (thrown) {
    post({ fatal: messageOf(thrown) })
    return
  }
  const idle = new IdleCollector()
  idle.touch()
  let last: Promise<void> = Promise.resolve()
  onMessage((message) => {
    last = last.then(async () => {
      if ('close' in message) process.exit()
      if (isClosing()) return
      const { id, job } = message
      try {
        const { result, transfer, afterwards } = await handle(job as Job)
        post({ id, result }, transfer)
        afterwards?.()
      } catch (thrown) {
        post({ id, error: messageOf(thrown) })
      }
      idle.touch()
    })
  })
  post({ ready: true })
}

function openPort(): Port {
  const port = parentPort
  if (port) {
    const { closing, data } = workerData as ThreadData
    return {
      data,
      isClosing: () => Atomics.load(closing, 0) === 1,
      post: (reply, transfer = []) => port.postMessage(reply, transfer),
      onMessage: (listener) => port.on('message', listener),
    }
  }
  if (!process.send) throw new Error('this module runs in a worker thread or a child process only')
  process.on('disconnect', () => process.exit())
  return {
    data: undefined,
    isClosing: () => false,
    post: (reply) => void process.send?.(reply),
    onMessage: (listener) => void process.on('message', listener),
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
