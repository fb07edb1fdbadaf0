/** Stage: adds the mouth to speech, from phones where the TTS provider knows them, else by the lip-sync network and the text. */
import { VISEMES } from '../../../shared/face.ts'
import { MAX_CLAUSE_MS, MOUTH_FPS, SAMPLE_RATE } from '../../../shared/media.ts'
import { concatPcm, toMs } from '../../dsp/pcm.ts'
import type { LipSync, MouthFrames, MouthFromPhones, MouthFromText } from '../../lipsync/types.ts'
import type { Stage } from '../../pipeline/stage.ts'
import type { Segment, Speech } from './types.ts'

const SAMPLES_PER_MOUTH_FRAME = SAMPLE_RATE / MOUTH_FPS
const MAX_SEGMENT_SAMPLES = (MAX_CLAUSE_MS / 1000) * SAMPLE_RATE
/** Samples of further audio after which a piece no longer waits for an incomplete word. */
const MAX_WORD_WAIT_SAMPLES = 0.5 * SAMPLE_RATE

export interface MoveMouthOptions {
  mouthFromPhones: MouthFromPhones
  lipSync: LipSync
  /** Undefined: the TTS provider does not know the times of its text. */
  mouthFromText?: MouthFromText | undefined
}

/** Mouth frames that cover a piece of sound; the rows before it belong to earlier pieces. */
function rows(mouth: MouthFrames, startSample: number, samples: number): MouthFrames {
  const from = Math.floor(startSample / SAMPLES_PER_MOUTH_FRAME)
  const to = Math.ceil((startSample + samples) / SAMPLES_PER_MOUTH_FRAME)
  return mouth.subarray(from * VISEMES.length, to * VISEMES.length)
}

export const moveMouth = (options: MoveMouthOptions): Stage<Speech, Segment> =>
  async function* moveMouth(speech, { signal }) {
    let known: MouthFrames | undefined
    let startSample = 0
    let heard: LipSyncedClause | undefined
    for await (const piece of speech) {
      if (piece.first) {
        startSample = 0
        known = piece.phones ? options.mouthFromPhones(piece.phones, piece.clause.durationMs / 1000) : undefined
        heard = known ? undefined : new LipSyncedClause(options)
      }
      if (known) yield segment(piece, startSample, rows(known, startSample, piece.pcm.length))
      else if (heard) {
        const segments = await heard.push(piece)
        signal.throwIfAborted()
        yield* segments
      }
      startSample += piece.pcm.length
    }
  }

/** A clause without phones, whose mouth the lip-sync network computes. The network looks ahead, so pieces wait here for their rows. */
class LipSyncedClause {
  readonly #stream
  readonly #text
  #waiting: Int16Array[] = []
  /** Where the first waiting piece begins, and how much was received, samples. */
  #startSample = 0
  #received = 0
  #collected: MouthFrames = new Float32Array(0)

  constructor({ lipSync, mouthFromText }: MoveMouthOptions) {
    this.#stream = lipSync.open()
    this.#text = mouthFromText?.open()
  }

  /** @returns segments that are complete: short ones first, so that playout starts soon, then ever longer ones */
  async push(piece: Speech): Promise<Segment[]> {
    this.#waiting.push(piece.pcm)
    this.#received += piece.pcm.length
    if (piece.characters) this.#text?.add(piece.characters)
    const [more] = await Promise.all([this.#stream.push(piece.pcm), this.#text?.settle({ isLast: piece.last })])
    this.#collect(more)
    if (piece.last) this.#collect(await this.#stream.flush())
    const segments: Segment[] = []
    for (let next = this.#takeReady(piece.last); next; next = this.#takeReady(piece.last)) segments.push(this.#segment(piece, next))
    return segments
  }

  /**
   * Pieces that leave together: as long as all that left before, so that a TTS provider which is no slower than real time never
   * leaves a gap.
   */
  #takeReady(isLast: boolean): Int16Array | undefined {
    const wanted = Math.min(MAX_SEGMENT_SAMPLES, this.#startSample)
    let count = 0
    let samples = 0
    for (const pcm of this.#waiting) {
      const end = this.#startSample + samples + pcm.length
      if ((samples > 0 && samples >= wanted) || !(isLast || this.#isCertain(end))) break
      samples += pcm.length
      count++
    }
    if (count === 0 || (samples < wanted && !isLast)) return undefined
    return concatPcm(this.#waiting.splice(0, count))
  }

  #isCertain(endSample: number): boolean {
    if (endSample > (this.#collected.length / VISEMES.length) * SAMPLES_PER_MOUTH_FRAME) return false
    const wordStart = (this.#text?.knownUntilS ?? Number.POSITIVE_INFINITY) * SAMPLE_RATE
    return endSample <= wordStart || this.#received - endSample >= MAX_WORD_WAIT_SAMPLES
  }

  #segment(piece: Speech, pcm: Int16Array): Segment {
    const mouth = rows(this.#collected, this.#startSample, pcm.length)
    const firstRow = Math.floor(this.#startSample / SAMPLES_PER_MOUTH_FRAME)
    const made = segment({ ...piece, pcm }, this.#startSample, this.#text?.blend(mouth, firstRow) ?? mouth)
    this.#startSample += pcm.length
    return made
  }

  #collect(more: MouthFrames): void {
    const joined = new Float32Array(this.#collected.length + more.length)
    joined.set(this.#collected)
    joined.set(more, this.#collected.length)
    this.#collected = joined
  }
}

function segment({ clause, pcm }: Speech, startSample: number, mouth: MouthFrames): Segment {
  return { clause, offsetMs: toMs(startSample), pcm, mouth }
}
