/** A worker that has had nothing to do for a while gives memory back, between two jobs and never beside one. */
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type JobHandler, serveJobs } from '../../../origin/workers/serve-jobs.ts'

const port = vi.hoisted(() => ({ current: undefined as unknown as EventEmitter & { postMessage: (message: unknown) => void } }))
vi.mock('node:worker_threads', () => ({
  isMainThread: false,
  get parentPort() {
    return port.current
  },
  workerData: { closing: new Int32Array(1), data: undefined },
}))

let done: string[]
beforeEach(() => {
  vi.useFakeTimers()
  done = []
  port.current = Object.assign(new EventEmitter(), { postMessage: (message: unknown) => void done.push(JSON.stringify(message)) })
})
afterEach(() => void vi.useRealTimers())

it('rests once after its jobs, and a job that comes meanwhile waits', async () => {
  const rest = Promise.withResolvers<void>()
  const handler: JobHandler<number, number> = (job) => ({ result: 2 * job })
  handler.onIdle = () => {
    done.push('rests')
    return rest.promise
  }
  await serveJobs(() => handler)
  port.current.emit('message', { id: 1, job: 1 })
  await vi.advanceTimersByTimeAsync(15_000)
  port.current.emit('message', { id: 2, job: 2 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(done).toEqual(['{"ready":true}', '{"id":1,"result":2}', 'rests'])
  rest.resolve()
  await vi.advanceTimersByTimeAsync(1)
  expect(done.at(-1)).toBe('{"id":2,"result":4}')
  await vi.advanceTimersByTimeAsync(14_000)
  expect(done.filter((what) => what === 'rests')).toHaveLength(1)
})
