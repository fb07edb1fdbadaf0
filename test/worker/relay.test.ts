import { evictDurableObject, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeBinaryMedia } from '../../shared/binary-media.ts'
import { callEdge, openClient } from './support/edge.ts'
import { FakeOrigin, type FakeSession } from './support/fake-origin.ts'

let origin: FakeOrigin
let sessionId: string
let session: FakeSession

beforeEach(async () => {
  origin = await FakeOrigin.start()
  const { status, body } = await callEdge('/v1/streaming.new', { body: { quality: 'medium' } })
  expect(status, JSON.stringify(body)).toBe(200)
  sessionId = String(body.session_id)
  session = origin.session(sessionId)
})
afterEach(async () => {
  await reset()
})

function evict(): Promise<void> {
  return evictDurableObject(env.SESSION.get(env.SESSION.idFromName(sessionId)))
}

describe('relay', () => {
  it('tells a socket the state first, then hands on control events with rising seq', async () => {
    const { client, state } = await openClient(sessionId)
    expect(state).toMatchObject({ state: 'live', resumed: false, missed: 0, session_id: sessionId })
    session.emit({ type: 'status', status: 'idle', message: 'x' })
    session.emit({ type: 'status', status: 'speaking', message: 'x' })
    const first = await client.next('status')
    const second = await client.next('status')
    expect(first.status).toBe('idle')
    expect(second.seq).toBe(Number(first.seq) + 1)
    expect(first.seq).toBeGreaterThan(Number(state.seq))
  })

  it('goes on through an eviction, with seq still rising', async () => {
    const { client } = await openClient(sessionId)
    session.emit({ type: 'status', status: 'idle', message: 'x' })
    const before = await client.next('status')
    await evict()
    session.emit({ type: 'status', status: 'speaking', message: 'y' })
    const after = await client.next('status')
    expect(after.seq).toBeGreaterThan(Number(before.seq))
    client.send({ type: 'interrupt' })
    expect(await session.peer.next('client_event')).toMatchObject({ event: { type: 'interrupt' } })
  })

  // Broke: as soon as one socket wanted media beside WebRTC, all had it.
  it('gives media to those alone that want it beside WebRTC, while that carries it, through an eviction', async () => {
    const { client: instead } = await openClient(sessionId, '?audio=off')
    const { client: beside } = await openClient(sessionId, '?audio=off&webrtc=beside')
    const frame = (frame_id: number): void => session.emit({ type: 'frame', frame_id, timestamp: 1, data: 'AAAA' }, { class: 'frame' })
    const transport = (active: 'webrtc' | 'socket'): void =>
      session.emit({ type: 'transport', active, reason: active === 'webrtc' ? 'connected' : 'failed' })
    frame(1)
    expect(await instead.next('frame')).toMatchObject({ frame_id: 1 })
    transport('webrtc')
    await instead.next('transport')
    await evict()
    const { client: later } = await openClient(sessionId, '?audio=off')
    frame(2)
    transport('socket')
    frame(3)
    // 2 would have come first
    expect(await instead.next('frame')).toMatchObject({ frame_id: 3 })
    expect(await later.next('frame')).toMatchObject({ frame_id: 3 })
    for (const frame_id of [1, 2, 3]) expect(await beside.next('frame')).toMatchObject({ frame_id })
  })

  it('hands words, figures and levels to those that asked by name, and to nobody who comes back', async () => {
    const { client: plain } = await openClient(sessionId, '?video=off')
    const { client: asks } = await openClient(sessionId, '?video=off&media=binary&events=words,levels')
    expect(
      await session.peer.take('wants of both', (message) => {
        const parsed = typeof message === 'string' ? JSON.parse(message) : {}
        return parsed.type === 'wants' && parsed.wants.words ? parsed.wants : undefined
      }),
    ).toMatchObject({ words: true, levels: true, stats: false })
    session.emit({ type: 'word', word: 'Hi', start_ms: 0, end_ms: 1, timestamp: 1 }, { class: 'word' })
    session.emit({ type: 'stats', stats: {} }, { class: 'stats' })
    session.emit({ type: 'level', level_db: -30, speech: null }, { class: 'level' })
    session.emit({ type: 'status', status: 'idle', message: 'x' })
    const { seq } = await plain.next('status')
    await asks.next('status')
    expect([asks, plain].map((client) => ['word', 'stats', 'level'].map((type) => client.waiting(type).length))).toEqual([
      [1, 0, 1],
      [0, 0, 0],
    ])
    const { client: back, state } = await openClient(
      sessionId,
      `?resume_from=${Number(asks.waiting('word')[0]?.seq) - 1}&events=words,stats,levels`,
    )
    expect(state.missed).toBe(0)
    expect(await back.next('status')).toMatchObject({ seq })
    expect(['word', 'stats', 'level'].flatMap((type) => back.waiting(type))).toEqual([])
  })

  it('refuses events that there are not', async () => {
    const response = await callEdge(`/ws/${sessionId}?events=words,dreams`, { headers: { upgrade: 'websocket' } })
    expect(response.status).toBe(400)
  })

  it('hands each socket the media it asked for', async () => {
    const { client: json } = await openClient(sessionId)
    const { client: binary } = await openClient(sessionId, '?media=binary&audio=chunks')
    await session.peer.take('wants of both', (message) => {
      const parsed = typeof message === 'string' ? JSON.parse(message) : {}
      return parsed.type === 'wants' && parsed.wants.frame_json && parsed.wants.chunk_binary ? parsed : undefined
    })
    session.emit({ type: 'frame', frame_id: 7, timestamp: 1, data: 'AAAA' }, { class: 'frame' })
    const bytes = encodeBinaryMedia({
      kind: 'frame',
      seq: 0,
      frameId: 7,
      generation: 0,
      timestamp: 1,
      ptsMs: 0,
      sampleRate: 0,
      samples: 0,
      payload: new Uint8Array([1, 2, 3]),
    })
    session.peer.send(bytes.buffer)
    expect(await json.next('frame')).toMatchObject({ frame_id: 7, data: 'AAAA' })
    expect(new DataView(await binary.nextBinary()).getUint32(4, true)).toBeGreaterThan(0)
    expect(json.inbox).toEqual([])
  })

  it('hands on no nonsense of the origin, and goes on', async () => {
    const { client } = await openClient(sessionId)
    const control = 'E{"class":"control"}\n'
    const damaged = [
      control,
      `${control}{}`,
      `${control}null`,
      'E{"class":"dance"}\n{"a":1}',
      'E{"class":"frame"}\n{"a":1}',
      'Ec\n{"a":1}',
      'E',
    ]
    for (const nonsense of [...damaged, '{"type":"dance"}', 'no json', new ArrayBuffer(3), new ArrayBuffer(64)]) {
      session.peer.send(nonsense)
    }
    session.emit({ type: 'status', status: 'idle', message: 'x' })
    await client.next('status')
    expect(client.inbox).toEqual([])
  })

  it('answers a speak call', async () => {
    const { status, body } = await callEdge('/v1/avatar.speak', { body: { session_id: sessionId, text: 'Hello' } })
    expect(status).toBe(200)
    expect(body).toMatchObject({ task_id: 'task_abcdef123456' })
  })

  it('ends a session for everyone on stop', async () => {
    const { client } = await openClient(sessionId)
    const { status, body } = await callEdge('/v1/streaming.stop', { body: { session_id: sessionId } })
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'stopped', duration: expect.any(Number) })
    expect(await client.next('session_ended')).toMatchObject({ reason: 'client_stop' })
    expect((await client.closing()).code).toBe(1000)
    expect((await callEdge('/v1/streaming.sessions')).body).toEqual({ sessions: [], total: 0 })
  })
})
