import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AvatarError } from '../../../shared/errors.ts'
import { listenerRig, RATE, silence, types, userVoice } from '../../support/fakes/listener-rig.ts'
import { fakeTranscription } from '../../support/fakes/listening-fakes.ts'

describe('the user, while she speaks', () => {
  let voice: Int16Array = new Int16Array(0)
  beforeAll(async () => {
    voice = await userVoice()
  })
  // what waits for words to come waits by the test's clock
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('holds her at once, ends her at words, and answers', async () => {
    const { listener, push, speech, events } = listenerRig(fakeTranscription(() => 'Stop.'))
    listener.start()
    speech.speaking = true
    push(voice.subarray(0, RATE))
    expect(speech.acts).toEqual(['pause'])
    expect(types(events)).toEqual(['user_speech_started'])
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: Stop.'])
  })

  it('goes on when it was no word', async () => {
    const { listener, push, speech } = listenerRig(fakeTranscription(() => '[cough]'))
    listener.start()
    speech.speaking = true
    push(voice)
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
  })

  it('goes on when words do not come in time, and ends her when they come after all', async () => {
    let say: (text: string) => void = () => undefined
    const { listener, push, speech } = listenerRig(
      fakeTranscription(() => new Promise<string>((resolve) => (say = resolve))),
      { resume_ms: 500 },
    )
    listener.start()
    speech.speaking = true
    push(voice)
    push(silence(1_000))
    await vi.advanceTimersByTimeAsync(500)
    expect(speech.acts).toEqual(['pause'])
    await vi.advanceTimersByTimeAsync(500)
    expect(speech.acts).toEqual(['pause', 'resume'])
    say('Late words.')
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume', 'interrupt', 'answer: Late words.'])
  })

  it('goes on when the recogniser fails', async () => {
    const { listener, push, speech, errors } = listenerRig(
      fakeTranscription(() => Promise.reject(new AvatarError('PROVIDER_FAILED', 'it broke'))),
    )
    listener.start()
    speech.speaking = true
    push(voice)
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
    expect(errors).toHaveLength(1)
  })

  it('ends her at the first words of a live recogniser, which go out as they come', async () => {
    const transcription = fakeTranscription(() => 'Please stop now.', { live: true })
    const { listener, push, speech, events } = listenerRig(transcription)
    listener.start()
    speech.speaking = true
    push(voice.subarray(0, RATE))
    transcription.given[0]?.partial('Please')
    expect(speech.acts).toEqual(['pause', 'interrupt'])
    expect(events.at(-1)).toMatchObject({ type: 'chat', role: 'user', content: 'Please', partial: true })
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: Please stop now.'])
  })

  it('looks at half time whether a long speech holds words, where the recogniser takes whole utterances', async () => {
    const { listener, push, speech } = listenerRig(
      fakeTranscription(() => 'And another thing'),
      { resume_ms: 500, silence_ms: 5_000 },
    )
    listener.start()
    speech.speaking = true
    push(voice)
    expect(speech.acts).toEqual(['pause'])
    await vi.advanceTimersByTimeAsync(250)
    expect(speech.acts).toEqual(['pause', 'interrupt'])
    listener.close()
  })

  it('is held again where the user goes on when she begins', () => {
    const { listener, push, speech } = listenerRig(fakeTranscription(() => 'Words'))
    listener.start()
    push(voice.subarray(0, RATE))
    speech.speaking = true
    push(voice.subarray(RATE))
    expect(speech.acts).toEqual(['pause'])
    listener.close()
  })

  it('hears nothing of it with barge-in off', () => {
    const transcription = fakeTranscription(() => 'Never heard.')
    const { listener, push, speech, events } = listenerRig(transcription, { barge_in: 'off' })
    listener.start()
    speech.speaking = true
    push(voice)
    push(silence(1_000))
    expect(speech.acts).toEqual([])
    expect(transcription.given).toEqual([])
    expect(events).toEqual([])
  })

  it('stays held where an earlier text fails while the user speaks on', async () => {
    const text = Promise.withResolvers<string>()
    const { listener, push, speech, errors } = listenerRig(fakeTranscription(() => text.promise))
    listener.start()
    push(voice)
    push(silence(1_000))
    speech.speaking = true
    push(voice.subarray(0, RATE))
    text.reject(new AvatarError('PROVIDER_FAILED', 'it broke'))
    await expect.poll(() => errors).toHaveLength(1)
    expect(speech.acts).toEqual(['pause'])
    listener.close()
  })

  it('is not ended by what was made of half an utterance once the whole was no word', async () => {
    const half = Promise.withResolvers<string>()
    const texts: (string | Promise<string>)[] = [half.promise, '[cough]']
    const transcription = fakeTranscription(() => texts.shift() ?? '')
    const { listener, push, speech } = listenerRig(transcription, { silence_ms: 5_000 })
    listener.start()
    speech.speaking = true
    push(voice)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(transcription.given[1]?.finished).toBe(true)
    push(silence(5_500))
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
    push(voice)
    half.resolve('Old words.')
    await new Promise((resolve) => setImmediate(resolve))
    expect(speech.acts).toEqual(['pause', 'resume', 'pause'])
    listener.close()
  })
})
