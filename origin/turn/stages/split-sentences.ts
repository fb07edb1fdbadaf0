/** Stage: cuts streamed text into clauses, so that synthesis starts with the first clause. */
import type { Stage } from '../../pipeline/stage.ts'
import { ClauseCutter } from '../../text/sentences/clause-cutter.ts'
import type { ClauseText, TextPiece } from '../../text/types.ts'

/**
 * Clauses in order, nothing lost but white space and signs that nothing is said for. A pause belongs to the clause before it; one
 * without comes as a clause with the text ''.
 */
export const splitSentences: Stage<TextPiece, ClauseText> = async function* splitSentences(pieces) {
  const cutter = new ClauseCutter()
  for await (const piece of pieces) {
    if (piece.kind === 'text') yield* cutter.push(piece.text).map((text) => ({ text }))
    else {
      const clauses: ClauseText[] = cutter.end().map((text) => ({ text }))
      if (piece.kind === 'pause') {
        const last = clauses.pop() ?? { text: '' }
        clauses.push({ ...last, pauseAfterMs: piece.ms })
      }
      yield* clauses
    }
  }
  yield* cutter.end().map((text) => ({ text }))
}
