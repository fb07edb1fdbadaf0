import { describe, expect, it } from 'vitest'
import { SAMPLE_RATE, TICK_SAMPLES } from '../../../shared/media.ts'
import { createRig, fakeLlm, fakeTts, type Rig, settle } from '../../support/fakes/session-fakes.ts'
import { faceValue } from '../../support/signals/face-values.ts'

/** A voice whose samples count up, so that every sample tells where it belongs. */
const countingVoice = {
  ...fakeTts,
  async *speak({ text }: { text: string }) {
    await Promise.resolve()
    const pcm = Int16Array.from({ length: text.length * 480 }, (_, i) => 1 + (i % 30_000))
    yield { pcm, phones: [{ name: 'aa', startS: 0, endS: pcm.length / SAMPLE_RATE }] }
  },
}
const TEXT = 'one two three four five six seven eight nine ten'
/** Samples that were sent in pieces, up to where each was stopped. */
const wavs = ({ sink }: Rig) => sink.of('audio').filter(({ format }) => format === 'wav')
const samplesOf = (data: string) => {
  const bytes = Buffer.from(data, 'base64').subarray(44)
  return Int16Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(i * 2))
}

describe('holding speech', () => {
  it('lets nothing leave, and goes on without losing or skipping a sample', async () => {
    const one = createRig({ tts: countingVoice })
    const { task_id } = one.session.speech.speak({ text: TEXT })
    await one.run(10)
    expect(one.session.speech.pauseSpeech()).toBe(true)
    const [paused] = one.sink.of('speech_paused')
    expect(paused).toMatchObject({ task_id, played_ms: 400, generation: 1 })
    const sent = one.sink.of('audio').length
    await one.run(30)
    expect(one.sink.of('audio')).toHaveLength(sent)
    expect(one.session.speech.resumeSpeech()).toBe(true)
    await one.run(60)
    const [resumed] = one.sink.of('speech_resumed')
    expect(resumed).toMatchObject({ task_id })
    const fromMs = resumed?.played_ms ?? Number.NaN
    expect(fromMs).toBeLessThanOrEqual(400)
    expect(fromMs).toBeGreaterThanOrEqual(0)
    const [before, after] = wavs(one)
    expect(after?.pts_ms).toBe(fromMs)
    // its first 5 ms fade in
    const whole = samplesOf(before?.data ?? '').subarray((fromMs / 1000) * SAMPLE_RATE)
    expect(samplesOf(after?.data ?? '').subarray(120)).toEqual(whole.subarray(120))
    expect(one.sink.of('speech_finished')).toMatchObject([{ task_id, reason: 'completed', played_ms: 960 }])
    expect(one.sink.of('chat')).toHaveLength(1)
    expect(one.sink.of('speech_started')).toHaveLength(1)
  })

  it('knows how much is left, which falls as it leaves, paused or not', async () => {
    const { session, run } = createRig({ tts: countingVoice })
    session.speech.speak({ text: TEXT })
    await run(10)
    expect(session.speech.remainingMs).toBe(960 - 400)
    session.speech.pauseSpeech()
    await run(10)
    expect(session.speech.remainingMs).toBe(960 - 400)
    session.speech.speak({ text: TEXT })
    expect(session.speech.remainingMs).toBe(Number.POSITIVE_INFINITY)
    session.speech.interrupt()
    expect(session.speech.remainingMs).toBe(0)
  })

  it('takes back the tick that was prepared and has not left', async () => {
    const one = createRig({ tts: countingVoice })
    one.session.speech.speak({ text: TEXT })
    await one.run(5)
    const late = one.session.prepare(10_000)
    one.session.speech.pauseSpeech()
    one.session.deliverSound(late)
    one.session.deliverFrame(late, { jpeg: new Uint8Array(1), size: 360 })
    expect(one.sink.of('speech_paused')).toMatchObject([{ played_ms: 200 }])
    const frames = one.sink.of('frame').length
    one.session.speech.resumeSpeech()
    await one.run(1)
    expect(one.sink.of('speech_resumed')[0]?.played_ms).toBeLessThanOrEqual(200)
    expect(one.sink.of('frame')).toHaveLength(frames + 1)
  })

  it('closes the mouth and shows that she listens', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak({ text: TEXT })
    await run(5)
    session.speech.pauseSpeech()
    expect(session.speech.speaking).toBe(false)
    expect(session.speech.paused).toBe(true)
    expect(sink.of('status').at(-1)?.status).toBe('listening')
    await run(5)
    expect(session.prepare(0).request?.face).toBeUndefined()
    session.speech.resumeSpeech()
    expect(sink.of('status').at(-1)?.status).toBe('speaking')
    await run(3)
    // the fake voice says nothing but "aa"
    expect(faceValue(session.prepare(0).request?.face, 'aa')).toBeGreaterThan(0.5)
  })

  it('is ended by an interrupt: one acknowledgement, one end', async () => {
    const { session, sink, run } = createRig()
    const { task_id } = session.speech.speak({ text: TEXT })
    session.speech.speak({ text: 'waiting' })
    await run(10)
    session.speech.pauseSpeech()
    await run(5)
    expect(session.speech.interrupt()).toMatchObject({ status: 'interrupted', task_id, played_ms: 400 })
    await run(10)
    expect(sink.of('interrupted')).toMatchObject([{ task_id, played_ms: 400, generation: 2 }])
    expect(sink.of('speech_finished').map((event) => event.reason)).toEqual(['interrupted', 'interrupted'])
    expect(session.speech.paused).toBe(false)
    session.speech.speak({ text: 'again' })
    await run(10)
    expect(sink.of('speech_finished').at(-1)).toMatchObject({ reason: 'completed' })
  })

  it('holds an answer that has not begun to sound', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak({ text: TEXT })
    expect(session.speech.pauseSpeech()).toBe(true)
    await run(10)
    expect(sink.of('audio')).toEqual([])
    session.speech.resumeSpeech()
    await run(30)
    expect(sink.of('speech_paused')).toMatchObject([{ played_ms: 0 }])
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: 960 }])
  })

  it('says nothing where there is nothing to hold, or to resume', async () => {
    const { session, sink, run } = createRig()
    expect(session.speech.pauseSpeech()).toBe(false)
    expect(session.speech.resumeSpeech()).toBe(false)
    session.speech.speak({ text: 'x' })
    await run(1)
    session.speech.pauseSpeech()
    expect(session.speech.pauseSpeech()).toBe(false)
    expect(sink.of('speech_paused')).toHaveLength(1)
  })

  it('as often as it is done, says everything once', async () => {
    const one = createRig({ tts: countingVoice })
    one.session.speech.speak({ text: TEXT })
    let toMs = 0
    for (let i = 0; i < 40 && one.sink.of('speech_finished').length === 0; i++) {
      await one.run(1 + (i % 4))
      if (!one.session.speech.pauseSpeech()) continue
      await one.run(2)
      one.session.speech.resumeSpeech()
      expect(one.sink.of('speech_resumed').at(-1)?.played_ms).toBeLessThanOrEqual(one.sink.of('speech_paused').at(-1)?.played_ms ?? 0)
    }
    await one.run(60)
    for (const { pts_ms, duration } of wavs(one)) {
      expect(pts_ms).toBeLessThanOrEqual(toMs)
      toMs = Math.max(toMs, pts_ms + duration * 1000)
    }
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: 960 }])
  })

  it('is passed over by the client going away', async () => {
    const { session, sink, run } = createRig({ llm: fakeLlm(['Some words to say. '], { hang: true }) })
    const caller = new AbortController()
    const reply = session.speech.chat({ messages: [{ role: 'user', content: 'Hello' }] }, () => undefined, caller.signal)
    await run(3)
    session.speech.pauseSpeech()
    caller.abort()
    await reply
    await settle()
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted' }])
    expect(session.speech.paused).toBe(false)
  })
})

describe('what was played', () => {
  it('is at hand for a second, silence included', async () => {
    const { session, run } = createRig()
    session.speech.speak({ text: 'x'.repeat(20) })
    await run(15)
    const { echoReference: played } = session.speech
    const recent = played.recent()
    expect(recent).toHaveLength(SAMPLE_RATE)
    expect(recent.filter((sample) => sample === 1000)).toHaveLength(0.4 * SAMPLE_RATE)
    expect(recent.subarray(0, 10 * TICK_SAMPLES).every((sample) => sample === 0)).toBe(true)
    expect(played.untilMs).toBe(15 * 40 + 40)
  })
})

describe('a task that takes the place of others', () => {
  it('interrupts what is said and what waits', async () => {
    const { session, sink, run } = createRig()
    const first = session.speech.speak({ text: TEXT })
    const second = session.speech.speak({ text: TEXT })
    await run(5)
    const third = session.speech.speak({ text: 'now this', mode: 'interrupt' })
    expect(third.status).toBe('processing')
    await run(20)
    expect(sink.of('interrupted')).toMatchObject([{ task_id: first.task_id }])
    expect(sink.of('speech_finished').map(({ task_id, reason }) => [task_id, reason])).toEqual([
      [first.task_id, 'interrupted'],
      [second.task_id, 'interrupted'],
      [third.task_id, 'completed'],
    ])
  })

  it('interrupts nothing where nothing is said', async () => {
    const { session, sink, run } = createRig()
    session.speech.speak({ text: 'hello', mode: 'interrupt' })
    await session.speech.chat(
      { messages: [{ role: 'user', content: 'Hello' }], mode: 'interrupt' },
      () => undefined,
      new AbortController().signal,
    )
    await run(40)
    expect(sink.of('interrupted')).toHaveLength(1)
    expect(sink.of('speech_finished').map(({ reason }) => reason)).toEqual(['interrupted', 'completed'])
  })
})
