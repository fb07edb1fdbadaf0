/** Threads of the renderer: how they are started, and the errors that callers get when one fails. */
import { AvatarError } from '../../shared/errors.ts'
import { threadWorker } from '../workers/job-worker.ts'
import { type JobError, WorkerClient } from '../workers/worker-client.ts'

/** ms that one job may take; a thread that exceeds it is ended and started again. */
const JOB_TIMEOUT_MS = 10_000

export interface RenderWorkerOptions {
  /** Module of the thread. */
  entry: URL
  name: string
  /** Given to the `setUp` of every thread started for it. */
  data?: unknown
  timeoutMs?: number
  /** The thread died, or could not be started again; it is being restarted. */
  onCrash?: (cause: Error) => void
}

/** Resolves when the thread is set up. @throws Error with the thread's own message when it cannot be */
export function startRenderWorker<Job, Result>({
  entry,
  name,
  data,
  timeoutMs = JOB_TIMEOUT_MS,
  onCrash = () => {},
}: RenderWorkerOptions): Promise<WorkerClient<Job, Result>> {
  return WorkerClient.start<Job, Result>({ name, spawn: () => threadWorker(entry, name, data), timeoutMs, onCrash, toError: renderError })
}

function renderError(error: JobError): Error {
  switch (error.kind) {
    case 'failed':
      return error
    case 'closed':
      return new AvatarError('ORIGIN_UNAVAILABLE', 'The renderer is shutting down; try another origin.')
    default:
      return new AvatarError('INTERNAL_ERROR', 'This frame could not be made; the renderer is restarting.', {}, { cause: error })
  }
}
