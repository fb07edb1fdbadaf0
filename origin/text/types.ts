/** What flows from written text to the voice. */

/**
 * A piece of text that is free of markup and of a model's control text, in the order in which it is said.
 *
 * - `text`: words to say, as they are written in captions.
 * - `boundary`: a sentence ends here whatever the punctuation says: end of a heading, a list item, a paragraph, a table row.
 * - `pause`: silence that the text asks for (`<break time="1.5s"/>`), ms.
 */
export type TextPiece = { kind: 'text'; text: string } | { kind: 'boundary' } | { kind: 'pause'; ms: number }

/** Text that is synthesized at once; silence of pauseAfterMs follows. */
export interface ClauseText {
  text: string
  pauseAfterMs?: number
}
