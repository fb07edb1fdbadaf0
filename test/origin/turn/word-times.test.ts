import { describe, expect, it } from 'vitest'
import { createFliteVoice } from '../../../origin/providers/tts/flite/index.ts'
import type { CharacterTime } from '../../../origin/providers/tts/types.ts'
import { wordTimes } from '../../../origin/turn/word-times.ts'
import { createRig, fakeTts } from '../../support/fakes/session-fakes.ts'

/** Each character takes 100 ms, from `fromS` on. */
const spell = (text: string, fromS = 0): CharacterTime[] =>
  [...text].map((sign, i) => ({ text: sign, startS: fromS + i / 10, endS: fromS + (i + 1) / 10 }))
const shown = (words: readonly { word: string; startMs: number; endMs: number }[]) =>
  words.map(({ word, startMs, endMs }) => [word, Math.round(startMs), Math.round(endMs)])

describe('times of words', () => {
  it('are the voice’s own where it tells its characters', () => {
    const clause = { text: 'Hi, you there!', durationMs: 2000, characters: spell('Hi, you there!') }
    expect(shown(wordTimes(clause))).toEqual([
      ['Hi,', 0, 200],
      ['you', 400, 700],
      ['there!', 800, 1300],
    ])
  })

  it('of words that the voice spells otherwise lie between their neighbours', () => {
    const clause = { text: 'Pay $5 now.', durationMs: 3000, characters: spell('Pay five dollars now.') }
    expect(shown(wordTimes(clause))).toEqual([
      ['Pay', 0, 300],
      ['$5', 300, 1700],
      ['now.', 1700, 2000],
    ])
  })

  it('of numbers are as long as what is said for them', () => {
    const words = wordTimes({ text: 'Pay $1,200 at 10:30 now.', durationMs: 3_500 })
    expect(words.map(({ word }) => word)).toEqual(['Pay', '$1,200', 'at', '10:30', 'now.'])
    const [, amount, , time, now] = words.map(({ startMs, endMs }) => endMs - startMs)
    expect(amount).toBeGreaterThan(2 * (time ?? 0))
    expect(time).toBeGreaterThan(2 * (now ?? 0))
  })

  it('grow with what is known', () => {
    const clause = { text: 'One two', durationMs: 900, characters: spell('One ') }
    expect(shown(wordTimes(clause))[0]).toEqual(['One', 0, 300])
    clause.characters = spell('One two')
    expect(shown(wordTimes(clause))[1]).toEqual(['two', 400, 700])
  })

  it('are shared by the letters where the voice tells nothing', () => {
    expect(shown(wordTimes({ text: 'a bb – c', durationMs: 400 }))).toEqual([
      ['a', 0, 100],
      ['bb –', 100, 300],
      ['c', 300, 400],
    ])
  })

  it('keep clear of the voice’s rests, by its phones', async () => {
    const voice = await createFliteVoice()
    const text = 'Yes, certainly, that is the most wonderful idea of all, Peter.'
    const [piece] = await Array.fromAsync(voice.speak({ text, voiceId: voice.defaultVoiceId, settings: {} }, new AbortController().signal))
    await voice.close()
    if (!piece?.phones) throw new Error('no phones')
    const words = wordTimes({ text, durationMs: (piece.pcm.length / 24_000) * 1000, phones: piece.phones })
    const rests = piece.phones.filter(({ name, startS, endS }) => name === 'pau' && endS - startS > 0.05)
    expect(rests.length).toBeGreaterThan(1)
    for (const { startMs, endMs } of words) {
      for (const rest of rests) expect(Math.min(endMs, rest.endS * 1000) - Math.max(startMs, rest.startS * 1000)).toBeLessThan(1)
    }
    expect(words.map(({ word }) => word).join(' ')).toBe(text)
  })
})

describe('word events', () => {
  const TEXT = 'One two three. Four five six!'

  it('come once each, in order, at their time', async () => {
    const { session, sink, run } = createRig()
    const { task_id } = session.speech.speak({ text: TEXT })
    await run(40)
    const words = sink.of('word')
    expect(words.map(({ word }) => word).join(' ')).toBe(TEXT)
    const first = sink.of('audio').find(({ format }) => format === 'pcm_s16le')
    for (const [i, event] of words.entries()) {
      expect(event).toMatchObject({ task_id, generation: 0 })
      expect(event.start_ms).toBeGreaterThanOrEqual(words[i - 1]?.end_ms ?? 0)
      expect(event.timestamp - (first?.timestamp ?? 0)).toBeCloseTo(event.start_ms / 1000, 2)
    }
    expect(sink.events.filter(({ event }) => event.type === 'word').every(({ relayClass }) => relayClass === 'word')).toBe(true)
  })

  it('are not made where nobody wants them, and not for sound without text', async () => {
    const { session, sink, run } = createRig()
    session.handleEvent({ type: 'audio_buffer_append', data: { audio: 'AAAA', format: 'auto', sample_rate: 24_000, channels: 1 } }, 'a')
    session.handleEvent({ type: 'audio_buffer_commit' }, 'a')
    await run(30)
    const { wants } = createRig()
    session.want({ ...wants, words: false }, { ...wants, words: false })
    session.speech.speak({ text: TEXT })
    await run(40)
    expect(sink.of('speech_finished')).toHaveLength(2)
    expect(sink.of('word')).toEqual([])
  })

  it('stop with the speech, and the word that is cut off is not said to be heard', async () => {
    const { session, sink, run } = createRig({ tts: { ...fakeTts, speak: withCharacters } })
    session.speech.speak({ text: 'One two three four' })
    await run(13)
    const { spoken_text } = session.speech.interrupt()
    await run(20)
    expect(sink.of('word').map(({ word }) => word)).toEqual(['One', 'two'])
    expect(spoken_text).toBe('One')
  })

  it('held speech goes on with the word that it stopped in', async () => {
    const { session, sink, run } = createRig({ tts: { ...fakeTts, speak: withCharacters } })
    session.speech.speak({ text: 'One two three four' })
    // however many ticks pass before the first sound
    for (let ticks = 0; ticks < 100 && (session.speech.current?.playedMs ?? 0) < 520; ticks++) await run(1)
    session.speech.pauseSpeech()
    session.speech.resumeSpeech()
    await run(60)
    expect(sink.of('speech_paused')).toMatchObject([{ played_ms: 520 }])
    expect(sink.of('speech_resumed')).toMatchObject([{ played_ms: 400 }])
    expect(sink.of('word').map(({ word }) => word)).toEqual(['One', 'two', 'three', 'four'])
    expect(sink.of('speech_finished')).toMatchObject([{ reason: 'completed', played_ms: 1800 }])
  })
})

async function* withCharacters({ text }: { text: string }) {
  await Promise.resolve()
  yield { pcm: new Int16Array(text.length * 2400).fill(1000), characters: spell(text) }
}
