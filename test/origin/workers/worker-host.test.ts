import { afterEach, describe, expect, it } from 'vitest'
import { WorkerHost } from '../../../origin/workers/worker-host.ts'
import { AvatarError } from '../../../shared/errors.ts'
import type { CrashingJob } from '../../support/fakes/crashing-worker.ts'
import { until } from '../../support/until.ts'

const url = new URL('../../support/fakes/crashing-worker.ts', import.meta.url)
const hosts: WorkerHost<CrashingJob, string>[] = []
async function start(options: { jobTimeoutMs?: number; data?: unknown; onCrash?: (error: Error) => void } = {}) {
  const host = await WorkerHost.start<CrashingJob, string>({ url, name: 'test', ...options })
  hosts.push(host)
  return host
}
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

/** Asks until the worker is back: what is asked while there is none fails. */
async function untilAnswered(host: WorkerHost<CrashingJob, string>): Promise<string> {
  return await until('the worker to be started again', () => host.request({ say: 'back' }).catch(() => undefined))
}

describe('WorkerHost', () => {
  it('answers jobs in order and hands on what a job throws', async () => {
    const host = await start()
    const failing = host.request({ throw: 'no such thing' })
    const working = host.request({ say: 'yes' })
    await expect(failing).rejects.toThrow('no such thing')
    await expect(working).resolves.toBe('yes')
  })

  it('rejects what was under way when the worker dies, says so, and starts it again', async () => {
    const crashes: string[] = []
    const host = await start({ onCrash: (error) => crashes.push(error.message) })
    const lost = [host.request({ die: true }), host.request({ say: 'behind it' })]
    for (const failure of await Promise.all(lost.map((promise) => promise.catch((error: unknown) => error)))) {
      expect(failure).toBeInstanceOf(AvatarError)
      expect(failure).toMatchObject({ code: 'INTERNAL_ERROR' })
    }
    expect(crashes).toEqual(['died of it'])
    await expect(untilAnswered(host)).resolves.toBe('back')
  })

  it('ends a worker that hangs and starts it again', async () => {
    const host = await start({ jobTimeoutMs: 100 })
    await expect(host.request({ hang: true })).rejects.toMatchObject({ code: 'INTERNAL_ERROR' })
    await expect(untilAnswered(host)).resolves.toBe('back')
  })

  it('rejects what is under way when closed, and everything after', async () => {
    const host = await start({ jobTimeoutMs: 200 })
    const hanging = host.request({ hang: true })
    const closed = host.close()
    await expect(hanging).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    await closed
    await expect(host.request({ say: 'anyone?' })).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    await host.close()
  })

  it("fails to start with the worker's own words", async () => {
    await expect(start({ data: { refuse: 'mouth.onnx is broken' } })).rejects.toThrow('mouth.onnx is broken')
  })
})
