import { describe, expect, it } from 'vitest'
import type { JobReply, JobWorker } from '../../../origin/workers/job-worker.ts'
import { JobError, WorkerClient } from '../../../origin/workers/worker-client.ts'

/** A worker under the test's hand. */
class HandWorker implements JobWorker {
  readonly jobs: { id: number; job: unknown }[] = []
  closed = false
  killed = false
  busy = false
  #reply = (_reply: JobReply) => {}
  #gone = (_cause: Error) => {}

  post(message: { id: number; job: unknown }): void {
    this.jobs.push(message)
  }
  onReply(listener: (reply: JobReply) => void): void {
    this.#reply = listener
  }
  onGone(listener: (cause: Error) => void): void {
    this.#gone = listener
  }
  setBusy(busy: boolean): void {
    this.busy = busy
  }
  async close(): Promise<void> {
    this.closed = true
  }
  async kill(): Promise<void> {
    this.killed = true
  }
  answer(result: unknown): void {
    this.#reply({ id: this.jobs.at(-1)?.id ?? 0, result })
  }
  fail(error: string): void {
    this.#reply({ id: this.jobs.at(-1)?.id ?? 0, error })
  }
  die(why: string): void {
    this.#gone(new Error(why))
  }
}
function setUp({
  maxQueued = 2,
  timeoutMs = 10_000,
  ...rest
}: {
  maxQueued?: number
  timeoutMs?: number
  idleMs?: number
  jobsPerWorker?: number
} = {}) {
  const workers: HandWorker[] = []
  const crashes: string[] = []
  const queue = new WorkerClient<string, string>({
    name: 'test',
    maxPending: 1,
    maxQueued,
    timeoutMs,
    ...rest,
    spawn: () => {
      const worker = new HandWorker()
      workers.push(worker)
      return worker
    },
    onCrash: ({ message }) => crashes.push(message),
  })
  const worker = (index = 0) => {
    const found = workers[index]
    if (!found) throw new Error(`worker ${index} was not started`)
    return found
  }
  return { queue, workers, worker, crashes }
}
const kindOf = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (thrown: unknown) => (thrown instanceof JobError ? thrown.kind : String(thrown)),
  )

describe('a worker with one job at a time', () => {
  it('runs one job at a time, in order, and is busy only then', async () => {
    const { queue, worker } = setUp()
    const [a, b] = [queue.run('a'), queue.run('b')]
    expect(worker().jobs.map(({ job }) => job)).toEqual(['a'])
    expect(worker().busy).toBe(true)
    worker().answer('A')
    expect(await a).toBe('A')
    expect(worker().jobs.map(({ job }) => job)).toEqual(['a', 'b'])
    worker().answer('B')
    expect(await b).toBe('B')
    expect(worker().busy).toBe(false)
  })

  it('passes on what the job threw and goes on', async () => {
    const { queue, worker } = setUp()
    const bad = queue.run('bad')
    worker().fail('no such thing')
    await expect(bad).rejects.toThrow('no such thing')
    const good = queue.run('good')
    worker().answer('fine')
    expect(await good).toBe('fine')
  })

  it('refuses what does not fit its queue', async () => {
    const { queue } = setUp({ maxQueued: 2 })
    const kept = [queue.run('1'), queue.run('2'), queue.run('3')].map(kindOf)
    expect(await kindOf(queue.run('4'))).toBe('busy')
    await queue.close()
    expect(await Promise.all(kept)).toEqual(['closed', 'closed', 'closed'])
  })

  it('starts a new worker after one died, for the jobs that waited', async () => {
    const { queue, worker, workers, crashes } = setUp()
    const lost = kindOf(queue.run('lost'))
    const waiting = queue.run('waiting')
    worker().die('SIGSEGV')
    expect(await lost).toBe('crashed')
    worker(1).answer('done')
    expect(await waiting).toBe('done')
    expect(crashes).toEqual(['SIGSEGV'])
    expect(workers).toHaveLength(2)
  })

  it('kills a worker that hangs', async () => {
    const { queue, worker } = setUp({ timeoutMs: 5 })
    expect(await kindOf(queue.run('forever'))).toBe('timeout')
    expect(worker().killed).toBe(true)
  })

  it('throws away the late answer of a worker that it gave up', async () => {
    const { queue, worker } = setUp({ timeoutMs: 5 })
    expect(await kindOf(queue.run('slow'))).toBe('timeout')
    const next = queue.run('next')
    worker(0).answer('late')
    worker(1).answer('right')
    expect(await next).toBe('right')
  })

  it('ends a worker that had nothing to do for long', async () => {
    const { queue, worker, workers } = setUp({ idleMs: 5 })
    const first = queue.run('first')
    worker().answer('1')
    await first
    await expect.poll(() => worker().closed, { message: 'the idle worker was not ended' }).toBe(true)
    const second = queue.run('second')
    worker(1).answer('2')
    expect(await second).toBe('2')
    expect(workers).toHaveLength(2)
  })

  it('replaces a worker after so many jobs, between two of them', async () => {
    const { queue, worker, workers, crashes } = setUp({ jobsPerWorker: 2 })
    const all = [queue.run('1'), queue.run('2'), queue.run('3')]
    worker(0).answer('a')
    worker(0).answer('b')
    worker(1).answer('c')
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c'])
    expect(worker(0).closed).toBe(true)
    expect(workers).toHaveLength(2)
    expect(crashes).toEqual([])
  })

  it('does nothing for a signal that was aborted before', async () => {
    const { queue, workers } = setUp()
    await expect(queue.run('never', { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
    expect(workers).toHaveLength(0)
  })
})
