import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ServerEvent } from '../../shared/events.ts'
import { openClient } from './support/edge.ts'
import { FakeOrigin, type FakeSession } from './support/fake-origin.ts'
import type { Peer } from './support/peer.ts'
import { evictSession, jump, newSessionOn } from './support/sessions.ts'

let sessionId: string
let session: FakeSession
let client: Peer

beforeEach(async () => {
  const origin = await FakeOrigin.start()
  ;({ sessionId, session } = await newSessionOn(origin))
  ;({ client } = await openClient(sessionId))
})
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

const MIB = 1_048_576

describe('client events', () => {
  it.each([
    ['text that is no JSON', 'hello', 'INVALID_JSON'],
    ['half of an object', '{"type":"interrupt"', 'INVALID_JSON'],
    ['a number', '7', 'INVALID_REQUEST'],
    ['null', 'null', 'INVALID_REQUEST'],
    ['a list', '[{"type":"interrupt"}]', 'INVALID_REQUEST'],
    ['no type', '{}', 'INVALID_REQUEST'],
    ['an unknown type', '{"type":"dance"}', 'UNKNOWN_EVENT'],
    ['a type that every object has', '{"type":"constructor"}', 'UNKNOWN_EVENT'],
    ['a wrong shape', '{"type":"audio_buffer_append","data":{"audio":5}}', 'INVALID_REQUEST'],
    ['a huge number', '{"type":"frame_ack","frame_id":1e400}', 'INVALID_REQUEST'],
    ['binary', new ArrayBuffer(8), 'INVALID_REQUEST'],
    ['a huge event', JSON.stringify({ type: 'interrupt', x: 'y'.repeat(MIB) }), 'PAYLOAD_TOO_LARGE'],
    ['too much sound at once', JSON.stringify({ type: 'audio_buffer_append', data: { audio: 'A'.repeat(8 * MIB) } }), 'PAYLOAD_TOO_LARGE'],
  ])('answers %s with an error and goes on', async (_what, message, code) => {
    client.send(message)
    const error = await client.next('error')
    expect(ServerEvent.parse(error)).toMatchObject({ code, session_id: sessionId })
    client.send({ type: 'interrupt' })
    await session.peer.next('client_event')
    expect(session.peer.waiting('client_event')).toEqual([])
  })

  it('names the path of what is wrong, and the events it knows', async () => {
    client.send({ type: 'audio_buffer_append', data: { audio: 'AAAA', sample_rate: 1 } })
    expect(await client.next('error')).toMatchObject({ details: { issues: [{ path: 'data.sample_rate' }] } })
    client.send({ type: 'dance' })
    expect(await client.next('error')).toMatchObject({ details: { type: 'dance', known: expect.arrayContaining(['interrupt', 'ping']) } })
  })

  it('hands on every event of the reference with the client it came from', async () => {
    const events = [
      { type: 'audio_buffer_append', data: { audio: 'A'.repeat(3 * MIB) } },
      { type: 'audio_buffer_commit' },
      { type: 'audio_buffer_clear' },
      { type: 'start_listening' },
      { type: 'stop_listening' },
      { type: 'interrupt' },
      { type: 'user_audio_append', data: { audio: 'AAAA' } },
    ]
    for (const event of events) client.send(event)
    for (const event of events) {
      expect(await session.peer.next('client_event')).toMatchObject({
        client_id: expect.stringMatching(/^cli_/),
        event: { type: event.type },
      })
    }
  })

  it('answers pings, also with spaces', async () => {
    client.send('{"type":"ping"}')
    await client.next('pong')
    client.send('{ "type": "ping" }')
    await client.next('pong')
  })

  it('sends an answer to the one client that it is for', async () => {
    const { client: other } = await openClient(sessionId)
    client.send({ type: 'audio_buffer_clear' })
    const { client_id: to } = await session.peer.next('client_event')
    session.emit({ type: 'audio_buffer_cleared', cleared_ms: 0 }, { class: 'control', to: String(to) })
    session.emit({ type: 'status', status: 'idle', message: '' })
    await client.next('audio_buffer_cleared')
    await other.next('status')
    expect(other.waiting('audio_buffer_cleared')).toEqual([])
  })
})

describe('resume', () => {
  it('sends again what was said meanwhile, after the state', async () => {
    session.emit({ type: 'status', status: 'speaking', message: '1' })
    const { seq } = await client.next('status')
    client.ws.close(1000)
    await session.unwatched()
    session.emit({ type: 'status', status: 'idle', message: '2' })
    session.emit({ type: 'frame', frame_id: 1, timestamp: 1, data: 'AAAA' }, { class: 'frame' })
    session.emit({ type: 'status', status: 'speaking', message: '3' })
    await evictSession(sessionId)
    const { client: back, state } = await openClient(sessionId, `?resume_from=${seq}`)
    expect(state).toMatchObject({ resumed: true, missed: 0 })
    expect([(await back.next('status')).message, (await back.next('status')).message]).toEqual(['2', '3'])
    expect(back.waiting('frame')).toEqual([])
  })

  it('keeps 512 control events and counts those before them', async () => {
    for (let i = 0; i < 600; i++) session.emit({ type: 'status', status: 'idle', message: String(i) })
    await client.take('the last', (message) => (String(message).includes('"599"') ? message : undefined))
    const { client: back, state } = await openClient(sessionId, '?resume_from=0')
    expect(state.missed).toBe(600 - 512)
    expect((await back.next('status')).message).toBe('88')
  })

  it('keeps them for 60 s', async () => {
    session.emit({ type: 'status', status: 'idle', message: 'old' })
    await client.next('status')
    jump(61)
    const { client: back, state } = await openClient(sessionId, '?resume_from=0')
    expect(state.missed).toBe(1)
    expect(back.waiting('status')).toEqual([])
  })
})

describe('slow clients', () => {
  const frame = (id: number) => session.emit({ type: 'frame', frame_id: id, timestamp: 1, data: 'AAAA' }, { class: 'frame' })

  it('have at most 5 frames outstanding once they acknowledge, and are told what was left out', async () => {
    frame(1)
    await client.next('frame')
    client.send({ type: 'frame_ack', frame_id: 1 })
    // the edge answers in order: after the pong the acknowledgement has counted
    client.send({ type: 'ping', x: 1 })
    await client.next('pong')
    for (let id = 2; id <= 12; id++) frame(id)
    session.emit({ type: 'status', status: 'idle', message: '' })
    await client.next('status')
    expect(client.waiting('frame').map(({ frame_id }) => frame_id)).toEqual([2, 3, 4, 5, 6])
    expect(await client.next('frames_dropped')).toMatchObject({ dropped: 1, total: 1 })
    client.send({ type: 'frame_ack', frame_id: 6 })
    client.send({ type: 'ping', x: 2 })
    await client.next('pong')
    jump(1)
    frame(13)
    expect(await client.next('frames_dropped')).toMatchObject({ dropped: 5, total: 6 })
    expect(client.waiting('frame').at(-1)?.frame_id).toBe(13)
  })

  it('never lose sound or control events', async () => {
    client.send({ type: 'frame_ack', frame_id: 0 })
    client.send({ type: 'ping', x: 1 })
    await client.next('pong')
    for (let id = 1; id <= 20; id++) {
      frame(id)
      session.emit({ type: 'audio', data: 'AAAA', id }, { class: 'clause' })
      session.emit({ type: 'chat', role: 'agent', content: String(id) })
    }
    await client.take('the last chat', (message) => (String(message).includes('"content":"20"') ? message : undefined))
    expect(client.waiting('audio')).toHaveLength(20)
    expect(client.waiting('frame')).toHaveLength(5)
  })

  it('are closed after 10 s without an acknowledgement', async () => {
    client.send({ type: 'frame_ack', frame_id: 0 })
    client.send({ type: 'ping', x: 1 })
    await client.next('pong')
    for (let id = 1; id <= 6; id++) frame(id)
    await client.next('frames_dropped')
    jump(10)
    frame(7)
    expect(await client.next('error')).toMatchObject({ code: 'SLOW_CLIENT' })
    expect((await client.closing()).code).toBe(4408)
  })

  it('get everything while nobody knows that they are slow', async () => {
    for (let id = 1; id <= 20; id++) frame(id)
    await client.take('the last frame', (message) => (String(message).includes('"frame_id":20') ? message : undefined))
    expect(client.waiting('frame')).toHaveLength(19)
  })
})

describe('media wants', () => {
  it('follow the sockets that are open', async () => {
    const wants = async (what: string) =>
      session.peer.take(what, (message) => {
        const parsed = JSON.parse(String(message))
        return parsed.type === 'wants' ? parsed.wants : undefined
      })
    expect(await wants('the first socket')).toMatchObject({ frame_json: true, clause_json: true, chunk_json: false })
    const { client: quiet } = await openClient(sessionId, '?video=off&audio=off')
    const { client: binary } = await openClient(sessionId, '?media=binary&audio=chunks')
    expect(await wants('the binary socket')).toMatchObject({
      frame_json: true,
      frame_binary: true,
      chunk_binary: true,
      clause_binary: false,
    })
    client.ws.close(1000)
    expect(await wants('the first socket gone')).toMatchObject({ frame_json: false, frame_binary: true, clause_json: false })
    binary.ws.close(1000)
    expect(await wants('the binary socket gone')).toMatchObject({ frame_binary: false, chunk_binary: false })
    expect(quiet.closed).toBeUndefined()
  })
})
