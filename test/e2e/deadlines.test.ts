/** The ends of sessions that nobody stops, with short deadlines. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiClient, startApi } from '../support/clients/api-client.ts'
import type { RunningSystem } from '../support/servers/running-system.ts'

let system: RunningSystem
let api: ApiClient

beforeAll(async () => {
  const limits = { JOIN_TIMEOUT_S: '2', IDLE_TIMEOUT_S: '11', MAX_DURATION_S: '13', RESUME_WINDOW_S: '2' }
  ;({ system, api } = await startApi(limits))
})
afterAll(async () => system?.stop())

describe.concurrent('a session', () => {
  it('that nobody joins ends', async () => {
    const { sessionId } = await api.newSession()
    expect(await api.sessionIds()).toContain(sessionId)
    await expect.poll(() => api.sessionIds(), { message: 'the session to end' }).not.toContain(sessionId)
  })

  it('that its client leaves ends when the time to come back is over', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    socket.close()
    await expect.poll(() => api.sessionIds(), { message: 'the session to end' }).not.toContain(sessionId)
    await expect(api.open(sessionId)).rejects.toThrow('no socket')
  })

  it('that idles is told 10 s before, and ends', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    const warning = await socket.next('session_expiring')
    expect(warning).toMatchObject({ reason: 'idle_timeout', in_s: 10 })
    const ended = await socket.next('session_ended')
    expect(ended).toMatchObject({ reason: 'idle_timeout', duration: expect.any(Number) })
    // to the second, with a clock that is moved: test/worker/deadlines.test.ts
    expect(Number(ended.duration)).toBeGreaterThanOrEqual(11)
    expect(socket.events.indexOf(ended)).toBeGreaterThan(socket.events.indexOf(warning))
    expect(await api.sessionIds()).not.toContain(sessionId)
  })

  it('finishes the sentence it is at when its time is over', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    await socket.next('session_expiring', { where: (event) => event.reason === 'max_duration' })
    // ten seconds before its end
    const text =
      'And now I begin a sentence of many words, which takes me well past the end of the time that this session had from the beginning on.'
    const last = await api.speak(sessionId, `${text} ${text}`)
    const finished = await socket.next('speech_finished', { where: (event) => event.task_id === last.task_id })
    expect(finished.reason).toBe('completed')
    expect(Number(finished.played_ms)).toBeGreaterThan(10_000)
    const ended = await socket.next('session_ended')
    expect(ended.reason).toBe('max_duration')
    expect(Number(ended.duration)).toBeGreaterThan(13)
    expect(socket.events.indexOf(ended)).toBeGreaterThan(socket.events.indexOf(finished))
  })
})
