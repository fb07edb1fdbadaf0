/** From text, or from the client's own audio, to segments: the stages of a turn, composed. Every stage streams. */
import { SAMPLE_RATE } from '../../shared/media.ts'
import { toMs } from '../dsp/pcm.ts'
import type { StageContext } from '../pipeline/stage.ts'
import { readMarkup } from '../text/markup.ts'
import { cutSegments } from './stages/cut-segments.ts'
import { type MoveMouthOptions, moveMouth } from './stages/move-mouth.ts'
import { splitSentences } from './stages/split-sentences.ts'
import { type SynthesizeOptions, synthesize } from './stages/synthesize.ts'
import type { Segment, Speech } from './stages/types.ts'

/** Pieces in which client audio goes through the lip-sync network: the first is short, so that it sounds soon. */
const FIRST_PIECE_SAMPLES = 0.4 * SAMPLE_RATE
const PIECE_SAMPLES = 2.4 * SAMPLE_RATE

export interface SpeechPipelineOptions extends MoveMouthOptions {
  tts: SynthesizeOptions['tts']
}

/** Shared by all sessions of the process. */
export interface SpeechPipeline {
  /** Text to what is said of it, to clauses, to speech, to speech with its mouth, to segments. */
  fromText(text: AsyncIterable<string>, options: Omit<SynthesizeOptions, 'tts'> & StageContext): AsyncIterable<Segment>
  /** The client's own audio to segments. @param pcm SAMPLE_RATE */
  fromAudio(pcm: Int16Array, context: StageContext): AsyncIterable<Segment>
}

export function createSpeechPipeline({ tts, ...mouthOptions }: SpeechPipelineOptions): SpeechPipeline {
  const addMouth = moveMouth(mouthOptions)
  return {
    fromText(text, { signal, ...options }) {
      const context = { signal }
      const clauses = splitSentences(readMarkup(text, context), context)
      const speech = synthesize({ tts, ...options })(clauses, context)
      return cutSegments(addMouth(speech, context), context)
    },
    fromAudio(pcm, context) {
      return cutSegments(addMouth(inPieces(pcm), context), context)
    },
  }
}

async function* inPieces(pcm: Int16Array): AsyncGenerator<Speech> {
  const clause = { text: '', durationMs: toMs(pcm.length) }
  let start = 0
  while (start < pcm.length) {
    const end = Math.min(pcm.length, start + (start === 0 ? FIRST_PIECE_SAMPLES : PIECE_SAMPLES))
    yield { clause, pcm: pcm.subarray(start, end), first: start === 0, last: end === pcm.length }
    start = end
  }
}
