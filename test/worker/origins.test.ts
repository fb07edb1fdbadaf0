import { evictDurableObject, reset, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { PROTOCOL_VERSION } from '../../shared/version.ts'
import { callEdge, errorOf, openClient, openPeer } from './support/edge.ts'
import { FakeOrigin, LOAD, originAuth } from './support/fake-origin.ts'
import { evictSession, jump, jumpSession, listedIds, newSessionOn, poolObject } from './support/sessions.ts'

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

const speak = (sessionId: string) => callEdge('/v1/avatar.speak', { body: { session_id: sessionId, text: 'Hi' } })

describe('loss of the origin', () => {
  it('is told, calls are refused meanwhile, and the same process takes its session up again', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId, session } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    await speak(sessionId)
    session.peer.ws.close(1011)
    expect(await client.next('session_state')).toMatchObject({ state: 'reconnecting' })
    const refused = await speak(sessionId)
    expect(refused.status).toBe(503)
    expect(errorOf(refused.body).code).toBe('ORIGIN_UNAVAILABLE')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    client.send({ type: 'start_listening' })
    expect(await client.next('error')).toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    const again = await origin.dialSession(sessionId)
    expect(await again.peer.next('welcome')).toMatchObject({ config: { session_id: sessionId }, wants: { frame_json: true } })
    expect(await client.next('session_state')).toMatchObject({ state: 'live', resumed: true })
    expect((await speak(sessionId)).status).toBe(200)
    expect(client.waiting('speech_finished')).toEqual([])
  })

  it('ends the session after 30 s, and tasks that were open are told as failed', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId, session } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    await speak(sessionId)
    session.emit({ type: 'speech_started', task_id: 'task_second1', latency_ms: 1 })
    session.emit({ type: 'speech_started', task_id: 'task_third11', latency_ms: 1 })
    session.emit({ type: 'speech_finished', task_id: 'task_third11', reason: 'completed', played_ms: 1 })
    await client.next('speech_finished')
    origin.die()
    await client.next('session_state')
    await jumpSession(sessionId, 30)
    expect(await client.next('speech_finished')).toMatchObject({ task_id: 'task_abcdef123456', reason: 'failed' })
    expect(await client.next('speech_finished')).toMatchObject({ task_id: 'task_second1', reason: 'failed' })
    expect(await client.next('session_ended')).toMatchObject({ reason: 'origin_lost' })
    expect(client.waiting('speech_finished')).toEqual([])
    expect((await speak(sessionId)).status).toBe(404)
  })

  it('ends tasks of calls and of sound once each, and opens none again that has ended', async () => {
    const origin = await FakeOrigin.start()
    origin.respond = (_call, session, id) => {
      session.emit({ type: 'speech_started', task_id: 'task_short1', latency_ms: 1 })
      session.emit({ type: 'speech_finished', task_id: 'task_short1', reason: 'completed', played_ms: 1 })
      session.peer.send({ type: 'task', task: { id: 'task_short1', state: 'open' } })
      session.peer.send({ type: 'response', id, result: { task_id: 'task_short1' } })
    }
    const { sessionId, session } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    await speak(sessionId)
    expect(await client.next('speech_finished')).toMatchObject({ task_id: 'task_short1', reason: 'completed' })
    session.emit({ type: 'audio_buffer_committed', task_id: 'task_sound1', duration_ms: 1 })
    // names a task and opens none
    session.emit({ type: 'chat', task_id: 'task_other1', role: 'agent', content: '"type":"speech_started"' })
    await client.next('chat')
    await evictSession(sessionId)
    origin.die()
    await client.next('session_state')
    await jumpSession(sessionId, 30)
    expect(await client.next('speech_finished')).toMatchObject({ task_id: 'task_sound1', reason: 'failed' })
    expect(await client.next('session_ended')).toMatchObject({ reason: 'origin_lost' })
    expect(client.waiting('speech_finished')).toEqual([])
  })

  it('moves a watched session to the new process and ends one that nobody watches', async () => {
    const old = await FakeOrigin.start()
    const watched = await newSessionOn(old)
    const { client } = await openClient(watched.sessionId, '?video=off')
    const alone = await newSessionOn(old)
    await speak(watched.sessionId)
    old.die()
    await client.next('session_state')
    const fresh = await FakeOrigin.start()
    expect(await client.next('speech_finished')).toMatchObject({ reason: 'failed' })
    expect(await client.next('session_state')).toMatchObject({ state: 'live', resumed: false })
    expect(fresh.opened.map(({ session_id }) => session_id)).toEqual([watched.sessionId])
    expect((await speak(watched.sessionId)).status).toBe(200)
    expect(await listedIds()).toEqual([watched.sessionId])
    expect((await speak(alone.sessionId)).status).toBe(404)
  })

  it.each([
    ['awake', false],
    ['asleep', true],
  ])('moves a session that is %s at once when its origin leaves in good order', async (_how, asleep) => {
    const a = await FakeOrigin.start({ originId: 'a' })
    const { sessionId, session } = await newSessionOn(a)
    const { client } = await openClient(sessionId)
    const b = await FakeOrigin.start({ originId: 'b' })
    await speak(sessionId)
    a.control.send({ type: 'draining' })
    await expect.poll(async () => (await callEdge('/metrics')).body.origins).toMatchObject([{ draining: true }, {}])
    if (asleep) await evictSession(sessionId)
    session.peer.ws.close(1000)
    expect(await client.next('session_state')).toMatchObject({ state: 'reconnecting' })
    expect(await client.next('speech_finished')).toMatchObject({ reason: 'failed' })
    expect(await client.next('session_state')).toMatchObject({ state: 'live', resumed: false })
    expect(b.sessions.has(sessionId)).toBe(true)
  })

  it('waits for the next process when the only origin leaves in good order', async () => {
    const old = await FakeOrigin.start()
    const { sessionId, session } = await newSessionOn(old)
    const { client } = await openClient(sessionId)
    old.control.ws.close(1000)
    session.peer.ws.close(1000)
    expect(await client.next('session_state')).toMatchObject({ state: 'reconnecting' })
    await expect.poll(async () => (await callEdge('/health')).body.origins).toBe(0)
    await FakeOrigin.start()
    expect(await client.next('session_state')).toMatchObject({ state: 'live', resumed: false })
    expect((await speak(sessionId)).status).toBe(200)
  })

  it('is noticed by the silence of its control socket', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    jump(5)
    origin.control.send({ type: 'heartbeat', load: LOAD })
    await expect.poll(async () => (await callEdge('/health')).body.origins).toBe(1)
    jump(5)
    await runDurableObjectAlarm(poolObject())
    expect((await callEdge('/health')).body.origins).toBe(1)
    jump(6)
    await runDurableObjectAlarm(poolObject())
    expect((await callEdge('/health')).body).toMatchObject({ origins: 0, status: 'degraded' })
    expect(await client.next('session_state')).toMatchObject({ state: 'reconnecting' })
    await origin.dialControl([sessionId])
    await origin.dialSession(sessionId)
    expect(await client.next('session_state')).toMatchObject({ state: 'live' })
  })

  it('leaves sessions alone while only the control socket is replaced', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    origin.control.ws.close(1006 + 2)
    await origin.dialControl([sessionId])
    await runDurableObjectAlarm(poolObject())
    expect((await speak(sessionId)).status).toBe(200)
    expect(client.waiting('session_state')).toEqual([])
  })
})

describe('the pool', () => {
  it('drops what the edge no longer knows', async () => {
    const stranger = crypto.randomUUID()
    const origin = await FakeOrigin.start({ sessions: [stranger] })
    await expect.poll(() => origin.dropped).toEqual([stranger])
  })

  it('moves on what a returning process no longer holds', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    await origin.dialControl([])
    expect(await client.next('session_state')).toMatchObject({ state: 'reconnecting' })
    expect(await client.next('session_state')).toMatchObject({ state: 'live' })
  })

  it('survives an eviction', async () => {
    const origin = await FakeOrigin.start()
    origin.control.send({ type: 'heartbeat', load: { ...LOAD, cpu_usage: 77 } })
    await expect.poll(async () => (await callEdge('/metrics')).body.cpu_usage).toBe(77)
    await evictDurableObject(poolObject())
    expect((await callEdge('/metrics')).body.cpu_usage).toBe(77)
    await newSessionOn(origin)
  })

  it('gives a draining origin no new sessions', async () => {
    const origin = await FakeOrigin.start()
    origin.control.send({ type: 'draining' })
    await expect.poll(async () => (await callEdge('/metrics')).body.origins).toMatchObject([{ draining: true }])
    expect(errorOf((await callEdge('/v1/streaming.new', { body: {} })).body).code).toBe('CAPACITY_EXCEEDED')
  })

  it('says so when an origin takes a session and does not connect, and keeps no ghost', async () => {
    const origin = await FakeOrigin.start({ accepts: 'deaf' })
    const { status, body } = await callEdge('/v1/streaming.new', { body: {} })
    expect(status).toBe(503)
    expect(errorOf(body).code).toBe('ORIGIN_UNAVAILABLE')
    await expect.poll(() => origin.dropped).toHaveLength(1)
    expect((await callEdge('/metrics')).body).toMatchObject({ active_sessions: 0, total_sessions: 0 })
    expect(await listedIds()).toEqual([])
  })

  it('turns away an origin whose words it does not know', async () => {
    const stranger = await openPeer('/link/control', { headers: originAuth() })
    stranger.send({ type: 'origin_hello', version: '9.9.9' })
    expect((await stranger.closing()).code).toBe(4400)
  })

  it('turns away an origin of another protocol, and says which it speaks', async () => {
    const origin = await FakeOrigin.start()
    const { hello } = origin
    for (const protocol_version of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1]) {
      const other = await openPeer('/link/control', { headers: originAuth() })
      other.send({ ...hello, origin_id: 'origin-2', protocol_version })
      expect(await other.closing()).toEqual({ code: 4400, reason: `this edge speaks protocol ${PROTOCOL_VERSION}` })
    }
    expect((await callEdge('/health')).body.origins).toBe(1)
  })

  it('refuses sockets of another process or of no session', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId } = await newSessionOn(origin)
    const stranger = await origin.dialSession(sessionId, { boot_id: crypto.randomUUID() })
    expect((await stranger.peer.closing()).code).toBe(4404)
    const nowhere = await origin.dialSession(crypto.randomUUID())
    expect((await nowhere.peer.closing()).code).toBe(4404)
    const future = await origin.dialSession(sessionId, { protocol_version: 99 })
    expect((await future.peer.closing()).code).toBe(4400)
    expect((await speak(sessionId)).status).toBe(200)
  })
})

describe('after a restart of everything', () => {
  it('no ghost stands in the list', async () => {
    const origin = await FakeOrigin.start()
    const { sessionId } = await newSessionOn(origin)
    await openClient(sessionId)
    expect(await listedIds()).toEqual([sessionId])
    const { env } = await import('cloudflare:workers')
    await evictDurableObject(env.SESSION.get(env.SESSION.idFromName(sessionId)), { webSockets: 'close' })
    await evictDurableObject(poolObject(), { webSockets: 'close' })
    expect(await listedIds()).toEqual([])
    expect((await callEdge('/health')).body.origins).toBe(0)
    expect((await callEdge('/metrics')).body).toMatchObject({ active_sessions: 0, websocket_connections: 0, total_sessions: 1 })
    await FakeOrigin.start()
    await expect.poll(async () => (await callEdge('/metrics')).body).toMatchObject({ active_sessions: 0, websocket_connections: 0 })
    expect((await speak(sessionId)).status).toBe(404)
  })
})
