/** What the user says while she speaks and does not mean to interrupt; what recognisers make of noise. */
import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKCHANNEL_PHRASES } from '../../../origin/listening/backchannel-phrases.ts'
import { PhraseSet } from '../../../origin/listening/phrase-set.ts'
import { TurnDetection } from '../../../shared/turn-detection.ts'
import { type ListenerRig, listenerRig, RATE, silence, types, userVoice } from '../../support/fakes/listener-rig.ts'
import { fakeTranscription } from '../../support/fakes/listening-fakes.ts'
import { cough } from '../../support/signals/cough.ts'
import { noise, seeded, toPcm } from '../../support/signals/noise.ts'
import { embeddedSpeech } from '../../support/signals/test-speech.ts'

const STOPS = [
  ...[
    'stop',
    'Stop it.',
    'wait',
    'no',
    'No, no.',
    'hold on',
    'hang on',
    'enough',
    'sorry',
    'excuse me',
    'but',
    'hey',
    'what?',
    'quiet',
    'nope',
  ],
  ...[
    'nein',
    'halt',
    'stopp',
    'warte',
    'Moment',
    'genug',
    'non',
    'arrête',
    'attends',
    'ça suffit',
    'para',
    'espera',
    'alto',
    'basta',
    'aspetta',
  ],
  ...[
    'não',
    'espere',
    'pare',
    'nee',
    'wacht',
    'nie',
    'czekaj',
    'ne',
    'počkej',
    'нет',
    'стой',
    'подожди',
    'хватит',
    'hayır',
    'dur',
    'bekle',
    'لا',
    'توقف',
  ],
  ...[
    'नहीं',
    'रुको',
    'いいえ',
    '待って',
    'ちょっと待って',
    'やめて',
    'ストップ',
    '不',
    '不是',
    '停',
    '等一下',
    '对不起',
    '行了',
    '아니',
    '아니요',
    '잠깐',
    '멈춰',
  ],
]
const ALONE = [
  ...[
    'Mm-hm.',
    'mmhm',
    'Mhm',
    'Hmm.',
    'Uh-huh.',
    'Uh huh',
    'Okay.',
    'OK',
    'Okaaay',
    'Yeah.',
    'Yeah, yeah.',
    'Right.',
    'I see.',
    'Yes, I see.',
    'Oh, okay. Got it.',
  ],
  ...[
    'Ja, genau.',
    'Ach so!',
    'Alles klar.',
    'Oui.',
    'D’accord.',
    'Ah bon ?',
    'Sí, claro.',
    'vale vale',
    'Ajá.',
    'Sì, sì.',
    'Tá bom.',
    'Так.',
    'Ага, понятно.',
    'Tamam.',
  ],
  ...['はい。', 'はいはい', 'うんうん', 'なるほど。', 'そうですね。', '嗯嗯', '好的。', '네, 네.', '그렇군요.', 'نعم', 'हाँ, ठीक है।'],
]
const MORE = ['Okay, stop.', 'Yes but why?', 'Right now?', 'I see a problem.', 'Yeah no.', 'Good morning.', 'はい、でも', '好不好']

describe('phrases of listeners', () => {
  const phrases = new PhraseSet(BACKCHANNEL_PHRASES)

  it.each(ALONE)('are %s', (text) => expect(phrases.covers(text)).toBe(true))

  it.each([...STOPS, ...MORE])('are not: %s', (text) => expect(phrases.covers(text)).toBe(false))

  it.each(STOPS)('do not begin as %s, so that it interrupts at its first partial text', (text) => {
    expect(phrases.mayBecome(text)).toBe(false)
  })

  it.each(['M', 'Mm', 'Uh', 'Uh-', 'I', 'Oka', 'Okay, I', 'なる'])('may come of %s', (text) => expect(phrases.mayBecome(text)).toBe(true))
})

describe('a listener’s "mm-hm" while she speaks', () => {
  let voice: Int16Array = new Int16Array(0)
  beforeAll(async () => {
    voice = await userVoice()
  })
  const over = (text: string, settings: Partial<TurnDetection> = {}): ListenerRig => {
    const rig = listenerRig(
      fakeTranscription(() => text),
      settings,
    )
    rig.listener.start()
    rig.speech.speaking = true
    rig.push(voice)
    rig.push(silence(1_000))
    return rig
  }

  it.each(['Mm-hm.', 'Okay.', 'Yeah, I see.', 'Genau.', 'うん'])('does not end her turn and is not answered: %s', async (text) => {
    const { speech, events } = over(text)
    await expect.poll(() => speech.acts).toEqual(['pause', 'resume'])
    expect(events.at(-1)).toMatchObject({ type: 'user_speech_dropped', reason: 'backchannel', content: text })
    expect(types(events)).toEqual(['user_speech_started', 'user_speech_stopped', 'user_speech_dropped'])
  })

  it.each(['Stop.', 'No.', 'Okay, wait.'])('ends it with other words: %s', async (text) => {
    const { speech } = over(text)
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', `answer: ${text}`])
  })

  it('is an answer while she is silent', async () => {
    const { listener, push, speech } = listenerRig(fakeTranscription(() => 'Okay.'))
    listener.start()
    push(voice)
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['answer: Okay.'])
  })

  it('is an answer over the last syllable of her question', async () => {
    const { listener, push, speech } = listenerRig(fakeTranscription(() => 'Yes.'))
    listener.start()
    speech.speaking = true
    speech.remainingMs = 300
    push(voice)
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: Yes.'])
  })

  it('interrupts where the session says so', async () => {
    const { speech } = over('Okay.', { backchannels: 'interrupt' })
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: Okay.'])
  })

  it('is what the session says, instead of the built-in list', async () => {
    const settings = { backchannel_phrases: ['roger that'] }
    const roger = over('Roger that!', settings)
    const okay = over('Okay.', settings)
    await expect.poll(() => roger.speech.acts).toEqual(['pause', 'resume'])
    await expect.poll(() => okay.speech.acts).toEqual(['pause', 'interrupt', 'answer: Okay.'])
    expect(TurnDetection.safeParse({ backchannel_phrases: ['…'] }).error?.issues[0]?.message).toContain('letter or a digit')
  })

  it('does not interrupt by its first parts, and shows none of them; more words do', async () => {
    const transcription = fakeTranscription(() => 'I see a problem.', { live: true })
    const { listener, push, speech, events } = listenerRig(transcription)
    listener.start()
    speech.speaking = true
    push(voice)
    for (const text of ['[laugh', 'I', 'I see']) transcription.given[0]?.partial(text)
    expect(speech.acts).toEqual(['pause'])
    expect(types(events)).toEqual(['user_speech_started'])
    transcription.given[0]?.partial('I see a problem')
    expect(speech.acts).toEqual(['pause', 'interrupt'])
    push(silence(1_000))
    await expect.poll(() => speech.acts).toEqual(['pause', 'interrupt', 'answer: I see a problem.'])
  })

  it.each(['Stop.', 'Wait.', 'No.', 'Hold on.'])(
    'unlike "%s", which is understood in its first pause, within half a second',
    async (text) => {
      const [said] = await embeddedSpeech(['flite_rms'], [text])
      const sound = toPcm(said?.sound ?? new Float32Array())
      const { listener, push, speech } = listenerRig(fakeTranscription(() => text))
      listener.start()
      speech.speaking = true
      push(silence(500))
      const endMs = ((said?.said.lastIndexOf(true) ?? 0) + 1) * 20
      const all = new Int16Array(sound.length + RATE)
      all.set(sound)
      let heardMs = 0
      for (; !speech.acts.includes('interrupt') && heardMs * 16 < all.length; heardMs += 20) {
        push(all.subarray(heardMs * 16, heardMs * 16 + 320))
        await setImmediate()
      }
      expect(speech.acts).toEqual(['pause', 'interrupt'])
      expect(heardMs - endMs).toBeLessThan(500)
      listener.close()
    },
  )
})

describe('what recognisers make of noise', () => {
  const heard = (sound: Float32Array, text: string, settings: Partial<TurnDetection> = {}): ListenerRig => {
    const rig = listenerRig(
      fakeTranscription(() => text),
      settings,
    )
    const room = noise('pink', sound.length + 2 * RATE, seeded(1)).map((value, i) => value * 0.001 + (sound[i - RATE] ?? 0))
    rig.listener.start()
    rig.push(toPcm(room))
    return rig
  }
  /** Coughs that begin a turn. */
  const coughs = Array.from({ length: 12 }, (_, i) => cough(seeded(i), 0.5).map((value) => value * 0.4))

  it.each([
    'Thank you.',
    'Thanks for watching!',
    'Subtitles by the Amara.org community',
    'Thank you all for watching and I will see you in the next one.',
    'Please like this video and subscribe.',
    'Untertitel im Auftrag des ZDF für funk, 2017',
    'ご視聴ありがとうございました',
  ])('is no turn: %s of a cough', async (text) => {
    const rigs = coughs.map((sound) => heard(sound, text))
    const begun = rigs.filter(({ events }) => types(events).includes('user_speech_started'))
    expect(begun.length).toBeGreaterThan(5)
    for (const { events, speech } of begun) {
      await expect.poll(() => events.at(-1)).toMatchObject({ type: 'user_speech_dropped', reason: 'phantom', content: text })
      expect(speech.acts).toEqual([])
    }
  })

  it.each(['Thank you.', 'Bye.', 'Thanks for watching!'])('is answered where it was said: %s', async (text) => {
    const said = await embeddedSpeech(['flite_rms', 'flite_awb'], [text])
    const rigs = said.map(({ sound }) => heard(sound, text))
    for (const { speech } of rigs) await expect.poll(() => speech.acts).toEqual([`answer: ${text}`])
  })

  it.each(['[Music]', '(coughs)', '♪', '.', '', '*sighs*', '【音楽】', '[BLANK_AUDIO', '<|nospeech|>'])(
    'tells that "%s" was no word',
    async (text) => {
      const [said] = await embeddedSpeech(['flite_rms'], ['Please tell me something about yourself.'])
      const { events, speech } = heard(said?.sound ?? new Float32Array(), text)
      await expect.poll(() => events.at(-1)).toMatchObject({ type: 'user_speech_dropped', reason: 'no_words', content: text })
      expect(speech.acts).toEqual([])
    },
  )

  it('is nothing either where a button was pressed and nothing said', async () => {
    const { listener, push, events, speech } = listenerRig(fakeTranscription(() => 'Thank you.'))
    listener.start('manual')
    push(silence(2_000))
    listener.stop()
    await expect.poll(() => events.at(-1)).toMatchObject({ type: 'user_speech_dropped', reason: 'phantom' })
    expect(speech.acts).toEqual([])
  })
})
