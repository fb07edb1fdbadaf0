/** A worker for tests of `WorkerHost`: it answers, throws, dies or hangs as its job says. */
import { serveJobs } from '../../../origin/workers/worker-host.ts'

export type CrashingJob = { say: string } | { throw: string } | { die: true } | { hang: true }

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
    for (;;);
  }
})
