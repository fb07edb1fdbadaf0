/** What a text has that voices of English alone cannot say. */
import { speakableText } from './flite/text.ts'

/** As a warning for the caller; undefined where all of it can be said. */
export function englishShortcoming(text: string): string | undefined {
  const letters = text.match(/\p{L}/gu) ?? []
  const foreign = letters.filter((letter) => !/\p{Script=Latin}/u.test(letter)).length
  if (foreign === 0 && speakableText(text) !== '') return undefined
  const what = speakableText(text) === '' ? 'nothing in this text' : 'only the Latin letters of this text'
  return `The embedded voice speaks English and can say ${what}; set ELEVENLABS_API_KEY for other languages.`
}
