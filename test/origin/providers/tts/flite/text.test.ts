import { describe, expect, it } from 'vitest'
import { MAX_TEXT_CHARS, pauseAfterS, speakableText } from '../../../../../origin/providers/tts/flite/text.ts'

describe('speakable text', () => {
  it.each([
    ['Hello there.', 'Hello there.'],
    ['  two\n\nlines\t here ', 'two lines here'],
    ['See https://www.example.com/docs now.', 'See example dot com/docs now.'],
    ['Mail me at info@example.org.', 'Mail me at info@example dot org.'],
    ['**Bold**, `code` and # heading', 'Bold, code and heading'],
    ['snake_case stays', 'snake_case stays'],
    ['“Quoted” — it’s fine…', "Quoted, it's fine,"],
    ['café, naïve, Zürich, Łódź', 'cafe, naive, Zurich, lodz'],
    ['€5 or £3.50', '5 euros or 3.50 pounds'],
    ['20 °C outside', '20 degrees Celsius outside'],
    ['salt & pepper by AT&T', 'salt and pepper by AT and T'],
    ['Great job 🎉👍', 'Great job'],
    ['你好 world', 'world'],
    ['Dr. Smith paid $1,234.56 at 10:30.', 'Dr. Smith paid $1,234.56 at 10:30.'],
    ['-voice rms', 'voice rms'],
    ['--setf a=1', 'setf a=1'],
    ['bell\u0007 and null\u0000 here', 'bell and null here'],
  ])('reads %j as %j', (text, expected) => {
    expect(speakableText(text)).toBe(expected)
  })

  it.each(['', '   ', '😀😀', '你好，世界', '!!!', '- - -', '\u0000\u0001'])('finds nothing to say in %j', (text) => {
    expect(speakableText(text)).toBe('')
  })

  it('cuts what is too long between words', () => {
    const cut = speakableText('seven '.repeat(1000))
    expect(cut.length).toBeLessThanOrEqual(MAX_TEXT_CHARS)
    expect(cut.endsWith('seven')).toBe(true)
    expect(speakableText('a'.repeat(10_000)).length).toBe(MAX_TEXT_CHARS)
  })

  it('takes no long time for any text', () => {
    for (const text of [' '.repeat(5000), '-'.repeat(5000), 'a.'.repeat(2500), '_'.repeat(5000), '*_`'.repeat(1700), '9,'.repeat(2500)]) {
      const startedMs = performance.now()
      speakableText(text)
      expect(performance.now() - startedMs).toBeLessThan(100)
    }
  })

  it('pauses longer after a sentence than after a comma', () => {
    expect(pauseAfterS('Done.')).toBeGreaterThan(pauseAfterS('Well,'))
    expect(pauseAfterS('Well,')).toBeGreaterThan(pauseAfterS('and so'))
  })
})
