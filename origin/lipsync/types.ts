/** From speech to mouth: 15 viseme weights every 20 ms. */
import type { CharacterTime, Phone } from '../providers/tts/types.ts'

/** Row-major [frames, VISEMES.length] at MOUTH_FPS; row i is the mouth at i / MOUTH_FPS seconds. Rows sum to 1. */
export type MouthFrames = Float32Array

/** Exact mouth from known phones by dominance blending (Cohen and Massaro 1993). */
export type MouthFromPhones = (phones: readonly Phone[], durationS: number) => MouthFrames

/** Mouth from sound alone: one stream per utterance, sound in order, frames in order. */
export interface LipSyncStream {
  /** 16-bit PCM mono SAMPLE_RATE Hz, any length; resolves to the frames that became certain. */
  push(pcm: Int16Array): Promise<MouthFrames>
  /** The rest, so that frames cover all the sound. The stream is over afterwards. */
  flush(): Promise<MouthFrames>
}

export interface LipSync {
  open(): LipSyncStream
  close(): Promise<void>
}

/** Closures of one clause's written words over the rows of its sound. */
export interface TextMouth {
  /** Characters in order, as their times become known. */
  add(characters: readonly CharacterTime[]): void
  /** Finds out how the words that are complete sound. @param isLast no character follows */
  settle(options: { isLast: boolean }): Promise<void>
  /** s at which a word begins that is not complete yet; Infinity without one. */
  readonly knownUntilS: number
  /** @param rows of the sound, from `firstRow` of the clause on @returns as many rows */
  blend(rows: MouthFrames, firstRow: number): MouthFrames
}

export interface MouthFromText {
  open(): TextMouth
}
