/** The API reference, call by call, against the whole system as `npm start` runs it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../../origin/codec/wav.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { type ReceivedEvent, SocketClient } from '../support/clients/socket-client.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { difference, mouthRegion } from '../support/signals/mouth.ts'

let system: RunningSystem

beforeAll(async () => {
  system = await startSystem({ RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_SPEAK: '1000' })
})
afterAll(async () => system?.stop())

async function call<T = Record<string, unknown>>(path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(
    `${system.apiUrl}${path}`,
    body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  )
  return { status: response.status, body: (await response.json()) as T }
}

async function open(options: { quality?: string; query?: string } = {}): Promise<{ sessionId: string; client: SocketClient }> {
  const { body } = await call<{ session_id: string }>('/v1/streaming.new', {
    quality: options.quality ?? 'medium',
    avatar_id: 'avatar_1',
  })
  expect(body, system.log().slice(-2000)).toHaveProperty('session_id')
  return { sessionId: body.session_id, client: await SocketClient.open(`${system.wsUrl}/${body.session_id}${options.query ?? ''}`) }
}

async function end(sessionId: string): Promise<void> {
  await call('/v1/streaming.stop', { session_id: sessionId })
}

function motion(frames: readonly ReceivedEvent[]): number {
  const regions = frames.map((frame) => mouthRegion(String(frame.data)))
  return regions.slice(1).reduce((sum, region, i) => sum + difference(region, regions[i] ?? region), 0) / Math.max(1, regions.length - 1)
}

describe('sessions', () => {
  it('are created, listed and stopped as documented', async () => {
    const created = await call<{ session_id: string; ice_servers: unknown[]; access_token: string }>('/v1/streaming.new', {
      quality: 'medium',
      avatar_id: 'avatar_1',
      voice_id: 'EXAVITQu4vr4xnSDxMaL',
    })
    expect(created.status).toBe(200)
    expect(created.body.session_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(created.body.ice_servers.length).toBeGreaterThan(0)
    expect(created.body.access_token.split('.')).toHaveLength(3)
    const listed = await call<{ sessions: { session_id: string; created_at: string; duration: number }[]; total: number }>(
      '/v1/streaming.sessions',
    )
    expect(listed.body.sessions.map((session) => session.session_id)).toContain(created.body.session_id)
    const stopped = await call('/v1/streaming.stop', { session_id: created.body.session_id })
    expect(stopped.body).toMatchObject({ status: 'stopped', duration: expect.any(Number) })
    const again = await call('/v1/streaming.stop', { session_id: created.body.session_id })
    expect(again.status).toBe(404)
    expect(again.body).toMatchObject({ error: { code: 'SESSION_NOT_FOUND', details: { session_id: created.body.session_id } } })
  })

  it('say what is wrong with an offer that cannot be answered', async () => {
    const { sessionId, client } = await open()
    const { status, body } = await call('/v1/streaming.start', { session_id: sessionId, sdp: { type: 'offer', sdp: 'v=0\r\n' } })
    expect(status).toBe(400)
    expect(body).toMatchObject({
      error: { code: 'INVALID_REQUEST', details: { field: 'sdp.sdp', reason: expect.stringContaining('m= line') } },
    })
    client.close()
    await end(sessionId)
  })
})

describe('the socket', () => {
  it('shows her at once, moving a little, and lets her speak with lips in step', async () => {
    const { sessionId, client } = await open()
    const first = await client.next('frame')
    expect(Buffer.from(String(first.data), 'base64').subarray(0, 2).toString('hex')).toBe('ffd8')
    expect(Object.keys(first)).toEqual(expect.arrayContaining(['seq', 'session_id', 'frame_id', 'timestamp']))
    await client.next('frame', { where: (event) => Number(event.frame_id) > Number(first.frame_id) + 20 })
    const resting = client.of('frame').slice(-15)

    const { body: task } = await call<{ task_id: string; status: string; duration_estimate: number }>('/v1/avatar.speak', {
      session_id: sessionId,
      text: 'Bob met Mama five times, and they all laughed aloud.',
    })
    expect(task.status).toBe('processing')
    await client.next('speech_started', { where: (event) => event.task_id === task.task_id })
    const finished = await client.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    expect(finished.reason).toBe('completed')
    expect(Number(finished.played_ms) / 1000 / task.duration_estimate).toBeGreaterThan(0.75)
    expect(Number(finished.played_ms) / 1000 / task.duration_estimate).toBeLessThan(1.25)

    await client.next('status', { where: (event) => event.status === 'idle' })
    const sounds = client.of('audio')
    for (const sound of sounds) {
      const wav = Buffer.from(String(sound.data), 'base64')
      expect(wav.subarray(0, 4).toString()).toBe('RIFF')
      expect(sound.sample_rate).toBe(24_000)
      expect(Number(sound.duration)).toBeLessThanOrEqual(2.5)
      expect((wav.length - 44) / 2 / 24_000).toBeCloseTo(Number(sound.duration), 3)
    }
    const speaking = client.of('frame').filter((event) => event.task_id === task.task_id)
    expect(speaking.length).toBeGreaterThan(40)
    expect(motion(speaking)).toBeGreaterThan(4 * motion(resting))
    expect(client.of('status').map((event) => event.status)).toEqual(['speaking', 'idle'])
    const seqs = client.events.map((event) => Number(event.seq))
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    client.close()
    await end(sessionId)
  })

  it('stops at once when interrupted and speaks again', async () => {
    const { sessionId, client } = await open()
    await call('/v1/avatar.speak', {
      session_id: sessionId,
      text: 'This is a long sentence that goes on and on until somebody says stop, and then it has to be silent.',
    })
    await client.next('audio')
    client.send({ type: 'interrupt' })
    const stopped = await client.next('interrupted')
    const from = client.events.indexOf(stopped)
    expect(stopped).toMatchObject({ task_id: expect.any(String), spoken_text: expect.any(String) })
    const { body: again } = await call<{ task_id: string }>('/v1/avatar.speak', { session_id: sessionId, text: 'Here I am.' })
    await client.next('speech_finished', { from, where: (event) => event.task_id === again.task_id })
    expect(client.of('interrupted')).toHaveLength(1)
    expect(client.events.slice(from).filter((event) => event.type === 'audio' && event.task_id !== again.task_id)).toEqual([])
    client.close()
    await end(sessionId)
  })

  it('speaks audio that a client brings', async () => {
    const { sessionId, client } = await open({ quality: 'low' })
    const tone = Int16Array.from({ length: SAMPLE_RATE }, (_, i) => 8_000 * Math.sin(i / 20) * Math.sin(i / 3_000))
    const audio = Buffer.from(encodeWav(tone, SAMPLE_RATE)).toString('base64')
    client.send({ type: 'audio_buffer_append', data: { audio } })
    expect(await client.next('audio_buffer_appended')).toMatchObject({ buffered_ms: 1000 })
    client.send({
      type: 'audio_buffer_append',
      data: { audio: Buffer.from('no sound at all, just words').toString('base64').replace('=', '!') },
    })
    expect(await client.next('error')).toMatchObject({ code: 'AUDIO_PROCESSING_ERROR' })
    client.send({ type: 'audio_buffer_commit' })
    expect(await client.next('audio_buffer_committed')).toMatchObject({ duration_ms: 1000 })
    expect(await client.next('speech_finished')).toMatchObject({ reason: 'completed', played_ms: 1000 })
    client.close()
    await end(sessionId)
  })

  it('answers noise with documented errors and goes on', async () => {
    const { sessionId, client } = await open({ quality: 'low' })
    for (const nonsense of [
      '{',
      '[]',
      '"interrupt"',
      '{"type":"dance"}',
      '{"type":"audio_buffer_append"}',
      '{"type":"frame_ack","frame_id":1e400}',
    ]) {
      const from = client.events.length
      client.send(nonsense)
      const error = await client.next('error', { from })
      expect(['INVALID_JSON', 'INVALID_REQUEST', 'UNKNOWN_EVENT']).toContain(error.code)
    }
    client.send({ type: 'start_listening' })
    await client.next('error', { where: (event) => event.code === 'STT_UNAVAILABLE' })
    client.send({ type: 'interrupt' })
    await client.next('interrupted')
    client.close()
    await end(sessionId)
  })
})

describe('chat', () => {
  it('streams in the documented form while she speaks', async () => {
    const { sessionId, client } = await open({ quality: 'low' })
    const response = await fetch(`${system.apiUrl}/v1/chat.completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        session_id: sessionId,
        messages: [{ role: 'user', content: 'Hello, how are you today?' }],
        stream: true,
        model: 'gpt-4',
      }),
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const lines = (await response.text()).split('\n\n').filter((line) => line !== '')
    expect(lines.at(-1)).toBe('data: [DONE]')
    const chunks = lines
      .slice(0, -1)
      .map((line) => JSON.parse(line.slice('data: '.length)) as { model: string; choices: { delta: { content?: string } }[] })
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
    expect(text.length).toBeGreaterThan(20)
    expect(chunks[0]?.model).toBe('demo')
    await client.next('speech_finished')
    const said = client.of('chat')
    expect(said[0]).toMatchObject({ role: 'user', content: 'Hello, how are you today?' })
    expect(
      said
        .slice(1)
        .map((event) => event.content)
        .join(' '),
    ).toBe(text.trim())
    client.close()
    await end(sessionId)
  })

  it('answers in one piece without stream', async () => {
    const { sessionId, client } = await open({ quality: 'low' })
    const { body } = await call<{ choices: { message: { content: string } }[] }>('/v1/chat.completions', {
      session_id: sessionId,
      messages: [{ role: 'user', content: 'Tell me a joke' }],
    })
    expect(body.choices[0]?.message.content).toContain('Halloween')
    client.close()
    await end(sessionId)
  })
})

describe('health and metrics', () => {
  it('tell what really runs', async () => {
    const { sessionId, client } = await open({ quality: 'low' })
    const health = await call<{ services: Record<string, string> }>('/health')
    expect(health.body).toMatchObject({
      status: 'healthy',
      version: '1.0.0',
      services: { api: 'healthy', websocket: 'healthy', redis: 'healthy' },
    })
    await expect
      .poll(async () => (await call<{ active_sessions: number }>('/metrics')).body)
      .toMatchObject({
        active_sessions: 1,
        websocket_connections: 1,
      })
    const { body } = await call<Record<string, unknown>>('/metrics')
    for (const name of ['total_sessions', 'cpu_usage', 'memory_usage']) expect(body[name]).toBeGreaterThan(0)
    client.close()
    await end(sessionId)
  })
})

describe('wrong calls', () => {
  it.each([
    ['not JSON', '/v1/streaming.new', '{"quality":', 400, 'INVALID_JSON'],
    ['a wrong type', '/v1/avatar.speak', { session_id: 5, text: 'hi' }, 400, 'INVALID_REQUEST'],
    ['an unknown avatar', '/v1/streaming.new', { avatar_id: 'nobody' }, 404, 'AVATAR_NOT_FOUND'],
    [
      'an unknown session',
      '/v1/avatar.speak',
      { session_id: '550e8400-e29b-41d4-a716-446655440000', text: 'hi' },
      404,
      'SESSION_NOT_FOUND',
    ],
    [
      'a text that is too long',
      '/v1/avatar.speak',
      { session_id: '550e8400-e29b-41d4-a716-446655440000', text: 'x'.repeat(5_001) },
      400,
      'INVALID_REQUEST',
    ],
    ['a body that is too large', '/v1/avatar.speak', { text: 'x'.repeat(1_100_000) }, 413, 'PAYLOAD_TOO_LARGE'],
    ['an unknown path', '/v1/nothing', {}, 404, 'NOT_FOUND'],
  ])('%s is answered with the documented body', async (_what, path, body, status, code) => {
    const response = await fetch(`${system.apiUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code, message: expect.any(String), details: expect.any(Object) } })
  })
})
