import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { TranscriptionProvider } from '../../../origin/providers/stt/types.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { listenerRig, RATE, silence, types, userVoice } from '../../support/fakes/listener-rig.ts'
import { fakeTranscription } from '../../support/fakes/listening-fakes.ts'

describe('the listener', () => {
  let voice: Int16Array = new Int16Array(0)
  beforeAll(async () => {
    voice = await userVoice()
  })

  it('hears a turn hands-free, from before its first sound, and answers it once, with its times', async () => {
    const transcription = fakeTranscription(() => 'Wait a moment.')
    const { listener, push, speech, events } = listenerRig(transcription)
    listener.start()
    push(silence(600))
    push(voice)
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['answer: Wait a moment.'])
    expect(types(events)).toEqual(['user_speech_started', 'user_speech_stopped'])
    expect(events[1]).toMatchObject({ duration_ms: expect.closeTo((voice.length / RATE) * 1000, -3) })
    expect(transcription.given).toHaveLength(1)
    expect(transcription.languages).toEqual(['en'])
    // the prefix of 300 ms and the silence that ended it are part of it
    expect(transcription.given[0]?.samples).toBeGreaterThan(voice.length + 0.4 * RATE)
    const { endMs = 0, vadEndMs = 0, sttFinalMs = 0 } = speech.times[0] ?? {}
    expect(vadEndMs - endMs).toBeGreaterThanOrEqual(480)
    expect(vadEndMs - endMs).toBeLessThan(800)
    expect(sttFinalMs).toBeGreaterThanOrEqual(vadEndMs)
  })

  it('asks nobody while nobody speaks, and closing it then is no turn', () => {
    const transcription = fakeTranscription(() => 'never')
    const { listener, push, events } = listenerRig(transcription)
    listener.start()
    push(silence(2_000))
    listener.stop()
    expect(transcription.given).toEqual([])
    expect(events).toEqual([])
    expect(listener.listening).toBe(false)
  })

  it.each(['', '[BLANK_AUDIO]', '(keyboard clicks)', '...', '♪ ♪'])('takes the transcript "%s" for no turn', async (text) => {
    const transcription = fakeTranscription(() => text)
    const { listener, push, speech, events } = listenerRig(transcription)
    listener.start()
    push(voice)
    listener.stop()
    await expect.poll(() => types(events)).toContain('user_speech_stopped')
    // the line is given back once all that was said has its text
    await expect.poll(() => transcription.openLines).toBe(0)
    expect(speech.acts).toEqual([])
  })

  it('takes all between start and stop for one turn when told by hand', async () => {
    const transcription = fakeTranscription(() => 'All of it.')
    const { listener, push, speech } = listenerRig(transcription)
    listener.start('manual')
    push(voice)
    push(silence(2_000))
    push(voice)
    listener.stop()
    await expect.poll(() => speech.acts).toEqual(['answer: All of it.'])
    expect(transcription.given.map(({ samples }) => samples)).toEqual([2 * voice.length + 2 * RATE])
  })

  it('takes sound of any length from the socket, and leaves the microphone out then', async () => {
    const transcription = fakeTranscription(() => 'Over the socket.')
    const { listener, push, speech } = listenerRig(transcription)
    listener.start('manual')
    await listener.append(new Int16Array(24_000 * 3))
    push(voice)
    listener.stop()
    await expect.poll(() => speech.acts).toEqual(['answer: Over the socket.'])
    expect(Math.abs((transcription.given[0]?.samples ?? 0) - 3 * RATE)).toBeLessThan(100)
  })

  // Broke: whoever began to listen before WebRTC stood was deaf from then on, for the microphone was left out for good.
  it('goes on with the microphone, of which nothing is lost, where the sound moves there from the socket', async () => {
    const transcription = fakeTranscription(() => 'All of it.')
    const { listener, push, speech } = listenerRig(transcription)
    listener.start('manual')
    for (let i = 0; i < 10; i++) {
      await listener.append(new Int16Array(2_400))
      // what comes by both ways counts once
      push(silence(100))
    }
    await listener.append(new Int16Array(2_400))
    push(voice)
    listener.stop()
    await expect.poll(() => speech.acts).toEqual(['answer: All of it.'])
    expect(Math.abs((transcription.given[0]?.samples ?? 0) - 1.1 * RATE - voice.length)).toBeLessThan(0.12 * RATE)
  })

  it('ends a turn at a minute', async () => {
    const transcription = fakeTranscription(() => 'A long story.')
    const { listener, push, speech } = listenerRig(transcription)
    listener.start('manual')
    push(silence(60_500))
    await expect.poll(() => speech.acts).toEqual(['answer: A long story.'])
    expect(listener.listening).toBe(true)
    listener.close()
  })

  it('ends a turn whose sound stays away', async () => {
    const { listener, push, speech } = listenerRig(
      fakeTranscription(() => 'Hello?'),
      { silence_ms: 200 },
    )
    listener.start()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    push(voice)
    await vi.advanceTimersByTimeAsync(200 + 600)
    vi.useRealTimers()
    await expect.poll(() => speech.acts).toEqual(['answer: Hello?'])
    listener.close()
  })

  it('tells levels ten times a second, with what the detector thinks', () => {
    const { listener, push, levels } = listenerRig(fakeTranscription(() => ''))
    listener.start()
    push(silence(500))
    expect(levels).toHaveLength(5)
    expect(levels[4]).toMatchObject({ type: 'level', level_db: -100, speech: expect.any(Number) })
    push(voice)
    expect(levels.some((event) => event.type === 'level' && event.level_db > -30 && (event.speech ?? 0) > 0.9)).toBe(true)
    listener.close()
  })

  it('says which variables to set where nobody hears', () => {
    const { listener } = listenerRig(undefined)
    expect(() => listener.start()).toThrow(
      expect.objectContaining({ code: 'STT_UNAVAILABLE', message: expect.stringContaining('OPENAI_API_KEY') }),
    )
    expect(() => listener.stop()).toThrow(AvatarError)
  })

  it('tells the failure of a recogniser, and hears the next turn', async () => {
    let turns = 0
    const transcription = fakeTranscription(() => {
      turns += 1
      if (turns === 1) throw new AvatarError('PROVIDER_FAILED', 'it broke')
      return 'Again.'
    })
    const { listener, push, speech, errors } = listenerRig(transcription)
    listener.start()
    push(voice)
    push(silence(1_000))
    await expect.poll(() => errors.map(({ code }) => code)).toEqual(['PROVIDER_FAILED'])
    push(voice)
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['answer: Again.'])
  })

  it('ends all work when the session does', async () => {
    const transcription = fakeTranscription(() => new Promise<string>(() => undefined))
    const { listener, push, errors, speech } = listenerRig(transcription)
    listener.start()
    push(voice)
    push(silence(1_000))
    push(voice)
    listener.close()
    expect(transcription.given.map(({ signal }) => signal.aborted)).toEqual([true, true])
    await expect.poll(() => transcription.openLines).toBe(0)
    expect(errors).toEqual([])
    expect(speech.acts).toEqual([])
  })

  it('survives a text that fails while an earlier one is awaited', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const texts = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const transcription = fakeTranscription(() => texts.shift()?.promise ?? '')
    const [first, second] = texts
    const { listener, push, speech, errors } = listenerRig(transcription)
    listener.start('manual')
    push(voice)
    listener.stop()
    listener.start('manual')
    push(voice)
    listener.stop()
    second?.reject(new AvatarError('PROVIDER_FAILED', 'it broke'))
    // unhandled rejections are told once the microtasks are done
    await new Promise((resolve) => setImmediate(resolve))
    first?.resolve('First.')
    await expect.poll(() => errors.map(({ code }) => code)).toEqual(['PROVIDER_FAILED'])
    process.off('unhandledRejection', unhandled)
    expect(speech.acts).toEqual(['answer: First.'])
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('does not open once the session is over', () => {
    const transcription = fakeTranscription(() => '')
    const { listener, push } = listenerRig(transcription)
    listener.close()
    expect(() => listener.start()).toThrow(expect.objectContaining({ code: 'SESSION_NOT_FOUND' }))
    push(voice)
    expect([listener.listening, transcription.openLines, transcription.given.length]).toEqual([false, 0, 0])
  })

  it('answers nobody when the session ends with the text', async () => {
    const text = Promise.withResolvers<string>()
    const transcription = fakeTranscription(() => text.promise)
    const { listener, push, speech } = listenerRig(transcription)
    listener.start('manual')
    push(voice)
    listener.stop()
    text.resolve('Too late.')
    listener.close()
    await expect.poll(() => transcription.openLines).toBe(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(speech.acts).toEqual([])
  })

  it('leaves a recogniser behind that does not end when it is told to', async () => {
    const transcription = fakeTranscription(() => '')
    const stuck: TranscriptionProvider = {
      ...transcription,
      open: () => ({
        begin: () => ({ push: () => undefined, finish: () => new Promise<string>(() => undefined) }),
        close: () => {
          transcription.openLines -= 1
        },
      }),
    }
    transcription.openLines = 1
    const { listener, push } = listenerRig(stuck)
    listener.start('manual')
    push(voice)
    listener.stop()
    listener.close()
    await expect.poll(() => transcription.openLines).toBe(0)
  })

  it('keeps no line open for the texts of another', async () => {
    const transcription = fakeTranscription(() => new Promise<string>(() => undefined))
    const { listener, push } = listenerRig(transcription)
    listener.start('manual')
    push(voice)
    listener.stop()
    for (let i = 0; i < 10; i++) {
      listener.start()
      listener.start()
      listener.stop()
    }
    await expect.poll(() => transcription.openLines).toBe(1)
    listener.close()
  })

  it('ends the turn that it hears when it is told to listen by hand, and takes what follows for another', async () => {
    let turns = 0
    const transcription = fakeTranscription(() => (++turns === 1 ? 'Hands free.' : 'By hand.'))
    const { listener, push, speech, events } = listenerRig(transcription)
    listener.start()
    push(voice)
    listener.start('manual')
    push(silence(500))
    listener.stop()
    await expect.poll(() => speech.acts).toEqual(['answer: Hands free.', 'answer: By hand.'])
    expect(types(events)).toEqual(['user_speech_started', 'user_speech_stopped'])
    expect(transcription.given[1]?.samples).toBe(RATE / 2)
  })
})
