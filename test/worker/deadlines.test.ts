import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { callEdge, openClient } from './support/edge.ts'
import { FakeOrigin, type FakeSession } from './support/fake-origin.ts'
import { evictSession, jumpSession, listedIds, newSessionOn } from './support/sessions.ts'

let origin: FakeOrigin
let sessionId: string
let session: FakeSession

beforeEach(async () => {
  origin = await FakeOrigin.start()
  ;({ sessionId, session } = await newSessionOn(origin))
})
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

/** Makes the avatar busy or not, as far as the edge knows. */
async function busy(is: boolean): Promise<void> {
  session.peer.send({ type: 'activity', busy: is })
  await callEdge('/v1/streaming.interrupt', { body: { session_id: sessionId } })
}

describe('deadlines', () => {
  it('ends a session that nobody joins, 30 s after its creation', async () => {
    await jumpSession(sessionId, 29)
    expect(await listedIds()).toEqual([sessionId])
    await jumpSession(sessionId, 1)
    await expect.poll(async () => await listedIds()).toEqual([])
    expect(await session.peer.next('close')).toMatchObject({ reason: 'join_timeout' })
  })

  it('tells the end 60 and 10 s before it, and ends an idle session after 120 s', async () => {
    const { client } = await openClient(sessionId)
    await jumpSession(sessionId, 60)
    expect(await client.next('session_expiring')).toMatchObject({ in_s: 60, reason: 'idle_timeout' })
    await evictSession(sessionId)
    await jumpSession(sessionId, 50)
    expect(await client.next('session_expiring')).toMatchObject({ in_s: 10, reason: 'idle_timeout' })
    await jumpSession(sessionId, 10)
    expect(await session.peer.next('close')).toMatchObject({ reason: 'idle_timeout', after_speech: true })
    session.peer.send({ type: 'closed', reason: 'idle_timeout' })
    expect(await client.next('session_ended')).toMatchObject({ reason: 'idle_timeout', duration: expect.any(Number) })
    expect(await client.closing()).toMatchObject({ code: 1000 })
    expect(client.waiting('session_expiring')).toEqual([])
  })

  it.each([
    ['keep_alive', '{"type":"keep_alive"}', true],
    ['interrupt', '{"type":"interrupt"}', true],
    ['ping', '{"type":"ping" }', false],
    ['frame_ack', '{"type":"frame_ack","frame_id":1}', false],
  ])('counts %s as activity or not', async (_name, message, counts) => {
    const { client } = await openClient(sessionId)
    await jumpSession(sessionId, 59)
    client.send(message)
    client.send('{"type": "ping"}')
    await client.next('pong')
    await jumpSession(sessionId, 2)
    expect(client.waiting('session_expiring')).toHaveLength(counts ? 0 : 1)
  })

  it('does not count the time in which the avatar speaks', async () => {
    const { client } = await openClient(sessionId)
    await busy(true)
    await jumpSession(sessionId, 500)
    expect(await listedIds()).toEqual([sessionId])
    await busy(false)
    await jumpSession(sessionId, 60)
    expect(await client.next('session_expiring')).toMatchObject({ in_s: 60 })
  })

  it('lets the sentence finish at the longest duration, but not for ever', async () => {
    const { client } = await openClient(sessionId)
    await busy(true)
    await jumpSession(sessionId, 3_590)
    expect(await client.next('session_expiring')).toMatchObject({ in_s: 10, reason: 'max_duration' })
    await jumpSession(sessionId, 10)
    expect(await session.peer.next('close')).toMatchObject({ reason: 'max_duration', after_speech: true })
    session.emit({ type: 'status', status: 'speaking', message: 'last words' })
    await client.next('status')
    await jumpSession(sessionId, 30)
    expect(await client.next('session_ended')).toMatchObject({ reason: 'max_duration' })
  })

  it('keeps a session for 30 s after its last client, and finds it again', async () => {
    const { client } = await openClient(sessionId)
    client.ws.close(1000)
    await session.unwatched()
    await jumpSession(sessionId, 29)
    const { client: back, state } = await openClient(sessionId)
    expect(state.state).toBe('live')
    back.ws.close(1000)
    await session.unwatched()
    await jumpSession(sessionId, 31)
    await expect.poll(async () => await listedIds()).toEqual([])
  })

  it('keeps a session while somebody receives by WebRTC, and for 30 s after', async () => {
    session.peer.send({ type: 'peers', count: 2 })
    await busy(true)
    await jumpSession(sessionId, 500)
    session.peer.send({ type: 'peers', count: 1 })
    await busy(true)
    await evictSession(sessionId)
    await jumpSession(sessionId, 500)
    expect(await listedIds()).toEqual([sessionId])
    // the avatar listens for ever: that keeps nobody's session
    session.peer.send({ type: 'peers', count: 0 })
    await busy(true)
    await jumpSession(sessionId, 29)
    expect(await listedIds()).toEqual([sessionId])
    await jumpSession(sessionId, 2)
    expect(await session.peer.next('close')).toMatchObject({ reason: 'idle_timeout', after_speech: false })
  })

  it('does not end a session whose last socket has closed while a peer is there', async () => {
    const { client } = await openClient(sessionId)
    session.peer.send({ type: 'peers', count: 1 })
    await busy(true)
    client.ws.close(1000)
    await session.unwatched()
    await jumpSession(sessionId, 500)
    expect(await listedIds()).toEqual([sessionId])
    session.peer.send({ type: 'peers', count: 0 })
    await busy(true)
    await jumpSession(sessionId, 31)
    await expect.poll(async () => await listedIds()).toEqual([])
  })

  it.each([
    ['pings', '{"type": "ping"}', true],
    ['acknowledges frames', '{"type":"frame_ack","frame_id":1}', true],
    ['only ever spoke', '{"type":"interrupt"}', false],
  ])('closes the socket of a client that %s and is silent for 90 s: %j', async (_what, message, tells) => {
    const { client } = await openClient(sessionId)
    await busy(true)
    client.send(message)
    // refused, after the message before it was taken
    client.send('x')
    await client.next('error')
    await jumpSession(sessionId, 60)
    await jumpSession(sessionId, 40)
    if (tells) {
      expect(await client.closing()).toMatchObject({ code: 4408 })
      await jumpSession(sessionId, 31)
      await expect.poll(async () => await listedIds()).toEqual([])
    } else {
      await jumpSession(sessionId, 500)
      expect(await listedIds()).toEqual([sessionId])
    }
  })

  it('ends at once when the origin says so', async () => {
    const { client } = await openClient(sessionId)
    session.peer.send({ type: 'closed', reason: 'error' })
    expect(await client.next('session_ended')).toMatchObject({ reason: 'error' })
  })

  it('stops even if the origin does not answer', async () => {
    const { client } = await openClient(sessionId)
    const { client: other } = await openClient(sessionId)
    session.peer.ws.close(1011)
    await client.next('session_state')
    const { body } = await callEdge('/v1/streaming.stop', { body: { session_id: sessionId } })
    expect(body.status).toBe('stopped')
    expect(await other.next('session_ended')).toMatchObject({ reason: 'client_stop' })
  })
})
