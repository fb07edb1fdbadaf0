/** A worker for tests of `WorkerClient`: it answers, throws, dies, hangs or blocks as its job says. */
import { serveJobs } from '../../../origin/workers/serve-jobs.ts'

export type CrashingJob = { say: string } | { throw: string } | { die: true } | { hang: true } | { block: Int32Array; at: number }

await serveJobs<CrashingJob, string>(async (data) => {
  const { refuse } = (data ?? {}) as { refuse?: string }
  if (refuse !== undefined) throw new Error(refuse)
  return (job) => {
    if ('say' in job) return { result: job.say }
    if ('throw' in job) throw new Error(job.throw)
    if ('die' in job) {
      setImmediate(() => {
        throw new Error('died of it')
      })
      return new Promise(() => {})
    }
    if ('block' in job) {
      // marks its beginning, waits for the test, marks its end
      Atomics.store(job.block, job.at, 1)
      Atomics.wait(job.block, 2, 0)
      Atomics.store(job.block, job.at, 2)
      return { result: 'done' }
    }
    for (;;);
  }
})
