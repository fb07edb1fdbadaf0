import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  AvatarClient,
  type AvatarSession,
  type ConnectionEvent,
  type MediaEvent,
  type ServerEvent,
} from '../../sdk/typescript/src/index.ts'
import { encodeBinaryMedia } from '../../shared/binary-media.ts'
import { FakeAvatarApi, failure, SESSION_ID, TOKEN } from '../support/fakes/fake-avatar-api.ts'
import { until } from '../support/until.ts'

const JPEG = Uint8Array.from([0xff, 0xd8, 0xff, 0xd9])
const FRAME = { type: 'frame' as const, data: Buffer.from(JPEG).toString('base64'), frame_id: 7, timestamp: 1_700_000_000.04 }
const AUDIO = {
  type: 'audio' as const,
  format: 'wav' as const,
  data: 'UklGRg==',
  duration: 1,
  sample_rate: 24_000,
  timestamp: 1,
  pts_ms: 0,
}
const warn = vi.fn()

let api: FakeAvatarApi
let session: AvatarSession

beforeEach(async () => {
  warn.mockReset()
  api = await FakeAvatarApi.start()
  const client = new AvatarClient({ apiUrl: api.apiUrl, wsUrl: api.wsUrl, reconnectForMs: 3_000, logger: { debug: () => undefined, warn } })
  session = await client.createSession()
})
afterEach(async () => {
  await session.disconnect({ stop: false })
  await api.stop()
})

function next<Type extends 'frame' | 'audio' | 'media' | 'connection' | 'status'>(type: Type): Promise<unknown[]> {
  return new Promise((resolve) => session.once(type, (...args: unknown[]) => resolve(args)))
}

describe('connecting', () => {
  it('asks for the media that is wanted, and shows the token where logs do not look', async () => {
    await session.connect({ media: 'binary', audio: 'chunks', video: 'off' })
    const [{ url, protocols } = { url: new URL('http://none'), protocols: '' }] = api.upgrades
    expect(url.pathname).toBe(`/ws/${SESSION_ID}`)
    expect(Object.fromEntries(url.searchParams)).toEqual({ media: 'binary', audio: 'chunks', video: 'off' })
    expect(protocols.split(/, ?/)).toEqual(['avatar', `avatar.token.${TOKEN}`])
  })

  it('asks for further events by name, and for media beside WebRTC', async () => {
    await session.connect({ events: ['words', 'stats'], webrtc: 'beside' })
    expect(Object.fromEntries(api.upgrades[0]?.url.searchParams ?? [])).toMatchObject({ events: 'words,stats', webrtc: 'beside' })
  })

  it('says why it was refused', async () => {
    api.refusing = true
    api.scripted.set('/streaming.keep_alive', [{ status: 404, body: failure('SESSION_NOT_FOUND', 'gone') }])
    await expect(session.connect()).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
    expect(session.connection).toBe('closed')
  })

  it('can be given up', async () => {
    await expect(session.connect({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    expect(session.connection).toBe('closed')
  })
})

describe('events', () => {
  it('give frame and audio handlers the base64 text first and the event second', async () => {
    await session.connect()
    const frame = next('frame')
    const audio = next('audio')
    api.send(FRAME)
    api.send(AUDIO)
    expect(await frame).toEqual([FRAME.data, expect.objectContaining({ frame_id: 7, session_id: SESSION_ID })])
    expect(await audio).toEqual([AUDIO.data, expect.objectContaining({ duration: 1 })])
  })

  it('are the same with binary media', async () => {
    await session.connect({ media: 'binary' })
    const both = Promise.all([next('frame'), next('media')])
    const frame = { kind: 'frame', seq: 5, frameId: 7, generation: 2, timestamp: 1.5, ptsMs: 0, sampleRate: 0, samples: 0 } as const
    api.sendBinary(encodeBinaryMedia({ ...frame, payload: JPEG }))
    const [[data, event], [media]] = await both
    expect(data).toBe(FRAME.data)
    expect(event).toMatchObject({ type: 'frame', frame_id: 7, generation: 2, timestamp: 1.5, seq: 5 })
    expect(media).toMatchObject({ kind: 'frame', timestampMs: 1500, generation: 2 } satisfies Partial<MediaEvent>)
    expect((media as MediaEvent).data).toEqual(JPEG)
  })

  it('acknowledges every frame', async () => {
    await session.connect()
    api.send(FRAME)
    await until('the acknowledgement', () => api.received.some((event) => event.type === 'frame_ack' && event.frame_id === 7))
  })

  it('can be read in a loop that ends with the connection', async () => {
    await session.connect()
    const seen: ServerEvent['type'][] = []
    const reading = (async () => {
      for await (const { type } of session) {
        seen.push(type)
        if (type === 'status') session.disconnect({ stop: false }).catch(() => undefined)
      }
    })()
    api.send(FRAME)
    api.send({ type: 'status', status: 'idle', message: '' })
    await reading
    expect(seen).toEqual(expect.arrayContaining(['frame', 'status']))
  })

  it('go on to other handlers when one throws', async () => {
    await session.connect()
    session.on('status', () => {
      throw new Error('mine')
    })
    const other = next('status')
    api.send({ type: 'status', status: 'idle', message: '' })
    await other
    expect(warn).toHaveBeenCalledWith('a handler failed', expect.objectContaining({ error: 'Error: mine' }))
  })

  it('of errors that nobody listens for are loud', async () => {
    await session.connect()
    api.send({ type: 'error', code: 'PROVIDER_FAILED', message: 'no voice' })
    await expect.poll(() => warn).toHaveBeenCalledWith('no voice', { code: 'PROVIDER_FAILED' })
  })

  it('that are not understood do no harm', async () => {
    await session.connect()
    const status = next('status')
    api.sendBinary(new Uint8Array(3))
    api.send({ type: 'from_the_future' } as never)
    api.send({ type: 'status', status: 'idle', message: '' })
    await status
  })
})

describe('speaking', () => {
  it('tells when a task is over', async () => {
    await session.connect()
    const task = await session.speak('Hello', { voice_settings: { speed: 1.2 } })
    api.send({ type: 'speech_finished', task_id: task.task_id, reason: 'completed', played_ms: 900 })
    expect(task).toMatchObject({ task_id: 'task_000001', status: 'processing', duration_estimate: 1.5 })
    expect(await task.finished).toMatchObject({ reason: 'completed', played_ms: 900 })
  })

  it('knows of an end that came before the answer', async () => {
    await session.connect()
    const finished = session.waitFor('speech_finished')
    api.send({ type: 'speech_finished', task_id: 'task_000001', reason: 'interrupted', played_ms: 0 })
    await finished
    expect(await (await session.speak('Hello')).finished).toMatchObject({ reason: 'interrupted' })
  })

  it('does not wait for an end that cannot come', async () => {
    const unconnected = await session.speak('Hello')
    await expect(unconnected.finished).rejects.toMatchObject({ code: 'NOT_CONNECTED' })
    await session.connect()
    const { finished } = await session.speak('Hello')
    api.send({ type: 'session_ended', reason: 'idle_timeout', duration: 120 })
    await expect(finished).rejects.toMatchObject({ code: 'SESSION_ENDED', details: { reason: 'idle_timeout' } })
  })

  it('may take the place of what is being said, with a face to it', async () => {
    await session.speak('No, wait.', { mode: 'interrupt', emotion: 'serious', cues: [{ type: 'nod', at_ms: 0, value: 4 }] })
    expect(api.calls.at(-1)?.body).toEqual({
      session_id: SESSION_ID,
      text: 'No, wait.',
      mode: 'interrupt',
      emotion: 'serious',
      cues: [{ type: 'nod', at_ms: 0, value: 4 }],
    })
  })

  it('is interrupted over the socket, and by a call without one', async () => {
    expect(await session.interrupt()).toMatchObject({ dropped_ms: 2 })
    await session.connect()
    expect(await session.interrupt()).toEqual({ task_id: 'task_000001', played_ms: 320, spoken_text: 'Once upon', dropped_ms: 900 })
  })
})

describe('speaking sound', () => {
  it('sends a WAV in pieces that each can be played, waiting for each', async () => {
    await session.connect()
    const wav = wavOf(new Int16Array(200_000))
    const task = await session.speakAudio(new Blob([wav]))
    const appended = api.received.filter((event) => event.type === 'audio_buffer_append')
    expect(task).toMatchObject({ task_id: 'task_audio1', duration_ms: 100 })
    expect(appended.length).toBeGreaterThan(1)
    const samples = appended.map(({ data }) => {
      const bytes = Buffer.from(data.audio, 'base64')
      expect(bytes.subarray(0, 4).toString()).toBe('RIFF')
      return (bytes.length - 44) / 2
    })
    expect(samples.reduce((sum, count) => sum + count, 0)).toBe(200_000)
    expect(api.received.at(-1)).toEqual({ type: 'audio_buffer_commit' })
  })

  it('keeps the samples of a stream whole', async () => {
    await session.connect()
    const source = (async function* () {
      yield Uint8Array.from([1, 0, 2])
      yield Uint8Array.from([0, 3, 0])
    })()
    await session.speakAudio(source, { sample_rate: 16_000 })
    const sent = api.received.flatMap((event) => (event.type === 'audio_buffer_append' ? [event.data] : []))
    expect(sent.map(({ audio }) => [...Buffer.from(audio, 'base64')])).toEqual([
      [1, 0],
      [2, 0, 3, 0],
    ])
    expect(sent[0]).toMatchObject({ format: 'pcm_s16le', sample_rate: 16_000 })
  })

  it("sends a file of any size and a recorder's stream in pieces of one stream", async () => {
    await session.connect()
    const file = new Uint8Array(7_000_000).fill(7)
    await session.speakAudio(file)
    await session.speakAudio(
      (async function* () {
        yield Uint8Array.of(0x1a, 0x45, 0xdf)
      })(),
      { format: 'audio/webm;codecs=opus' },
    )
    const sent = api.received.flatMap((event) => (event.type === 'audio_buffer_append' ? [event.data] : []))
    expect(Buffer.concat(sent.slice(0, -1).map(({ audio }) => Buffer.from(audio, 'base64'))).length).toBe(file.length)
    expect(sent.at(-1)).toEqual({ audio: 'GkXf', format: 'audio/webm;codecs=opus' })
  })

  it('can be given up while its source gives nothing', async () => {
    await session.connect()
    const control = new AbortController()
    const source = (async function* () {
      yield new Uint8Array(4800)
      await new Promise(() => undefined)
    })()
    const speaking = session.speakAudio(source, { signal: control.signal })
    await until('the first piece', () => api.received.some(({ type }) => type === 'audio_buffer_append'))
    const reason = new Error('enough')
    control.abort(reason)
    await expect(speaking).rejects.toBe(reason)
    await until('the clear', () => api.received.some(({ type }) => type === 'audio_buffer_clear'))
  })

  it('forgets what was sent when the server refuses a piece', async () => {
    await session.connect()
    api.onEvent = (event) => {
      if (event.type === 'audio_buffer_append') api.send({ type: 'error', code: 'AUDIO_BUFFER_FULL', message: 'full' })
    }
    await expect(session.speakAudio(new Uint8Array(8), { format: 'pcm_s16le' })).rejects.toMatchObject({ code: 'AUDIO_BUFFER_FULL' })
    await until('the clear', () => api.received.some(({ type }) => type === 'audio_buffer_clear'))
    expect(warn).not.toHaveBeenCalled()
  })
})

describe('a lost connection', () => {
  it('comes back and asks for what was missed', async () => {
    await session.connect({ media: 'binary', audio: 'chunks' })
    const states: ConnectionEvent[] = []
    session.on('connection', (event) => states.push(event))
    const status = next('status')
    api.send({ type: 'status', status: 'speaking', message: '' })
    await status
    api.drop()
    await until('the second socket', () => api.upgrades.length === 2)
    expect(Object.fromEntries(api.upgrades[1]?.url.searchParams ?? [])).toEqual({
      media: 'binary',
      audio: 'chunks',
      video: 'on',
      resume_from: '1',
    })
    await expect.poll(() => states.map(({ state }) => state)).toEqual(['reconnecting', 'open'])
  })

  it('is given up when the session is gone', async () => {
    await session.connect()
    api.refusing = true
    api.scripted.set('/streaming.keep_alive', [{ status: 404, body: failure('SESSION_NOT_FOUND', 'gone') }])
    const closed = new Promise<ConnectionEvent>((resolve) => {
      session.on('connection', (event) => {
        if (event.state === 'closed') resolve(event)
      })
    })
    api.drop(1012)
    expect((await closed).error).toMatchObject({ code: 'SESSION_NOT_FOUND' })
  })

  it('is not restored after a close that says it is of no use', async () => {
    await session.connect()
    const closed = new Promise<unknown[]>((resolve) => session.on('connection', (...args) => resolve(args)))
    api.drop(4401)
    expect(await closed).toEqual([expect.objectContaining({ state: 'closed', error: expect.objectContaining({ code: 'UNAUTHORIZED' }) })])
  })

  it('after the end of the session stays lost', async () => {
    await session.connect()
    const closed = next('connection')
    api.send({ type: 'session_ended', reason: 'idle_timeout', duration: 120 })
    await closed
    expect(session.ended).toMatchObject({ reason: 'idle_timeout' })
    await expect(session.connect()).rejects.toMatchObject({ code: 'SESSION_ENDED' })
  })
})

it('measures the round trip, and does not wait for it once the connection is lost', async () => {
  await session.connect()
  expect(await session.ping()).toBeGreaterThanOrEqual(0)
  api.onEvent = () => api.drop()
  await expect(session.ping()).rejects.toMatchObject({ code: 'NOT_CONNECTED' })
})

function wavOf(samples: Int16Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(44 + samples.byteLength)
  const view = new DataView(bytes.buffer)
  Buffer.from('RIFF').copy(bytes, 0)
  view.setUint32(4, bytes.length - 8, true)
  Buffer.from('WAVEfmt ').copy(bytes, 8)
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, 24_000, true)
  view.setUint32(28, 48_000, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  Buffer.from('data').copy(bytes, 36)
  view.setUint32(40, samples.byteLength, true)
  return bytes
}
