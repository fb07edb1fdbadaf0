import { afterEach, describe, expect, it } from 'vitest'
import { threadWorker } from '../../../origin/workers/job-worker.ts'
import { JobError, WorkerClient } from '../../../origin/workers/worker-client.ts'
import type { CrashingJob } from '../../support/fakes/crashing-worker.ts'

const entry = new URL('../../support/fakes/crashing-worker.ts', import.meta.url)
const clients: WorkerClient<CrashingJob, string>[] = []
async function start({ data, ...options }: { timeoutMs?: number; data?: unknown; onCrash?: (cause: Error) => void } = {}) {
  const spawn = () => threadWorker(entry, 'test', data)
  const client = await WorkerClient.start<CrashingJob, string>({ name: 'test', spawn, timeoutMs: 10_000, ...options })
  clients.push(client)
  return client
}
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
})

/** Asks until the worker is back. */
async function untilAnswered(client: WorkerClient<CrashingJob, string>): Promise<string> {
  const deadline = performance.now() + 5_000
  for (;;) {
    try {
      return await client.run({ say: 'back' })
    } catch (error) {
      if (performance.now() > deadline) throw new Error('waited 5 s for the worker to be started again', { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

describe('a worker thread that is kept running', () => {
  it('answers jobs in order and hands on what a job throws', async () => {
    const client = await start()
    const failing = client.run({ throw: 'no such thing' })
    const working = client.run({ say: 'yes' })
    await expect(failing).rejects.toThrow('no such thing')
    await expect(working).resolves.toBe('yes')
  })

  it('rejects what was under way when the worker dies, says so, and starts it again', async () => {
    const crashes: string[] = []
    const client = await start({ onCrash: ({ message }) => crashes.push(message) })
    const lost = [client.run({ die: true }), client.run({ say: 'behind it' })]
    for (const failure of await Promise.all(lost.map((promise) => promise.catch((error: unknown) => error)))) {
      expect(failure).toBeInstanceOf(JobError)
      expect(failure).toMatchObject({ kind: 'crashed', message: 'test: died of it' })
    }
    expect(crashes).toEqual(['died of it'])
    await expect(untilAnswered(client)).resolves.toBe('back')
  })

  it('ends a worker that hangs and starts it again', async () => {
    const client = await start({ timeoutMs: 100 })
    await expect(client.run({ hang: true })).rejects.toMatchObject({ kind: 'timeout' })
    await expect(untilAnswered(client)).resolves.toBe('back')
  })

  it('rejects what is under way when closed, and everything after', async () => {
    const client = await start({ timeoutMs: 200 })
    const hanging = client.run({ hang: true })
    const closed = client.close()
    await expect(hanging).rejects.toMatchObject({ kind: 'closed' })
    await closed
    await expect(client.run({ say: 'anyone?' })).rejects.toMatchObject({ kind: 'closed' })
    await client.close()
  })

  it("fails to start with the worker's own words", async () => {
    await expect(start({ data: { refuse: 'mouth.onnx is broken' } })).rejects.toThrow('mouth.onnx is broken')
  })

  it('is ended only after the job under way, and begins no other', async () => {
    const client = await start()
    const marks = new Int32Array(new SharedArrayBuffer(12))
    const [underWay, waiting] = [client.run({ block: marks, at: 0 }), client.run({ block: marks, at: 1 })]
    const lost = Promise.all([underWay, waiting].map((running) => expect(running).rejects.toMatchObject({ kind: 'closed' })))
    // the thread says that it has begun, and then blocks as in a native call
    await expect.poll(() => Atomics.load(marks, 0)).toBe(1)
    const closed = client.close()
    await lost
    Atomics.store(marks, 2, 1)
    Atomics.notify(marks, 2)
    await closed
    expect([...marks]).toEqual([2, 0, 1])
  })

  it('is given what its caller makes of an error', async () => {
    const spawn = () => threadWorker(entry, 'test')
    const toError = ({ kind, message }: JobError) => new Error(`${kind} of ${message}`)
    const client = await WorkerClient.start<CrashingJob, string>({ name: 'test', spawn, timeoutMs: 10_000, toError })
    clients.push(client)
    await expect(client.run({ throw: 'that' })).rejects.toThrow('failed of that')
    await client.close()
    await expect(client.run({ say: 'anyone?' })).rejects.toThrow('closed of test: closed')
  })
})
