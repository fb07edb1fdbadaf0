import { describe, expect, it } from 'vitest'
import { fakeTranscription, listeningServices } from '../../support/fakes/listening-fakes.ts'
import { createRig, fakeAudio, fakeLlm, settle } from '../../support/fakes/session-fakes.ts'

const SESSION = '550e8400-e29b-41d4-a716-446655440000'
const say = (text: string) => ({ session_id: SESSION, text })
const ask = { session_id: SESSION, messages: [{ role: 'user' as const, content: 'Hello' }], stream: true }

describe('speaking', () => {
  it('starts, sounds for the length of the text, and finishes exactly once', async () => {
    const { session, sink, run } = createRig()
    const { task_id, status, duration_estimate } = session.speech.speak(say('x'.repeat(50)))
    expect(status).toBe('processing')
    expect(duration_estimate).toBe(1)
    await run(30)
    expect(sink.of('speech_started').map((event) => event.task_id)).toEqual([task_id])
    expect(sink.of('speech_finished')).toMatchObject([{ task_id, reason: 'completed', played_ms: 1000 }])
    const clauses = sink.of('audio').filter((event) => event.format === 'wav')
    expect(clauses.reduce((sum, event) => sum + event.duration, 0)).toBeCloseTo(1, 5)
    const chunks = sink.of('audio').filter((event) => event.format === 'pcm_s16le')
    expect(chunks).toHaveLength(10)
    expect(chunks.map((event) => event.pts_ms)).toEqual(chunks.map((_, i) => i * 100))
  })

  it('gives every piece of sound the time at which its first sample is due', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('x'.repeat(50)))
    await run(30)
    const chunks = sink.of('audio').filter((event) => event.format === 'pcm_s16le')
    const first = chunks[0]
    if (!first) throw new Error('no sound came')
    for (const chunk of chunks) expect(chunk.timestamp - first.timestamp).toBeCloseTo(chunk.pts_ms / 1000, 6)
  })

  it('cuts sound into clauses of at most 2.5 s without losing a sample', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('x'.repeat(290)))
    await run(160)
    const clauses = sink.of('audio').filter((event) => event.format === 'wav')
    expect(clauses.length).toBeGreaterThan(2)
    expect(Math.max(...clauses.map((event) => event.duration))).toBeLessThanOrEqual(2.5)
    expect(clauses.reduce((sum, event) => sum + event.duration, 0)).toBeCloseTo(5.8, 5)
  })

  it('queues a second task and plays it after the first', async () => {
    const { session, sink, run } = createRig()
    const first = session.speech.speak(say('x'.repeat(20)))
    const second = session.speech.speak(say('y'.repeat(20)))
    expect(second.status).toBe('queued')
    await run(40)
    expect(sink.of('speech_finished').map((event) => event.task_id)).toEqual([first.task_id, second.task_id])
  })

  it('refuses more tasks than it can hold', () => {
    const { session } = createRig()
    for (let i = 0; i < 16; i++) session.speech.speak(say('x'))
    expect(() => session.speech.speak(say('x'))).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }))
  })

  it('says which voice speaks when the one asked for is unknown', () => {
    const { session } = createRig()
    expect(session.speech.speak({ ...say('hi'), voice_id: 'nobody' }).warnings?.[0]).toContain('fake_a')
  })

  it('sends the sentence when it starts to sound', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('One sentence here. And another one.'))
    await run(1)
    expect(sink.of('chat').map((event) => event.content)).toEqual(['One sentence here.'])
    await run(40)
    expect(sink.of('chat').map((event) => event.content)).toEqual(['One sentence here.', 'And another one.'])
  })
})

describe('interrupting', () => {
  it('silences at once, reports what was heard, and speaks again', async () => {
    const { session, sink, run } = createRig()
    const { task_id } = session.speech.speak(say('one two three four five six seven eight nine ten'))
    await run(10)
    const before = sink.of('audio').length
    const result = session.speech.interrupt()
    expect(result).toMatchObject({ status: 'interrupted', task_id })
    expect('one two three four five six seven eight nine ten'.startsWith(result.spoken_text)).toBe(true)
    expect(result.spoken_text.length).toBeGreaterThan(5)
    expect(result.played_ms + result.dropped_ms).toBeCloseTo(960, -2)
    await run(5)
    expect(sink.of('audio')).toHaveLength(before)
    expect(sink.of('interrupted')).toHaveLength(1)
    expect(sink.of('speech_finished')).toMatchObject([{ task_id, reason: 'interrupted' }])
    session.speech.speak(say('again'))
    await run(10)
    expect(sink.of('speech_finished').at(-1)).toMatchObject({ reason: 'completed' })
  })

  it.each([
    ['when idle', 0],
    ['before the first sound', 0],
    ['after the end', 60],
  ])('is answered exactly once %s', async (when, ticks) => {
    const { session, sink, run } = createRig()
    if (when !== 'when idle') session.speech.speak(say('x'.repeat(20)))
    await run(ticks)
    session.speech.interrupt()
    await run(3)
    expect(sink.of('interrupted')).toHaveLength(1)
    expect(sink.of('speech_finished')).toHaveLength(when === 'when idle' ? 0 : 1)
  })

  it('twice gives two answers and one end of the task', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('x'.repeat(50)))
    await run(5)
    session.speech.interrupt()
    expect(session.speech.interrupt().status).toBe('nothing_to_interrupt')
    expect(sink.of('interrupted')).toHaveLength(2)
    expect(sink.of('speech_finished')).toHaveLength(1)
  })

  it('drops a tick that was prepared before it', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('x'.repeat(50)))
    await run(3)
    await settle()
    const late = session.prepare(1_000)
    session.speech.interrupt()
    const before = sink.events.length
    session.deliverSound(late)
    session.deliverFrame(late, { jpeg: new Uint8Array(1), size: 360 })
    expect(sink.events).toHaveLength(before)
  })

  it('ends every waiting task', async () => {
    const { session, sink, run } = createRig()
    for (let i = 0; i < 3; i++) session.speech.speak(say('x'.repeat(50)))
    await run(2)
    session.speech.interrupt()
    expect(sink.of('speech_finished').map((event) => event.reason)).toEqual(['interrupted', 'interrupted', 'interrupted'])
  })
})

describe('chat', () => {
  it('streams tokens, speaks them, and shows who said what', async () => {
    const { session, sink, run } = createRig()
    const tokens: string[] = []
    const response = await session.speech.chat(
      ask,
      ({ choices }) => tokens.push(choices[0]?.delta.content ?? String(choices[0]?.finish_reason)),
      new AbortController().signal,
    )
    expect(tokens).toEqual(['Hello there. ', 'How are you?', 'stop'])
    const message = { role: 'assistant', content: 'Hello there. How are you?' }
    expect(response).toMatchObject({ choices: [{ message, finish_reason: 'stop' }], model: 'fake-model' })
    await run(40)
    expect(sink.of('chat').map(({ role, content }) => [role, content])).toEqual([
      ['user', 'Hello'],
      ['agent', 'Hello there.'],
      ['agent', 'How are you?'],
    ])
    expect(sink.of('status').map((event) => event.status)).toEqual(['thinking', 'speaking', 'idle'])
  })

  it('stops the model and the speech when the caller goes away', async () => {
    const { session, sink, run } = createRig({ llm: fakeLlm(['Some words. '], { hang: true }) })
    const caller = new AbortController()
    const reply = session.speech.chat(ask, () => undefined, caller.signal)
    await run(3)
    caller.abort()
    expect((await reply).choices[0]?.finish_reason).toBe('interrupted')
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted' }])
  })

  it('ends the task as failed when the model breaks, and the session lives', async () => {
    const { session, sink, run } = createRig({ llm: fakeLlm(['Some words. ', 'never'], { failAfter: 1 }) })
    await expect(session.speech.chat(ask, () => undefined, new AbortController().signal)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' })
    await run(20)
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'failed' }])
    expect(sink.of('error')).toHaveLength(1)
    session.speech.speak(say('still here'))
    await run(20)
    expect(sink.of('speech_finished').at(-1)).toMatchObject({ reason: 'completed' })
  })
})

describe('client audio', () => {
  it('acknowledges what was appended and speaks what is committed', async () => {
    const { session, sink, run } = createRig()
    const data = { audio: 'AAAA', format: 'auto' as const, sample_rate: 24_000, channels: 1 }
    session.handleEvent({ type: 'audio_buffer_append', data }, 'cli_a')
    session.handleEvent({ type: 'audio_buffer_append', data }, 'cli_a')
    session.handleEvent({ type: 'audio_buffer_commit' }, 'cli_a')
    await settle()
    expect(sink.of('audio_buffer_appended').map((event) => event.buffered_ms)).toEqual([1000, 2000])
    expect(sink.of('audio_buffer_committed')).toMatchObject([{ duration_ms: 2000 }])
    await run(60)
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: 2000 }])
  })

  it('keeps what it had when the buffer would overflow', async () => {
    const { session, sink } = createRig({ openAudio: () => fakeAudio(24_000 * 40) })
    const data = { audio: 'AAAA', format: 'auto' as const, sample_rate: 24_000, channels: 1 }
    session.handleEvent({ type: 'audio_buffer_append', data }, 'cli_a')
    session.handleEvent({ type: 'audio_buffer_append', data }, 'cli_a')
    session.handleEvent({ type: 'audio_buffer_clear' }, 'cli_a')
    await settle()
    expect(sink.of('error')).toMatchObject([{ code: 'AUDIO_BUFFER_FULL' }])
    expect(sink.of('audio_buffer_cleared')).toMatchObject([{ cleared_ms: 40_000 }])
  })

  it('answers a commit of nothing and listening without ears with what to do', async () => {
    const { session, sink } = createRig()
    session.handleEvent({ type: 'audio_buffer_commit' }, 'cli_a')
    session.handleEvent({ type: 'start_listening' }, 'cli_a')
    await settle()
    expect(sink.of('error').map((event) => event.code)).toEqual(['AUDIO_BUFFER_EMPTY', 'STT_UNAVAILABLE'])
  })

  it('answers what the user said, when it can hear', async () => {
    const { session, sink, run } = createRig({ listening: listeningServices(fakeTranscription(() => 'What time is it?')) })
    const data = { audio: 'AAAA', format: 'auto' as const, sample_rate: 24_000, channels: 1 }
    session.handleEvent({ type: 'start_listening', data: { mode: 'manual' } }, 'cli_a')
    session.handleEvent({ type: 'user_audio_append', data }, 'cli_a')
    session.handleEvent({ type: 'stop_listening' }, 'cli_a')
    await expect.poll(() => sink.of('chat')[0]).toMatchObject({ role: 'user', content: 'What time is it?' })
    await run(40)
    expect(sink.of('status').map((event) => event.status)).toContain('listening')
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
  })
})

describe('the end', () => {
  it('finishes the sentence being spoken first when asked to', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('x'.repeat(50)))
    await run(5)
    session.close('idle_timeout', { afterSpeech: true })
    await run(10)
    expect(sink.ended).toBeUndefined()
    await run(20)
    expect(sink.ended).toBe('idle_timeout')
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
    expect(() => session.speech.speak(say('more'))).toThrow(expect.objectContaining({ code: 'SESSION_NOT_FOUND' }))
  })

  it('stops at once otherwise, with every task ended', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak(say('x'.repeat(50)))
    await run(5)
    session.close('client_stop', { afterSpeech: false })
    expect(sink.ended).toBe('client_stop')
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted' }])
    expect(sink.activity.at(-1)).toBe(false)
  })
})
