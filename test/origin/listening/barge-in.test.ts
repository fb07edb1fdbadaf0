import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AvatarError } from '../../../shared/errors.ts'
import { RATE, rig, silence, types, userVoice } from '../../support/fakes/ear-rig.ts'
import { fakeTranscription } from '../../support/fakes/ears-fakes.ts'

describe('the user, while she speaks', () => {
  let voice: Int16Array = new Int16Array(0)
  beforeAll(async () => {
    voice = await userVoice()
  })
  // what waits for words to come waits by the test's clock
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('holds her at once, ends her at words, and answers', async () => {
    const { ear, hear, speech, events } = rig(fakeTranscription(() => 'Stop.'))
    ear.start()
    speech.speaking = true
    hear(voice.subarray(0, RATE))
    expect(speech.acts).toEqual(['pause'])
    expect(types(events)).toEqual(['user_speech_started'])
    hear(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: Stop.'])
  })

  it('goes on when it was no word', async () => {
    const { ear, hear, speech } = rig(fakeTranscription(() => '[cough]'))
    ear.start()
    speech.speaking = true
    hear(voice)
    hear(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
  })

  it('goes on when words do not come in time, and ends her when they come after all', async () => {
    let say: (text: string) => void = () => undefined
    const { ear, hear, speech } = rig(
      fakeTranscription(() => new Promise<string>((resolve) => (say = resolve))),
      { resume_ms: 500 },
    )
    ear.start()
    speech.speaking = true
    hear(voice)
    hear(silence(1_000))
    await vi.advanceTimersByTimeAsync(500)
    expect(speech.acts).toEqual(['pause'])
    await vi.advanceTimersByTimeAsync(500)
    expect(speech.acts).toEqual(['pause', 'resume'])
    say('Late words.')
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume', 'interrupt', 'answer: Late words.'])
  })

  it('goes on when the recogniser fails', async () => {
    const { ear, hear, speech, errors } = rig(fakeTranscription(() => Promise.reject(new AvatarError('PROVIDER_FAILED', 'it broke'))))
    ear.start()
    speech.speaking = true
    hear(voice)
    hear(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
    expect(errors).toHaveLength(1)
  })

  it('ends her at the first words of a live recogniser, which go out as they come', async () => {
    const transcription = fakeTranscription(() => 'Please stop now.', { live: true })
    const { ear, hear, speech, events } = rig(transcription)
    ear.start()
    speech.speaking = true
    hear(voice.subarray(0, RATE))
    transcription.given[0]?.partial('Please')
    expect(speech.acts).toEqual(['pause', 'interrupt'])
    expect(events.at(-1)).toMatchObject({ type: 'chat', role: 'user', content: 'Please', partial: true })
    hear(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: Please stop now.'])
  })

  it('looks at half time whether a long speech holds words, where the recogniser takes whole utterances', async () => {
    const { ear, hear, speech } = rig(
      fakeTranscription(() => 'And another thing'),
      { resume_ms: 500, silence_ms: 5_000 },
    )
    ear.start()
    speech.speaking = true
    hear(voice)
    expect(speech.acts).toEqual(['pause'])
    await vi.advanceTimersByTimeAsync(250)
    expect(speech.acts).toEqual(['pause', 'interrupt'])
    ear.close()
  })

  it('is held again where the user goes on when she begins', () => {
    const { ear, hear, speech } = rig(fakeTranscription(() => 'Words'))
    ear.start()
    hear(voice.subarray(0, RATE))
    speech.speaking = true
    hear(voice.subarray(RATE))
    expect(speech.acts).toEqual(['pause'])
    ear.close()
  })

  it('hears nothing of it with barge-in off', () => {
    const transcription = fakeTranscription(() => 'Never heard.')
    const { ear, hear, speech, events } = rig(transcription, { barge_in: 'off' })
    ear.start()
    speech.speaking = true
    hear(voice)
    hear(silence(1_000))
    expect(speech.acts).toEqual([])
    expect(transcription.given).toEqual([])
    expect(events).toEqual([])
  })

  it('stays held where an earlier text fails while the user speaks on', async () => {
    const text = Promise.withResolvers<string>()
    const { ear, hear, speech, errors } = rig(fakeTranscription(() => text.promise))
    ear.start()
    hear(voice)
    hear(silence(1_000))
    speech.speaking = true
    hear(voice.subarray(0, RATE))
    text.reject(new AvatarError('PROVIDER_FAILED', 'it broke'))
    await expect.poll(() => errors).toHaveLength(1)
    expect(speech.acts).toEqual(['pause'])
    ear.close()
  })

  it('is not ended by what was made of half an utterance once the whole was no word', async () => {
    const half = Promise.withResolvers<string>()
    const texts: (string | Promise<string>)[] = [half.promise, '[cough]']
    const transcription = fakeTranscription(() => texts.shift() ?? '')
    const { ear, hear, speech } = rig(transcription, { silence_ms: 5_000 })
    ear.start()
    speech.speaking = true
    hear(voice)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(transcription.given[1]?.finished).toBe(true)
    hear(silence(5_500))
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
    hear(voice)
    half.resolve('Old words.')
    await new Promise((resolve) => setImmediate(resolve))
    expect(speech.acts).toEqual(['pause', 'resume', 'pause'])
    ear.close()
  })
})
