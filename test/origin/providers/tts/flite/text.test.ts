import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { MAX_TEXT_CHARS, pauseAfterS, speakableText } from '../../../../../origin/providers/tts/flite/text.ts'
import { until } from '../../../../support/until.ts'

const MODULE = new URL('../../../../../origin/providers/tts/flite/text.ts', import.meta.url)
/** Long runs of what the patterns look for. */
const HOSTILE = [' ', '-', 'a.', '_', '*_`', '9,', 'a.b', '` ', '— ', '[]('].map((piece) => piece.repeat(5_000 / piece.length))

describe('speakable text', () => {
  it.each([
    ['Hello there.', 'Hello there.'],
    ['  two\n\nlines\t here ', 'two lines here'],
    ['See https://www.example.com/docs now.', 'See example dot com slash docs now.'],
    ['Mail me at info@example.org.', 'Mail me at info at example dot org.'],
    ['**Bold**, `code` and # heading', 'Bold, code and heading'],
    ['snake_case stays', 'snake case stays'],
    ['“Quoted” — it’s fine…', "Quoted, it's fine,"],
    ['café, naïve, Zürich, Łódź', 'cafe, naive, Zurich, lodz'],
    ['€5 or £3.50', 'five euros or three pounds and fifty pence'],
    ['20 °C outside', 'twenty degrees Celsius outside'],
    ['salt & pepper by AT&T', 'salt and pepper by A T and T'],
    ['Great job 🎉👍', 'Great job'],
    ['你好 world', 'world'],
    [
      'Dr. Smith paid $1,234.56 at 10:30.',
      'doctor Smith paid one thousand two hundred thirty four dollars and fifty six cents at ten thirty.',
    ],
    ['-voice rms', 'voice rms'],
    ['--setf a=1', 'setf a equals one'],
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

  it('looks at four times as much as it says, and no further', () => {
    for (const text of HOSTILE)
      expect(speakableText(`${text.slice(0, MAX_TEXT_CHARS)}and more`)).toBe(speakableText(text.slice(0, MAX_TEXT_CHARS)))
  })

  it('has an end for any text', async () => {
    // in a thread of its own: a pattern that runs wild would hold this one for ever
    const run = `const { parentPort, workerData: { module, texts } } = require('node:worker_threads')
      import(module).then(({ speakableText }) => parentPort.postMessage(texts.map((text) => speakableText(text).length)))`
    const worker = new Worker(run, { eval: true, workerData: { module: MODULE.href, texts: HOSTILE } })
    let lengths: number[] | undefined
    worker.once('message', (message: number[]) => {
      lengths = message
    })
    try {
      for (const length of await until('all texts', () => lengths)) expect(length).toBeLessThanOrEqual(MAX_TEXT_CHARS)
    } finally {
      await worker.terminate()
    }
  })

  it('pauses longer after a sentence than after a comma', () => {
    expect(pauseAfterS('Done.')).toBeGreaterThan(pauseAfterS('Well,'))
    expect(pauseAfterS('Well,')).toBeGreaterThan(pauseAfterS('and so'))
  })
})
