/** The ends of sessions that nobody stops, with short deadlines. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ApiClient, startApi } from '../support/clients/api-client.ts'
import type { SocketClient } from '../support/clients/socket-client.ts'
import type { RunningSystem } from '../support/servers/running-system.ts'

let system: RunningSystem
let api: ApiClient

beforeAll(async () => {
  const limits = { JOIN_TIMEOUT_S: '2', IDLE_TIMEOUT_S: '11', MAX_DURATION_S: '13', RESUME_WINDOW_S: '2' }
  ;({ system, api } = await startApi(limits))
}, 90_000)
afterAll(async () => system?.stop())

function secondsSince(socket: SocketClient, atMs: number): number {
  return (atMs - socket.openedMs) / 1000
}

describe.concurrent('a session', { timeout: 40_000 }, () => {
  it('that nobody joins ends', async () => {
    const { sessionId } = await api.newSession()
    expect(await api.sessionIds()).toContain(sessionId)
    await vi.waitFor(async () => expect(await api.sessionIds(), 'the session to end').not.toContain(sessionId), {
      timeout: 6_000,
      interval: 200,
    })
  })

  it('that its client leaves ends when the time to come back is over', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    socket.close()
    await vi.waitFor(async () => expect(await api.sessionIds(), 'the session to end').not.toContain(sessionId), {
      timeout: 6_000,
      interval: 200,
    })
    await expect(api.open(sessionId)).rejects.toThrow('no socket')
  })

  it('that idles is told 10 s before, and ends', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    const warning = await socket.next('session_expiring')
    expect(warning).toMatchObject({ reason: 'idle_timeout', in_s: 10 })
    const ended = await socket.next('session_ended', { timeoutMs: 15_000 })
    expect(ended).toMatchObject({ reason: 'idle_timeout', duration: expect.any(Number) })
    expect(secondsSince(socket, ended.atMs)).toBeGreaterThan(10)
    expect(secondsSince(socket, ended.atMs)).toBeLessThan(13)
    expect(await api.sessionIds()).not.toContain(sessionId)
  })

  it('finishes the sentence it is at when its time is over', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    await socket.next('session_expiring', { where: (event) => event.reason === 'max_duration' })
    // speech keeps it from idling until the end is near
    const early = await api.speak(sessionId, 'I speak now, so that nobody can say that I was idle for the whole time that I had.')
    await socket.next('speech_finished', { where: (event) => event.task_id === early.task_id })
    await socket.next('session_expiring', {
      where: (event) => event.reason === 'idle_timeout',
      from: socket.events.length,
      timeoutMs: 6_000,
    })
    const text =
      'And now I begin a sentence of many words, which takes me well past the end of the time that this session had from the beginning on.'
    const last = await api.speak(sessionId, `${text} ${text}`)
    const finished = await socket.next('speech_finished', { where: (event) => event.task_id === last.task_id, timeoutMs: 30_000 })
    expect(finished.reason).toBe('completed')
    const ended = await socket.next('session_ended')
    expect(ended.reason).toBe('max_duration')
    expect(secondsSince(socket, ended.atMs)).toBeGreaterThan(13.5)
    expect(socket.events.indexOf(ended)).toBeGreaterThan(socket.events.indexOf(finished))
  })
})
