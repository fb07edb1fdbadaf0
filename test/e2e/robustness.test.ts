/** What a clumsy or hostile client does to the whole system, and what befalls its parts: each time the session goes on. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket as RawSocket } from 'ws'
import { type ApiClient, type ErrorAnswer, startApi, type Task } from '../support/clients/api-client.ts'
import type { SocketClient } from '../support/clients/socket-client.ts'
import { descendantsOf, isRunning, killDescendant } from '../support/servers/processes.ts'
import type { RunningSystem } from '../support/servers/running-system.ts'
import { until } from '../support/until.ts'

const LONG = 'This is a long sentence that goes on and on until somebody says stop, and then it has to be silent at once.'

let system: RunningSystem
let api: ApiClient

beforeAll(async () => {
  ;({ system, api } = await startApi())
})
afterAll(async () => system?.stop())

/** She says something, to its end. */
async function stillSpeaks(sessionId: string, socket: SocketClient): Promise<void> {
  const task = await api.speak(sessionId, 'Here I am.')
  const finished = await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
  expect(finished.reason).toBe('completed')
}

function base64(text: string, encoding: BufferEncoding = 'latin1'): string {
  return Buffer.from(text, encoding).toString('base64')
}

function append(data: unknown): string {
  return JSON.stringify({ type: 'audio_buffer_append', data })
}

describe('the socket', () => {
  let sessionId: string
  let socket: SocketClient

  beforeAll(async () => {
    ;({ sessionId, socket } = await api.join())
  })
  afterAll(() => api.stop(sessionId))

  const refused: [what: string, message: string, codes: string[]][] = [
    ['an empty message', '', ['INVALID_JSON']],
    ['half an object', '{"type":', ['INVALID_JSON']],
    ['brackets nested 100,000 deep', '['.repeat(100_000), ['INVALID_JSON']],
    ['null', 'null', ['INVALID_REQUEST']],
    ['a list', '[{"type":"interrupt"}]', ['INVALID_REQUEST']],
    ['a type that is a number', '{"type":1e308}', ['INVALID_REQUEST']],
    ['a type that hides in the prototype', '{"__proto__":{"type":"interrupt"}}', ['INVALID_REQUEST']],
    ['the type __proto__', '{"type":"__proto__"}', ['UNKNOWN_EVENT']],
    ['a type of 10,000 letters', `{"type":"${'x'.repeat(10_000)}"}`, ['UNKNOWN_EVENT']],
    ['a server event', '{"type":"frame","data":"","frame_id":1,"timestamp":1}', ['UNKNOWN_EVENT']],
    ['a number beyond all numbers', `{"type":"frame_ack","frame_id":${'9'.repeat(5_000)}}`, ['INVALID_REQUEST']],
    ['a negative frame', '{"type":"frame_ack","frame_id":-1}', ['INVALID_REQUEST']],
    ['sound that is a number', append({ audio: 5 }), ['INVALID_REQUEST']],
    ['sound that is empty', append({ audio: '' }), ['INVALID_REQUEST']],
    ['sound that is no base64', append({ audio: '!!!' }), ['AUDIO_PROCESSING_ERROR']],
    ['sound of an unknown kind', append({ audio: 'AAAA', format: 'wax' }), ['INVALID_REQUEST']],
    ['sound at no rate', append({ audio: 'AAAA', format: 'pcm_s16le', sample_rate: 0 }), ['INVALID_REQUEST']],
    ['sound at a billion hertz', append({ audio: 'AAAA', format: 'pcm_s16le', sample_rate: 1e9 }), ['INVALID_REQUEST']],
    ['a WAV that promises 4 GB', append({ audio: base64('RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff') }), ['AUDIO_PROCESSING_ERROR']],
    ['an MP3 of noise', append({ audio: base64(`ID3${'\xff'.repeat(3_000)}`) }), ['AUDIO_PROCESSING_ERROR']],
    ['an Ogg of noise', append({ audio: base64(`OggS${'\x07'.repeat(3_000)}`) }), ['AUDIO_PROCESSING_ERROR']],
    ['a commit of nothing', '{"type":"audio_buffer_commit"}', ['AUDIO_BUFFER_EMPTY']],
    ['the end of a listening that never began', '{"type":"stop_listening"}', ['INVALID_REQUEST']],
    ['a voice while nobody listens', '{"type":"user_audio_append","data":{"audio":"AAAA"}}', ['INVALID_REQUEST']],
    ['ears where there are none', '{"type":"start_listening"}', ['STT_UNAVAILABLE']],
    ['an interrupt of 3 MiB', JSON.stringify({ type: 'interrupt', why: 'y'.repeat(3 << 20) }), ['PAYLOAD_TOO_LARGE']],
    ['sound of 9 MiB', append({ audio: 'A'.repeat(9 << 20) }), ['PAYLOAD_TOO_LARGE']],
  ]

  it('answers each bad message with its documented error and goes on', async () => {
    for (const [what, message, codes] of refused) {
      const from = socket.events.length
      socket.send(message)
      const { code, message: said, session_id } = await socket.next('error', { from })
      expect(codes, what).toContain(code)
      expect(said, what).toEqual(expect.any(String))
      expect(session_id, what).toBe(sessionId)
    }
    expect(socket.closed).toBeUndefined()
    await stillSpeaks(sessionId, socket)
  })

  it('answers binary noise and broken UTF-8 and goes on', async () => {
    const raw = new RawSocket(`${system.wsUrl}/${sessionId}?video=off`)
    const codes: string[] = []
    raw.on('message', (data) => {
      const event = JSON.parse(data.toString()) as { type: string; code: string }
      if (event.type === 'error') codes.push(event.code)
    })
    await new Promise((resolve) => raw.once('open', resolve))
    raw.send(Buffer.from([1, 2, 3, 255]))
    raw.send(Buffer.alloc(0))
    raw.send(Buffer.alloc(9 << 20))
    raw.send(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), { binary: false })
    await expect.poll(() => codes, { message: 'an error for each' }).toHaveLength(4)
    expect(codes).toEqual(['INVALID_REQUEST', 'INVALID_REQUEST', 'INVALID_REQUEST', 'INVALID_JSON'])
    raw.terminate()
    await stillSpeaks(sessionId, socket)
  })

  it('says once that messages come too fast, leaves those out, and goes on', async () => {
    // on a socket of its own, whose messages nobody else counts; the number itself: test/worker/limits.test.ts
    const { sessionId: other, socket: hasty } = await api.join('?video=off')
    const codes = (): unknown[] => hasty.of('error').map(({ code }) => code)
    let sent = 0
    await until('a refusal', () => {
      for (let i = 0; i < 300; i++) hasty.send('{"type":"audio_buffer_clear"}')
      sent += 300
      return codes().length > 0
    })
    expect(new Set(codes())).toEqual(new Set(['RATE_LIMITED']))
    await stillSpeaks(other, hasty)
    expect(hasty.of('audio_buffer_cleared').length).toBeGreaterThanOrEqual(100)
    expect(hasty.of('audio_buffer_cleared').length).toBeLessThan(sent)
    await api.stop(other)
  })

  it('survives a storm of interrupts while she speaks, one answer each', async () => {
    const task = await api.speak(sessionId, LONG)
    await socket.next('audio', { where: (event) => event.task_id === task.task_id })
    const from = socket.events.length
    for (let i = 0; i < 50; i++) {
      socket.send('{"type":"interrupt"}')
      if (i % 10 === 9) await socket.next('frame', { from: socket.events.length })
    }
    const interrupted = () => socket.events.slice(from).filter((event) => event.type === 'interrupted')
    await expect.poll(() => interrupted().length, { message: 'answers' }).toBe(50)
    expect(interrupted().filter((event) => event.task_id !== null)).toHaveLength(1)
    const silentFrom = socket.events.findIndex((event) => event.type === 'interrupted' && event.task_id === task.task_id)
    expect(socket.events.slice(silentFrom).filter((event) => event.type === 'audio')).toEqual([])
    expect(socket.of('speech_finished').filter((event) => event.task_id === task.task_id)).toHaveLength(1)
    await stillSpeaks(sessionId, socket)
  })

  it('shows frames again after thousands of senseless acknowledgements', async () => {
    const { sessionId: other, socket: acker } = await api.join()
    await acker.next('frame')
    await until('a refusal', () => {
      for (let i = 0; i < 300; i++) acker.send(`{"type":"frame_ack","frame_id":${i * 1_000}}`)
      return acker.of('error').length > 0
    })
    const from = acker.events.length
    await acker.next('frames_dropped', { from })
    // an honest one, once the limit lets it through
    const stillAt = acker.of('frame').length
    await until('frames to come again', () => {
      acker.send({ type: 'frame_ack', frame_id: acker.of('frame').at(-1)?.frame_id })
      return acker.of('frame').length > stillAt
    })
    await stillSpeaks(other, acker)
    await api.stop(other)
  })

  it('serves two clients at once, and the one that comes back what it missed', async () => {
    const second = await api.open(sessionId, '?video=off')
    const { seq } = await second.next('session_state')
    const task = await api.speak(sessionId, 'We both hear this.')
    for (const client of [socket, second]) await client.next('speech_started', { where: (event) => event.task_id === task.task_id })
    second.close()
    await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    const back = await api.open(sessionId, `?video=off&resume_from=${seq}`)
    expect(await back.next('session_state')).toMatchObject({ state: 'live', resumed: true, missed: 0 })
    const replayed = await back.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    expect(back.events.slice(0, back.events.indexOf(replayed)).map((event) => event.type)).toContain('speech_started')
    back.close()
  })
})

describe('texts', () => {
  let sessionId: string
  let socket: SocketClient

  beforeAll(async () => {
    ;({ sessionId, socket } = await api.join('?video=off'))
  })
  afterAll(() => api.stop(sessionId))

  it.each([
    ['emoji', 'Hi 😀🎉!'],
    ['only emoji', '😀'],
    ['Chinese', '你好，世界。'],
    ['Arabic', 'مرحبا'],
    ['half a character', '\ud800'],
    ['control characters', 'a\u0000b\u200b'],
    ['markup', '<speak>One <break time="9s"/> & "two"</speak>'],
    ['only signs', '\\ % $ # @ ^ * ~ ` |'],
  ])('of %s are spoken to their end', async (_what, text) => {
    const task = await api.speak(sessionId, text)
    const finished = await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    expect(finished.reason).toBe('completed')
  })

  it('without anything to say are refused', async () => {
    for (const text of ['', '   ', '\n\t']) {
      const { status, body } = await api.call('/v1/avatar.speak', { session_id: sessionId, text })
      expect(status).toBe(400)
      expect(body).toMatchObject({
        error: { code: 'INVALID_REQUEST', details: { issues: expect.arrayContaining([expect.objectContaining({ path: 'text' })]) } },
      })
    }
  })

  it.each([
    ['sentences', 'This is a sentence that is rather long. '.repeat(125)],
    ['one word', 'w'.repeat(5_000)],
  ])('of 5,000 characters, %s, begin and can be interrupted', async (_what, text) => {
    const task = await api.speak(sessionId, text)
    await socket.next('speech_started', { where: (event) => event.task_id === task.task_id })
    socket.send({ type: 'interrupt' })
    await socket.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    await stillSpeaks(sessionId, socket)
  })

  it('wait their turn, 16 at most, and each ends exactly once', async () => {
    socket.send({ type: 'interrupt' })
    await socket.next('interrupted', { from: socket.events.length })
    const answers = await Promise.all(
      Array.from({ length: 17 }, (_, i) =>
        api.call<Task & ErrorAnswer>('/v1/avatar.speak', { session_id: sessionId, text: `Sentence ${i}.` }),
      ),
    )
    const taken = answers.filter(({ status }) => status === 200).map(({ body }) => body)
    // which of the calls arrives first is open
    expect(taken.map(({ status }) => status).sort()).toEqual(['processing', ...Array<string>(15).fill('queued')])
    expect(answers.find(({ status }) => status !== 200)).toMatchObject({ status: 429, body: { error: { code: 'RATE_LIMITED' } } })
    socket.send({ type: 'interrupt' })
    for (const { task_id } of taken) await socket.next('speech_finished', { where: (event) => event.task_id === task_id })
    await stillSpeaks(sessionId, socket)
    for (const { task_id } of taken) {
      expect(socket.of('speech_finished').filter((event) => event.task_id === task_id)).toHaveLength(1)
    }
  })
})

describe('chat', () => {
  const messages = [{ role: 'user', content: 'Tell me at length how I can connect a real model.' }]

  it('stops with its speech when the client goes away in the middle', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    const abort = new AbortController()
    const response = await fetch(`${system.apiUrl}/v1/chat.completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ session_id: sessionId, stream: true, messages }),
      signal: abort.signal,
    })
    const reader = response.body?.getReader()
    await reader?.read()
    abort.abort()
    const { reason, task_id } = await socket.next('speech_finished')
    expect(reason).toBe('interrupted')
    const from = socket.events.length
    await stillSpeaks(sessionId, socket)
    expect(socket.events.slice(from).filter((event) => event.task_id === task_id)).toEqual([])
    await api.stop(sessionId)
  })

  it('waits while she speaks and ends when it is interrupted', async () => {
    const { sessionId, socket } = await api.join('?video=off')
    const speech = await api.speak(sessionId, LONG)
    await socket.next('speech_started')
    const answer = api.call<{ choices: { finish_reason: string; message: { content: string } }[]; task_id: string }>(
      '/v1/chat.completions',
      {
        session_id: sessionId,
        messages,
      },
    )
    await socket.next('chat', { where: (event) => event.role === 'user' })
    socket.send({ type: 'interrupt' })
    const { status, body } = await answer
    expect(status).toBe(200)
    expect(['interrupted', 'stop']).toContain(body.choices[0]?.finish_reason)
    for (const task_id of [speech.task_id, body.task_id]) {
      const finished = await socket.next('speech_finished', { where: (event) => event.task_id === task_id })
      expect(finished.reason).toBe('interrupted')
    }
    await stillSpeaks(sessionId, socket)
    await api.stop(sessionId)
  })
})

describe('HTTP', () => {
  it('answers other methods with 405 and what is allowed, HEAD and OPTIONS as they should be', async () => {
    for (const [method, path, allow] of [
      ['GET', '/v1/avatar.speak', 'POST, OPTIONS'],
      ['DELETE', '/v1/streaming.sessions', 'GET, OPTIONS'],
      ['PUT', '/health', 'GET, OPTIONS'],
    ] as const) {
      const response = await fetch(`${system.apiUrl}${path}`, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe(allow)
      expect(await response.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } })
    }
    expect((await fetch(`${system.apiUrl}/health`, { method: 'HEAD' })).status).toBe(200)
    const preflight = await fetch(`${system.apiUrl}/v1/avatar.speak`, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:5173', 'access-control-request-headers': 'authorization,content-type' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('http://localhost:5173')
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,content-type')
  })

  it('answers a plain request for a socket with 426, and a socket of nobody with 404', async () => {
    const nobody = '550e8400-e29b-41d4-a716-446655440000'
    expect((await fetch(`${system.apiUrl}/ws/${nobody}`)).status).toBe(426)
    await expect(api.open(nobody)).rejects.toThrow('no socket')
  })

  it('takes a body that comes slowly, and goes on when one never ends', async () => {
    const body = '{"quality":"low"}'
    const socket = connect(system.port, '127.0.0.1')
    const head = (length: number): string =>
      `POST /v1/streaming.new HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
    socket.write(head(body.length))
    let answered = ''
    socket.on('data', (data) => {
      answered += data.toString()
    })
    for (const letter of body) {
      socket.write(letter)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => answered, { message: 'an answer to the slow body' }).toContain('200 OK')
    socket.destroy()
    const endless = connect(system.port, '127.0.0.1')
    endless.write(`${head(500)}{"quality":`)
    expect((await api.call('/health')).status).toBe(200)
    endless.destroy()
  })
})

describe('the parts', () => {
  it('come back: a killed origin is started again and the same socket shows and speaks', async () => {
    const { sessionId, socket } = await api.join()
    const cut = await api.speak(sessionId, LONG)
    const queued = await api.speak(sessionId, 'This one waited.')
    await socket.next('audio')
    const from = socket.events.length
    killDescendant(system.pid, 'origin/index.ts')
    await socket.next('session_state', { from, where: (event) => event.state === 'reconnecting' })
    const meanwhile = await api.call<ErrorAnswer>('/v1/avatar.speak', { session_id: sessionId, text: 'Nobody there.' })
    expect(meanwhile).toMatchObject({ status: 503, body: { error: { code: 'ORIGIN_UNAVAILABLE' } } })
    expect(Number(meanwhile.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await api.call('/v1/streaming.new', {})).status).toBe(503)
    expect(await api.sessionIds()).toContain(sessionId)

    const live = await socket.next('session_state', { from, where: (event) => event.state === 'live' })
    await socket.next('frame', { from: socket.events.indexOf(live) })
    expect(socket.of('status').map((event) => event.status)).toEqual(['speaking', 'idle'])
    await stillSpeaks(sessionId, socket)
    for (const { task_id } of [cut, queued]) {
      expect(socket.of('speech_finished').filter((event) => event.task_id === task_id)).toMatchObject([{ reason: 'failed' }])
    }
    await api.stop(sessionId)
  })

  it('come back: after the edge was killed a client finds its session again, and each task has ended once', async () => {
    const { sessionId, socket } = await api.join()
    const task = await api.speak(sessionId, LONG)
    await socket.next('audio')
    killDescendant(system.pid, 'wrangler.js dev')
    await socket.untilClosed()
    const lastSeq = socket.events.at(-1)?.seq
    const back = await until('the edge', () => api.open(sessionId, `?resume_from=${lastSeq}`).catch(() => undefined))
    await back.next('frame')
    await back.next('speech_finished', { where: (event) => event.task_id === task.task_id })
    await stillSpeaks(sessionId, back)
    expect(back.of('speech_finished').filter((event) => event.task_id === task.task_id)).toHaveLength(1)
    expect(await api.sessionIds()).toContain(sessionId)
  })

  it('leave nothing behind when they are told to end', async () => {
    const running = descendantsOf(system.pid).map(({ pid }) => pid)
    expect(running.length).toBeGreaterThan(3)
    await system.stop()
    expect(running.filter(isRunning)).toEqual([])
  })
})
