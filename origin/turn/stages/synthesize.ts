/** Stage: synthesizes clauses, in order. */
import type { VoiceSettings } from '../../../shared/api.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { SAMPLE_RATE } from '../../../shared/media.ts'
import { toMs } from '../../dsp/pcm.ts'
import type { Stage } from '../../pipeline/stage.ts'
import type { SpeechPiece, SpeechProvider } from '../../providers/tts/types.ts'
import type { ClauseText } from '../../text/types.ts'
import type { Clause, Speech } from './types.ts'

export interface SynthesizeOptions {
  tts: SpeechProvider
  voiceId: string
  settings: VoiceSettings
  /** The provider has begun to answer: called once. */
  onFirstSound?: (() => void) | undefined
  /** A clause could not be said, or not to its end; the others are. `details.clause` is its index in the turn. */
  onClauseFailed?: ((error: AvatarError) => void) | undefined
}

/** Clauses that fail one after the other before the whole turn does. */
const MAX_FAILED = 2
const SAYABLE = /[\p{L}\p{N}]/u

/** A clause that the provider fails is told of and left out, or ends where its sound broke off; the others are said. */
export const synthesize = ({ tts, voiceId, settings, onFirstSound, onClauseFailed }: SynthesizeOptions): Stage<ClauseText, Speech> =>
  async function* speak(clauses, { signal }) {
    let begun = false
    let index = -1
    let failedInARow = 0
    /** Of the clause before, and not told yet: where nothing more is said, the turn fails with it. */
    let failure: AvatarError | undefined
    const tell = (): void => {
      if (failure) onClauseFailed?.(failure)
      failure = undefined
    }
    for await (const { text, pauseAfterMs = 0 } of clauses) {
      // vendors refuse a text without a word
      if (!SAYABLE.test(text)) {
        if (begun && pauseAfterMs > 0) yield silence(pauseAfterMs)
        continue
      }
      index += 1
      if (begun) tell()
      const clause: Clause = { text, durationMs: tts.estimateDurationS(text, voiceId, settings) * 1000 }
      let previous: SpeechPiece | undefined
      let first = true
      let samples = 0
      let thrown: unknown
      try {
        for await (const piece of tts.speak({ text, voiceId, settings }, signal)) {
          signal.throwIfAborted()
          if (!begun) onFirstSound?.()
          begun = true
          tell()
          learn(clause, piece)
          if (previous !== undefined) {
            yield { clause, ...previous, first, last: false }
            first = false
          }
          previous = piece
          samples += piece.pcm.length
          clause.durationMs = Math.max(clause.durationMs, toMs(samples))
        }
        failedInARow = 0
      } catch (caught) {
        signal.throwIfAborted()
        thrown = caught
      }
      clause.durationMs = toMs(samples)
      if (previous !== undefined) yield { clause, ...previous, first, last: true }
      if (begun && pauseAfterMs > 0) yield silence(pauseAfterMs)
      if (thrown === undefined) continue
      failedInARow += 1
      if (!(thrown instanceof AvatarError) || failedInARow >= MAX_FAILED || isFinal(thrown, begun)) {
        tell()
        throw thrown instanceof AvatarError ? ofClause(thrown, index) : thrown
      }
      failure = ofClause(thrown, index)
    }
    if (failure) throw failure
  }

/** A clause without a text: the pause that the text asks for. */
function silence(ms: number): Speech {
  const pcm = new Int16Array(Math.round((ms / 1000) * SAMPLE_RATE))
  return { clause: { text: '', durationMs: toMs(pcm.length) }, pcm, first: true, last: true }
}

function ofClause({ code, message, details, cause }: AvatarError, clause: number): AvatarError {
  return new AvatarError(code, message, { ...details, clause }, { cause })
}

/** Asking for the next clause would fail as well, or let the listener wait in vain once more. */
function isFinal({ code, details: { status, reason } }: AvatarError, begun: boolean): boolean {
  if (code !== 'PROVIDER_FAILED') return true
  if (typeof status === 'number' && status >= 400 && status < 500 && status !== 429) return true
  return !begun && (typeof status === 'number' || reason === 'timeout')
}

function learn(clause: Clause, { phones, characters }: SpeechPiece): void {
  if (phones) clause.phones = phones
  if (characters) clause.characters = [...(clause.characters ?? []), ...characters]
}
